"""Conditional requests over HTTP: of those who change one thing at once, one is heard (RFC 9110 §13)."""

import asyncio

import httpx2
import pytest

from tests.support.problem import code_of


@pytest.mark.parametrize("kind", ["team", "organization", "account"])
async def test_R63_of_many_who_saw_one_version_one_changes_it(as_ada: httpx2.AsyncClient, kind: str) -> None:
    team = (await as_ada.post("/teams", json={"name": "Platform"})).json()
    organization = "/v1/organizations/acme"
    path = {"team": f"{organization}/teams/{team['id']}", "organization": organization, "account": "/v1/me"}[kind]
    address = as_ada.base_url.join(path)
    seen = (await as_ada.get(address)).headers["etag"]

    async def rename(name: str) -> httpx2.Response:
        return await as_ada.patch(address, json={"name": name}, headers={"If-Match": seen})

    answers = await asyncio.gather(*(rename(f"Name {number}") for number in range(6)))
    [heard] = [answer for answer in answers if answer.status_code == 200]
    assert {code_of(answer, 412) for answer in answers if answer is not heard} == {"version_mismatch"}
    now = await as_ada.get(address)
    assert (now.json()["name"], now.headers["etag"]) == (heard.json()["name"], heard.headers["etag"])


async def test_a_deletion_of_something_else_than_was_seen_does_not_happen(as_ada: httpx2.AsyncClient) -> None:
    made = await as_ada.post("/teams", json={"name": "Platform"})
    path = f"/teams/{made.json()['id']}"
    seen = (await as_ada.get(path)).headers["etag"]
    await as_ada.patch(path, json={"name": "Core"})
    assert code_of(await as_ada.delete(path, headers={"If-Match": seen}), 412) == "version_mismatch"
    present = (await as_ada.get(path)).headers["etag"]
    assert (await as_ada.delete(path, headers={"If-Match": present})).status_code == 204
    assert code_of(await as_ada.delete(path, headers={"If-Match": "*"}), 404) == "team_not_found"


async def test_a_directorys_settings_are_changed_by_who_saw_them(as_ada: httpx2.AsyncClient) -> None:
    seen = await as_ada.get("/directory")
    changed = await as_ada.patch(
        "/directory", json={"lenient_members": False}, headers={"If-Match": seen.headers["etag"]}
    )
    assert changed.status_code == 200
    assert changed.headers["etag"] == (await as_ada.get("/directory")).headers["etag"] != seen.headers["etag"]
