"""A life as JumpCloud leads it: the connection is tested with a user and a group, users are put, groups patched."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import ENTERPRISE, GROUP, USER, DirectorySync, patch_of


def jumpcloud_user(email: str, **attributes: Any) -> dict[str, Any]:
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": email,
        "externalId": f"5f{email}",
        "name": {"givenName": "Bo", "familyName": "Ng", "formatted": "Bo Ng"},
        "displayName": "Bo Ng",
        "emails": [{"value": email, "type": "work", "primary": True}],
        "addresses": [],
        "phoneNumbers": [],
        "active": True,
        ENTERPRISE: {"department": "QA", "manager": {}},
        **attributes,
    }


@pytest.fixture
async def user(scim: httpx2.AsyncClient) -> str:
    """The id of a user JumpCloud created."""
    created = await scim.post("/Users", json=jumpcloud_user("bo@acme.test"))
    assert created.status_code == 201, created.text
    return created.json()["id"]


async def test_the_connection_is_tested_with_a_user_and_a_group(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    assert (await scim.get("/ServiceProviderConfig")).json()["patch"] == {"supported": True}
    assert (await scim.get("/Users", params={"count": 1, "startIndex": 1})).json()["itemsPerPage"] == 1
    user = (await scim.post("/Users", json=jumpcloud_user("jctest@acme.test"))).json()["id"]
    found = await scim.get("/Users", params={"filter": 'userName eq "jctest@acme.test"'})
    assert [each["id"] for each in found.json()["Resources"]] == [user]
    off = await scim.put(f"/Users/{user}", json=jumpcloud_user("jctest@acme.test", active=False))
    assert off.json()["active"] is False
    group = (await scim.post("/Groups", json={"schemas": [GROUP], "displayName": "JCTest"})).json()["id"]
    found = await scim.get("/Groups", params={"filter": 'displayName eq "JCTest"', "count": 1, "startIndex": 1})
    assert [each["id"] for each in found.json()["Resources"]] == [group]

    assert (await scim.delete(f"/Groups/{group}")).status_code == 204
    assert (await scim.delete(f"/Users/{user}")).status_code == 204
    assert await sync.member(user) is None


async def test_a_user_is_updated_renamed_deactivated_reactivated_and_deleted(
    scim: httpx2.AsyncClient, sync: DirectorySync, user: str
) -> None:
    one = f"/Users/{user}"
    updated = await scim.put(one, json=jumpcloud_user("bo@acme.test", title="Tester"))
    assert updated.json()["title"] == "Tester"
    assert updated.json()[ENTERPRISE] == {"department": "QA"}
    await scim.put(one, json=jumpcloud_user("bo.li@acme.test", displayName="Bo Li"))
    member = await sync.member(user)
    assert member is not None
    assert (member.email, member.name) == ("bo.li@acme.test", "Bo Li")

    for active in (False, True):
        answer = await scim.put(one, json=jumpcloud_user("bo.li@acme.test", active=active))
        assert answer.json()["active"] is active
        assert (await sync.member(user) is not None) is active
    assert (await scim.delete(one)).status_code == 204
    assert (await scim.get(one)).status_code == 404


@pytest.mark.parametrize("removal", ["value", "filter"])
async def test_a_group_is_created_filled_renamed_emptied_and_deleted(
    scim: httpx2.AsyncClient, sync: DirectorySync, user: str, removal: str
) -> None:
    group = (await scim.post("/Groups", json={"schemas": [GROUP], "displayName": "Engineering"})).json()["id"]
    other = (await scim.post("/Users", json=jumpcloud_user("cy@acme.test"))).json()["id"]

    async def patch(*operations: dict[str, Any]) -> None:
        answer = await scim.patch(f"/Groups/{group}", json=patch_of(*operations))
        assert answer.status_code == 204, answer.text

    await patch({"op": "add", "path": "members", "value": [{"value": user}]})
    await patch({"op": "add", "path": "members", "value": [{"value": other}]})
    await patch({"op": "replace", "value": {"displayName": "Platform"}})
    assert (await scim.get(f"/Groups/{group}")).json()["displayName"] == "Platform"
    assert await sync.team_members(group) == {user, other}

    for each, left in ((user, {other}), (other, set[str]())):
        by_value = {"op": "remove", "path": "members", "value": [{"value": each}]}
        by_filter = {"op": "remove", "path": f'members[value eq "{each}"]'}
        await patch(by_value if removal == "value" else by_filter)
        assert await sync.team_members(group) == left
    assert (await scim.delete(f"/Groups/{group}")).status_code == 204
    assert (await scim.get("/Groups")).json()["totalResults"] == 0
