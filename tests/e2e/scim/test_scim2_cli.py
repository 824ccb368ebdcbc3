"""A command line for SCIM, which its author writes for everybody's servers, drives the running service."""

import asyncio
import gc
import json
import warnings
from collections.abc import Callable
from typing import Any

from click.testing import CliRunner, Result
from scim2_cli import cli

from ostiary import bootstrap
from tests.support.directory import PATCH, DirectorySync, bulk_of
from tests.support.house import House
from tests.support.web import serve


class CommandLine:
    """The commands, for one directory of a server. Each discovers the service for itself."""

    def __init__(self, base_url: str, token: str) -> None:
        self._environment = {
            "SCIM_CLI_URL": f"{base_url}/scim/v2",
            "SCIM_CLI_HEADERS": f"Authorization: Bearer {token}",
        }

    def run(self, *arguments: str, sent: str | None = None) -> Result:
        """Run a command to its end."""
        return CliRunner().invoke(cli, arguments, input=sent, env=self._environment)

    def told(self, *arguments: str, sent: str | None = None) -> Any:
        """What a command that succeeds prints."""
        result = self.run(*arguments, sent=sent)
        assert result.exit_code == 0, result.output
        return json.loads(result.output) if result.output.strip() else None


def lifetime(line: CommandLine) -> None:
    """A user and a group from their creation to their deletion."""
    bo = line.told("create", "user", "--user-name", "bo@acme.com", "--name", '{"givenName": "Bo"}', "--active", "true")
    assert (bo["userName"], bo["name"]["givenName"], bo["active"]) == ("bo@acme.com", "Bo", True)
    taken = line.run("create", "user", "--user-name", "BO@acme.com")
    assert taken.exit_code != 0
    assert "uniqueness" in taken.output

    group = line.told("create", "group", "--display-name", "Engineering")
    assert line.told("modify", "group", group["id"], "add", "members", json.dumps([{"value": bo["id"]}])) is None
    joined = line.told("query", "user", bo["id"])
    assert [one["display"] for one in joined["groups"]] == ["Engineering"]

    changes = ("replace", "title", "Lead", "add", "nickName", "Bobby", "remove", "name.givenName")
    changed = line.told("modify", "user", bo["id"], *changes)
    assert (changed["title"], changed["nickName"], changed.get("name")) == ("Lead", "Bobby", None)
    replaced = line.told("replace", "user", "--id", bo["id"], "--user-name", "bo.li@acme.com")
    assert replaced["userName"] == "bo.li@acme.com"
    assert "title" not in replaced

    found = line.told("query", "user", "--filter", 'userName eq "BO.LI@acme.com"', "--attribute", "userName")
    assert [set(one) for one in found["Resources"]] == [{"schemas", "id", "userName"}]
    page = line.told("search", "user", "--sort-by", "userName", "--count", "1", "--cursor", "")
    assert (page["totalResults"], page["itemsPerPage"]) == (2, 1)
    assert page["nextCursor"]

    lead = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "Lead"}]}
    sent = bulk_of({"method": "PATCH", "path": f"/Users/{bo['id']}", "data": lead})
    assert [one["status"] for one in line.told("bulk", sent=json.dumps(sent))["Operations"]] == ["200"]

    for kind, one in (("group", group["id"]), ("user", bo["id"])):
        assert line.told("delete", kind, one) is None
        assert line.run("query", kind, one).exit_code != 0


def checked(line: CommandLine) -> None:
    """Its own checks of a server: each succeeds, so none is skipped."""
    result = line.run("test")
    assert result.exit_code == 0, result.output
    assert result.output.count("SUCCESS") > 100


async def test_a_command_line_drives_the_service(house: House, sync: DirectorySync) -> None:
    def make_app(base_url: str) -> Any:
        return bootstrap.make_app(house.settings.model_copy(update={"base_url": base_url}))

    def drive(*steps: Callable[[CommandLine], None]) -> None:
        with warnings.catch_warnings(), serve(make_app) as base_url:
            # A process of its own would have ended; the commands leave that to close their connections.
            warnings.simplefilter("ignore", ResourceWarning)
            for step in steps:
                step(CommandLine(base_url, sync.token))
            gc.collect()

    await asyncio.to_thread(drive, lifetime, checked)
