"""A life as PingOne and PingFederate lead it: filters without quotes, users disabled from the start, groups matched."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import GROUP, USER, DirectorySync, patch_of


def ping_user(email: str, **attributes: Any) -> dict[str, Any]:
    return {
        "schemas": [USER],
        "userName": email,
        "externalId": "12345",
        "name": {"givenName": "Bo", "familyName": "Ng"},
        "emails": [{"value": email, "type": "work", "primary": True}],
        "active": True,
        **attributes,
    }


@pytest.fixture
async def user(scim: httpx2.AsyncClient) -> str:
    """The id of a user Ping provisioned disabled."""
    created = await scim.post("/Users", json=ping_user("bo@acme.test", active=False))
    assert created.status_code == 201, created.text
    assert created.json()["active"] is False
    return created.json()["id"]


@pytest.mark.parametrize(
    "text",
    [
        "userName eq bo@acme.test",
        'userName Eq "bo@acme.test"',
        "username eq BO@acme.test",
        "emails eq bo@acme.test",
        'emails eq "bo@acme.test"',
        "emails.value Co bo@",
        "externalId eq 12345",
        'userName eq "bo@acme.test" or externalId eq "none"',
    ],
)
async def test_a_user_is_looked_up_with_quotes_and_without(scim: httpx2.AsyncClient, user: str, text: str) -> None:
    found = await scim.get("/Users", params={"filter": text, "startIndex": 1, "count": 2})

    assert [entry["id"] for entry in found.json()["Resources"]] == [user], found.text


async def test_an_unquoted_look_up_that_finds_nobody_is_an_empty_list(scim: httpx2.AsyncClient) -> None:
    found = await scim.get("/Users", params={"filter": "userName eq o'brien@acme.test"})

    assert (found.status_code, found.json()["totalResults"]) == (200, 0)


async def test_single_quotes_are_no_quotes(scim: httpx2.AsyncClient, user: str) -> None:
    refused = await scim.get("/Users", params={"filter": "userName eq 'bo@acme.test'"})

    assert user
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidFilter")


async def test_a_user_disabled_from_the_start_gets_access_later_and_loses_it(
    scim: httpx2.AsyncClient, sync: DirectorySync, user: str
) -> None:
    one = f"/Users/{user}"
    assert await sync.member(user) is None

    on = await scim.put(one, json=ping_user("bo@acme.test"))
    assert on.json()["active"] is True
    assert await sync.member(user) is not None
    renamed = await scim.put(one, json=ping_user("bo.li@acme.test", name={"givenName": "Bo", "familyName": "Li"}))
    assert renamed.json()["userName"] == "bo.li@acme.test"
    member = await sync.member(user)
    assert member is not None
    assert (member.email, member.name) == ("bo.li@acme.test", "Bo Li")

    disabled = await scim.patch(one, json=patch_of({"op": "replace", "path": "active", "value": False}))
    assert disabled.json()["active"] is False
    assert await sync.member(user) is None
    again = await scim.patch(one, json=patch_of({"op": "replace", "path": "active", "value": True}))
    assert again.json()["active"] is True
    assert (await scim.delete(one)).status_code == 204
    assert (await scim.get(one)).status_code == 404


async def test_a_group_is_matched_by_name_merged_or_overwritten_renamed_emptied_and_deleted(
    scim: httpx2.AsyncClient, sync: DirectorySync, user: str
) -> None:
    await scim.put(f"/Users/{user}", json=ping_user("bo@acme.test"))
    other = (await scim.post("/Users", json=ping_user("cy@acme.test", externalId="2"))).json()["id"]
    by_name = {"filter": 'displayName eq "Engineering"'}
    assert (await scim.get("/Groups", params=by_name)).json()["totalResults"] == 0
    pushed = {"schemas": [GROUP], "displayName": "Engineering", "externalId": "g1"}
    group = (await scim.post("/Groups", json=pushed)).json()["id"]
    assert [each["id"] for each in (await scim.get("/Groups", params=by_name)).json()["Resources"]] == [group]

    merge = patch_of({"op": "add", "path": "members", "value": [{"value": user}]})
    assert (await scim.patch(f"/Groups/{group}", json=merge)).status_code == 204
    overwrite = patch_of({"op": "replace", "path": "members", "value": [{"value": other}]})
    assert (await scim.patch(f"/Groups/{group}", json=overwrite)).status_code == 204
    assert await sync.team_members(group) == {other}

    platform = {**pushed, "displayName": "Platform", "members": [{"value": user}]}
    renamed = await scim.put(f"/Groups/{group}", json=platform)
    assert renamed.json()["displayName"] == "Platform"
    assert await sync.team_members(group) == {user}
    emptied = await scim.put(f"/Groups/{group}", json={**platform, "members": []})
    assert "members" not in emptied.json() or emptied.json()["members"] == []
    assert await sync.team_members(group) == set()
    assert (await scim.delete(f"/Groups/{group}")).status_code == 204
