"""`/v1/organizations/{org}/teams` over HTTP."""

import httpx2

from tests.support.house import House, Person
from tests.support.problem import code_of


async def test_a_team_is_made_read_renamed_and_deleted(as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient) -> None:
    made = await as_ada.post("/teams", json={"name": "Platform"})
    assert made.status_code == 201
    team = made.json()
    assert (team["name"], team["managed_by"], team["external_id"]) == ("Platform", "manual", None)
    assert (await as_bo.get("/teams")).json() == {"data": [team], "next_cursor": None}
    renamed = await as_ada.patch(f"/teams/{team['id']}", json={"name": "Core"})
    assert (renamed.status_code, renamed.json()) == (200, {**team, "name": "Core"})
    assert (await as_bo.get(f"/teams/{team['id']}")).json() == renamed.json()
    assert (await as_ada.delete(f"/teams/{team['id']}")).status_code == 204
    assert code_of(await as_bo.get(f"/teams/{team['id']}"), 404) == "team_not_found"


async def test_members_are_put_into_a_team_and_taken_out(
    house: House, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, bo: Person
) -> None:
    team = (await as_ada.post("/teams", json={"name": "Platform"})).json()
    path = f"/teams/{team['id']}/members/{(await house.member(bo)).id}"
    for _ in range(2):
        assert (await as_ada.put(path)).status_code == 204
    listed = (await as_bo.get("/members", params={"team_id": team["id"]})).json()
    assert [item["user"]["email"] for item in listed["data"]] == ["bo@acme.test"]
    for _ in range(2):
        assert (await as_ada.delete(path)).status_code == 204
    assert (await as_bo.get("/members", params={"team_id": team["id"]})).json()["data"] == []
    assert code_of(await as_ada.put(f"/teams/{team['id']}/members/mem_nobody"), 404) == "member_not_found"
    assert code_of(await as_bo.put(path), 403) == "forbidden"


async def test_a_team_needs_a_name_of_its_own(as_ada: httpx2.AsyncClient) -> None:
    await as_ada.post("/teams", json={"name": "Platform"})
    assert code_of(await as_ada.post("/teams", json={"name": "platform"}), 409) == "team_name_taken"
    refused = await as_ada.post("/teams", json={"name": " "})
    assert code_of(refused, 422) == "invalid_name"
    assert refused.json()["errors"][0]["pointer"] == "/name"


async def test_R40_teams_belong_to_the_directory_while_it_is_on(house: House, as_ada: httpx2.AsyncClient) -> None:
    await house.enable_directory()
    assert code_of(await as_ada.post("/teams", json={"name": "Platform"}), 409) == "directory_managed"
