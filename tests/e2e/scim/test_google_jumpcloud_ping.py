"""What Google, JumpCloud and Ping send that others do not."""

import httpx2
import pytest

from tests.support.directory import DirectorySync, group_document, patch_of, user_document


async def test_google_speaks_plain_json_suspends_and_deletes_weeks_later(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    scim.headers["Content-Type"] = "application/json"
    user = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()

    suspended = await scim.patch(
        f"/Users/{user['id']}", json=patch_of({"op": "replace", "path": "active", "value": False})
    )
    assert suspended.json()["active"] is False
    assert await sync.member(user["id"]) is None
    assert (await scim.delete(f"/Users/{user['id']}")).status_code == 204
    assert (await scim.post("/Users", json=user_document("bo@acme.test"))).status_code == 201


async def test_jumpcloud_renames_and_fills_groups_by_patch(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    user = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    group = (await scim.post("/Groups", json=group_document("Engineering"))).json()["id"]

    for operation in (
        {"op": "replace", "value": {"displayName": "Platform"}},
        {"op": "add", "path": "members", "value": [{"value": user}]},
    ):
        assert (await scim.patch(f"/Groups/{group}", json=patch_of(operation))).status_code == 204

    assert (await scim.get(f"/Groups/{group}")).json()["displayName"] == "Platform"
    assert await sync.team_members(group) == {user}


@pytest.mark.parametrize("text", ["userName eq bo@acme.test", "emails eq bo@acme.test", 'emails eq "bo@acme.test"'])
async def test_ping_looks_up_without_quotes_users_it_provisioned_disabled(
    scim: httpx2.AsyncClient, sync: DirectorySync, text: str
) -> None:
    user = (await scim.post("/Users", json=user_document("bo@acme.test", active=False))).json()
    assert user["active"] is False
    assert await sync.member(user["id"]) is None

    found = await scim.get("/Users", params={"filter": text})

    assert [entry["id"] for entry in found.json()["Resources"]] == [user["id"]]
