"""A life as OneLogin leads it: old schema URNs, stray separators in addresses, entitlements read as groups."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import ENTERPRISE, GROUP, USER, DirectorySync, patch_of

OLD_ENTERPRISE = "urn:scim:schemas:extension:enterprise:2.0"


def onelogin_user(email: str, **attributes: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:scim:schemas:core:2.0", OLD_ENTERPRISE],
        "userName": email,
        "externalId": "68541",
        "name": {"givenName": "Bo", "familyName": "Ng", "formatted": "Bo Ng"},
        "emails": [{"value": email, "type": "work", "primary": True}],
        "phoneNumbers": [{"value": None, "type": "work"}],
        "title": None,
        "active": True,
        **attributes,
    }


@pytest.fixture
async def user(scim: httpx2.AsyncClient) -> str:
    """The id of a user OneLogin created."""
    created = await scim.post("/Users", json=onelogin_user("bo@acme.test"))
    assert created.status_code == 201, created.text
    assert created.json()["schemas"] == [USER]
    return created.json()["id"]


async def look_up(scim: httpx2.AsyncClient, address: str = "bo%40acme.test") -> list[str]:
    # As it stands in the access log of a service OneLogin provisions: plus signs, and an ampersand at the end.
    answer = await scim.get(f"/Users?filter=userName+eq+%22{address}%22&")
    assert answer.status_code == 200, answer.text
    return [user["id"] for user in answer.json()["Resources"]]


async def test_a_whole_life_of_a_user(scim: httpx2.AsyncClient, sync: DirectorySync, user: str) -> None:
    one = f"/Users/{user}?"
    assert await look_up(scim) == [user]
    assert await look_up(scim, "nobody%40acme.test") == []

    renamed = await scim.put(one, json=onelogin_user("bo.li@acme.test", name={"givenName": "Bo", "familyName": "Li"}))
    assert renamed.status_code == 200, renamed.text
    member = await sync.member(user)
    assert member is not None
    assert (member.email, member.name) == ("bo.li@acme.test", "Bo Li")

    for active in (False, True):
        answer = await scim.put(one, json=onelogin_user("bo.li@acme.test", active=active))
        assert answer.json()["active"] is active
        assert (await sync.member(user) is not None) is active
    assert (await scim.delete(one)).status_code == 204
    assert (await scim.get(one)).status_code == 404


@pytest.mark.parametrize("urn", [OLD_ENTERPRISE, "urn:scim:schemas:extension:enterprise:1.0", ENTERPRISE])
async def test_the_enterprise_extension_is_known_by_its_old_names(
    scim: httpx2.AsyncClient, user: str, urn: str
) -> None:
    replaced = await scim.put(f"/Users/{user}?", json=onelogin_user("bo@acme.test", **{urn: {"department": "QA"}}))
    assert replaced.json()["schemas"] == [USER, ENTERPRISE]
    assert replaced.json()[ENTERPRISE] == {"department": "QA"}

    patched = await scim.patch(
        f"/Users/{user}?", json=patch_of({"op": "replace", "path": f"{urn}:department", "value": "R&D"})
    )
    assert patched.json()[ENTERPRISE] == {"department": "R&D"}


async def test_entitlements_are_refreshed_and_groups_filled_renamed_emptied_and_deleted(
    scim: httpx2.AsyncClient, sync: DirectorySync, user: str
) -> None:
    made = {"schemas": [GROUP], "displayName": "Engineering"}
    group = (await scim.post("/Groups?", json=made)).json()["id"]
    other = (await scim.post("/Users", json=onelogin_user("cy@acme.test", externalId="2"))).json()["id"]
    listed = (await scim.get("/Groups?")).json()["Resources"]
    assert [(entry["id"], entry["displayName"]) for entry in listed] == [(group, "Engineering")]

    async def patch(*operations: dict[str, Any]) -> None:
        answer = await scim.patch(f"/Groups/{group}?", json=patch_of(*operations))
        assert answer.status_code == 204, answer.text

    await patch({"op": "add", "path": "members", "value": [{"value": user}]})
    await patch({"op": "add", "value": {"members": [{"value": other}]}})
    assert await sync.team_members(group) == {user, other}
    read = (await scim.get(f"/Users/{user}?")).json()
    assert [(entry["value"], entry["display"]) for entry in read["groups"]] == [(group, "Engineering")]
    # What was read comes back whole, groups too, which only the groups decide (RFC 7643 §4.1.2).
    assert (await scim.put(f"/Users/{user}?", json={**read, "groups": []})).status_code == 200
    assert await sync.team_members(group) == {user, other}

    await patch({"op": "remove", "path": f'members[value eq "{user}"]'})
    await patch({"op": "remove", "path": "members", "value": [{"value": other}]})
    assert await sync.team_members(group) == set()
    await patch({"op": "replace", "value": {"displayName": "Platform"}})
    assert (await scim.get(f"/Groups/{group}?")).json()["displayName"] == "Platform"
    assert (await scim.delete(f"/Groups/{group}?")).status_code == 204
    assert (await scim.get("/Groups?")).json()["totalResults"] == 0
