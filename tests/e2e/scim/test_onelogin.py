"""What OneLogin sends that others do not."""

import httpx2

from tests.support.directory import ENTERPRISE, USER, DirectorySync, group_document, patch_of, user_document

ONELOGIN = {"schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]}


async def test_a_user_is_looked_up_created_and_replaced_with_old_schemas(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    assert (await scim.get("/Users?filter=userName+eq+%22bo%40acme.test%22&")).json()["totalResults"] == 0

    created = await scim.post("/Users", json={**user_document("bo@acme.test"), **ONELOGIN})
    assert created.status_code == 201, created.text
    user = created.json()
    assert user["schemas"] == [USER]
    replaced = await scim.put(
        f"/Users/{user['id']}?",
        json={**user_document("bo@acme.test"), **ONELOGIN, ENTERPRISE: {"department": "QA"}, "active": False},
    )

    assert replaced.json()["schemas"] == [USER, ENTERPRISE]
    assert await sync.member(user["id"]) is None
    assert (await scim.get("/Users?filter=userName+eq+%22bo%40acme.test%22&")).json()["totalResults"] == 1


async def test_groups_are_read_and_filled_by_patch(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    user = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    group = (await scim.post("/Groups", json=group_document("Engineering"))).json()["id"]
    listed = (await scim.get("/Groups")).json()["Resources"]
    assert [entry["displayName"] for entry in listed] == ["Engineering"]

    for operation, members in (("add", {user}), ("remove", set[str]())):
        value = {"op": operation, "path": "members", "value": [{"value": user}]}
        assert (await scim.patch(f"/Groups/{group}", json=patch_of(value))).status_code == 204
        assert await sync.team_members(group) == members
