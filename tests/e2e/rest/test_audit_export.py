"""Audit events taken out as JSON lines, however many there are."""

import json

import httpx2
import pytest

from tests.support.house import House, Person, bearer
from tests.support.problem import code_of

EXPORT = "/v1/organizations/acme/audit-events/export"


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def test_R60_every_event_is_a_line_newest_first_over_all_pages(
    client: httpx2.AsyncClient, house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.organizations.EXPORT_PAGE", 3)
    for number in range(8):
        await house.services.teams.create(ada.caller, "acme", f"Team {number}")

    answer = await client.get(EXPORT, headers=bearer(ada.token))

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    events = [json.loads(line) for line in answer.text.splitlines()]
    created = ["team.created"] * 8
    assert [event["action"] for event in events] == [*created, "organization.created"]
    assert [event["after"].get("name") for event in events[:8]] == [f"Team {number}" for number in range(7, -1, -1)]
    listed = await client.get("/v1/organizations/acme/audit-events", headers=bearer(ada.token))
    assert listed.json()["data"] == events


async def test_the_filters_of_the_list_are_those_of_the_export(
    client: httpx2.AsyncClient, house: House, ada: Person
) -> None:
    await house.services.teams.create(ada.caller, "acme", "Platform")
    answer = await client.get(EXPORT, params={"action": "team.created"}, headers=bearer(ada.token))
    assert [json.loads(line)["action"] for line in answer.text.splitlines()] == ["team.created"]


async def test_R1_nobody_but_administrators_takes_them_out(
    client: httpx2.AsyncClient, house: House, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    eve = await house.person("eve@evil.test")
    assert code_of(await client.get(EXPORT, headers=bearer(bo.token)), 403) == "forbidden"
    assert code_of(await client.get(EXPORT, headers=bearer(eve.token)), 404) == "organization_not_found"
