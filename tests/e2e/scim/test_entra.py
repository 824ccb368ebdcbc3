"""A life as Microsoft Entra ID leads it, in the shapes Entra sends."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import ENTERPRISE, GROUP, USER, DirectorySync, patch_of


def entra_user(email: str, **attributes: Any) -> dict[str, Any]:
    return {
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "externalId": email.partition("@")[0],
        "userName": email,
        "active": True,
        "addresses": None,
        "displayName": email.partition("@")[0].capitalize(),
        "emails": [{"primary": True, "type": "work", "value": email}],
        "meta": {"resourceType": "User"},
        "name": {"familyName": "Ng", "givenName": "Bo", "formatted": None},
        "title": None,
        "roles": [],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User": {"department": "R&D", "manager": None},
        **attributes,
    }


@pytest.fixture
async def bo(scim: httpx2.AsyncClient) -> dict[str, Any]:
    """A user Entra created."""
    created = await scim.post("/Users", json=entra_user("bo@acme.test"))
    assert created.status_code == 201, created.text
    return created.json()


@pytest.mark.parametrize(
    "filter_text",
    [
        'userName eq "00000001-0000-4000-8000-000000000000"',
        'externalId eq "00000002-0000-4000-8000-000000000000"',
        'emails[type eq "work"].value eq "nobody@acme.test"',
        'id eq "mem_00000000000000000000000000" and manager eq "mem_00000000000000000000000000"',
        "externalId eq jyoung",
    ],
)
async def test_a_look_up_that_finds_nobody_is_an_empty_list(scim: httpx2.AsyncClient, filter_text: str) -> None:
    answer = await scim.get("/Users", params={"filter": filter_text})

    assert answer.status_code == 200, answer.text
    assert answer.json()["totalResults"] == 0
    assert answer.json()["Resources"] == []


@pytest.mark.parametrize(
    "filter_text",
    [
        'userName eq "BO@acme.test"',
        'externalId eq "bo"',
        "externalId eq bo",
        'emails[type eq "work"].value eq "Bo@acme.test"',
        'emails[primary eq "True" and value sw "bo@"]',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d"',
        'active eq "True" and displayName sw "B"',
    ],
)
async def test_a_look_up_finds_the_user(scim: httpx2.AsyncClient, bo: dict[str, Any], filter_text: str) -> None:
    answer = await scim.get("/Users", params={"filter": filter_text})

    assert [user["id"] for user in answer.json()["Resources"]] == [bo["id"]], answer.text


async def test_a_user_is_created_from_nulls_and_a_misspelt_extension(bo: dict[str, Any]) -> None:
    assert bo["schemas"] == [USER, ENTERPRISE]
    assert bo[ENTERPRISE] == {"department": "R&D"}
    assert "title" not in bo
    assert "addresses" not in bo


async def test_disabling_says_false_in_words_and_the_user_stays_readable(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any]
) -> None:
    off = await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "Replace", "path": "active", "value": "False"}))

    assert off.json()["active"] is False
    assert await sync.member(bo["id"]) is None
    assert (await scim.get(f"/Users/{bo['id']}")).json()["active"] is False
    back = await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "Replace", "path": "active", "value": "True"}))
    assert back.json()["active"] is True
    assert await sync.member(bo["id"]) is not None


async def test_one_operation_sets_many_attributes_by_dotted_and_qualified_names(
    scim: httpx2.AsyncClient, bo: dict[str, Any]
) -> None:
    changed = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of(
            {
                "op": "replace",
                "value": {
                    "displayName": "Bo L",
                    "name.givenName": "Beau",
                    f"{ENTERPRISE}:employeeNumber": "1",
                },
            }
        ),
    )

    assert changed.json()["displayName"] == "Bo L"
    assert changed.json()["name"] == {"givenName": "Beau", "familyName": "Ng"}
    assert changed.json()[ENTERPRISE] == {"department": "R&D", "employeeNumber": "1"}


@pytest.mark.parametrize("op", ["Add", "Replace"])
async def test_an_address_that_is_not_there_is_made(scim: httpx2.AsyncClient, bo: dict[str, Any], op: str) -> None:
    changed = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of(
            {"op": op, "path": 'emails[type eq "home"].value', "value": "bo@home.test"},
            {"op": op, "path": 'roles[primary eq "True"].value', "value": "developer"},
        ),
    )

    assert {"type": "home", "value": "bo@home.test"} in changed.json()["emails"]
    assert changed.json()["roles"] == [{"primary": True, "value": "developer"}]


@pytest.mark.parametrize("manager", ["mem_9", {"value": "mem_9"}, [{"$ref": None, "value": "mem_9"}]])
async def test_a_manager_comes_in_three_shapes(scim: httpx2.AsyncClient, bo: dict[str, Any], manager: object) -> None:
    changed = await scim.patch(
        f"/Users/{bo['id']}", json=patch_of({"op": "Add", "path": f"{ENTERPRISE}:manager", "value": manager})
    )

    assert changed.json()[ENTERPRISE]["manager"] == {"value": "mem_9"}
    found = await scim.get("/Users", params={"filter": f'id eq "{bo["id"]}" and manager eq "mem_9"'})
    assert found.json()["totalResults"] == 1


async def test_an_empty_text_clears(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    changed = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of(
            {"op": "replace", "path": "displayName", "value": ""},
            {"op": "replace", "value": {f"{ENTERPRISE}:department": ""}},
        ),
    )

    assert "displayName" not in changed.json()
    assert ENTERPRISE not in changed.json()
    assert changed.json()["schemas"] == [USER]


async def test_a_group_without_members_has_a_schema_of_microsofts(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any]
) -> None:
    pushed = await scim.post(
        "/Groups",
        json={
            "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "Engineering",
            "meta": {"resourceType": "Group"},
        },
    )
    assert pushed.status_code == 201
    group = pushed.json()["id"]
    other = (await scim.post("/Users", json=entra_user("cy@acme.test"))).json()["id"]

    added = await scim.patch(
        f"/Groups/{group}",
        json=patch_of({"op": "Add", "path": "members", "value": [{"$ref": None, "value": bo["id"]}, {"value": other}]}),
    )
    assert added.status_code == 204
    assert await sync.team_members(group) == {bo["id"], other}
    bare = await scim.get(f"/Groups/{group}", params={"excludedAttributes": "members"})
    assert "members" not in bare.json()
    assert bare.json()["externalId"] == "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"
    member_of = await scim.get("/Groups", params={"filter": f'id eq "{group}" and members eq "{bo["id"]}"'})
    assert member_of.json()["totalResults"] == 1

    removed = await scim.patch(
        f"/Groups/{group}",
        json=patch_of({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": bo["id"]}]}),
    )
    assert removed.status_code == 204
    assert await sync.team_members(group) == {other}

    renamed = await scim.patch(
        f"/Groups/{group}", json=patch_of({"op": "Replace", "path": "displayName", "value": "Platform"})
    )
    assert renamed.status_code == 204
    found = await scim.get("/Groups", params={"filter": 'displayName eq "platform"'})
    assert [entry["id"] for entry in found.json()["Resources"]] == [group]
    assert (await scim.delete(f"/Groups/{group}")).status_code == 204


async def test_a_soft_deleted_user_is_deleted_at_last(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any]
) -> None:
    await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "Replace", "path": "active", "value": "False"}))

    assert (await scim.delete(f"/Users/{bo['id']}")).status_code == 204
    assert (await scim.get(f"/Users/{bo['id']}")).status_code == 404
    assert (await scim.delete(f"/Users/{bo['id']}")).status_code == 404
