"""Somebody else's suite of checks, against the running service: what it finds and what it skips is named here."""

import asyncio
import json
import subprocess
import sys
from typing import Any

from ostiary import bootstrap
from tests.support.directory import DirectorySync
from tests.support.house import House
from tests.support.web import serve

# A draft of its own, of resources for software agents, which the suite looks for everywhere.
_NOT_SCIM_2 = {"Agent CRUD Lifecycle", "AgenticApplication CRUD Lifecycle", "Agent Rapid Lifecycle"}
# The suite wants 200. RFC 7644 §3.5.2 leaves 204 open, Entra asks for it at groups, and a body would cost reading every
# member (R44); who names `attributes` gets one.
_WITHOUT_BODY = {"PATCH /Groups/{id}", "PATCH /Groups/{id} add member", "PATCH /Groups/{id} remove members"}


def _probed(house: House, token: str) -> list[dict[str, Any]]:
    def make_app(base_url: str) -> Any:
        return bootstrap.make_app(house.settings.model_copy(update={"base_url": base_url}))

    with serve(make_app) as base_url:
        arguments = ["--token", token, "--json-output", "--i-accept-side-effects"]
        done = subprocess.run(
            [sys.executable, "-m", "scim_sanity", "probe", f"{base_url}/scim/v2", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    said: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return said["results"]


async def test_scim_sanity_is_strict_and_finds_nothing_else(house: House, sync: DirectorySync) -> None:
    results = await asyncio.to_thread(_probed, house, sync.token)

    found = {result["name"]: result for result in results if result["status"] not in ("pass", "skip")}
    skipped = {result["name"] for result in results if result["status"] == "skip"}
    assert set(found) == _WITHOUT_BODY, found
    assert all("got 204" in result["message"] for result in found.values())
    assert skipped == _NOT_SCIM_2
    assert len(results) - len(found) - len(skipped) >= 25
