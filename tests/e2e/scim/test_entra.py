"""A life as Microsoft Entra ID leads it, in the shapes Entra sends."""

from typing import Any

import httpx2
import pytest

from ostiary.domain.membership import Role
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


@pytest.mark.parametrize("flag", ["", "?aadOptscim062020"])
async def test_the_compatibility_flag_changes_nothing(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any], flag: str
) -> None:
    one = f"/Users/{bo['id']}{flag}"
    changed = await scim.patch(
        one,
        json=patch_of(
            {
                "op": "replace",
                "value": {"displayName": "d", "name.givenName": "g", f"{ENTERPRISE}:employeeNumber": "1"},
            },
            {"op": "replace", "path": "active", "value": False},
        ),
    )

    assert changed.status_code == 200, changed.text
    assert (changed.json()["displayName"], changed.json()["name"]["givenName"]) == ("d", "g")
    assert changed.json()[ENTERPRISE]["employeeNumber"] == "1"
    assert await sync.member(bo["id"]) is None
    assert (await scim.get(one)).json()["active"] is False


async def test_a_disabled_user_is_found_and_enabled_again_not_created_twice(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any]
) -> None:
    await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "Replace", "path": "active", "value": "False"}))
    found = await scim.get("/Users", params={"filter": 'userName eq "bo@acme.test"'})
    assert [(user["id"], user["active"]) for user in found.json()["Resources"]] == [(bo["id"], False)]

    again = await scim.post("/Users", json=entra_user("bo@acme.test"))
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    back = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of({"op": "Add", "path": "active", "value": "True"}, {"op": "Add", "path": "title", "value": "Dr"}),
    )
    assert (back.json()["active"], back.json()["title"]) == (True, "Dr")
    assert await sync.member(bo["id"]) is not None


async def test_a_renamed_user_keeps_everything_else(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any]
) -> None:
    renamed = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of(
            {"op": "Replace", "path": "userName", "value": "bo.li@acme.test"},
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "bo.li@acme.test"},
            {"op": "Replace", "path": "name.familyName", "value": "Li"},
            {"op": "Replace", "path": "displayName", "value": "Bo Li"},
        ),
    )

    assert renamed.json()["externalId"] == "bo"
    assert renamed.json()["emails"] == [{"primary": True, "type": "work", "value": "bo.li@acme.test"}]
    member = await sync.member(bo["id"])
    assert member is not None
    assert (member.email, member.name) == ("bo.li@acme.test", "Bo Li")


async def test_attribute_names_have_no_case(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    changed = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of(
            {"op": "Replace", "path": "DISPLAYNAME", "value": "Bo"},
            {"op": "Replace", "path": 'Emails[Type EQ "work"].Value', "value": "b@acme.test"},
            {"op": "Replace", "value": {"NICKNAME": "b", "Name.GivenName": "B"}},
        ),
    )

    assert changed.status_code == 200, changed.text
    assert (changed.json()["displayName"], changed.json()["nickName"]) == ("Bo", "b")
    assert changed.json()["emails"] == [{"primary": True, "type": "work", "value": "b@acme.test"}]
    assert changed.json()["name"]["givenName"] == "B"


async def test_addresses_are_changed_part_by_part_and_one_stays_primary(
    scim: httpx2.AsyncClient, bo: dict[str, Any]
) -> None:
    changed = await scim.patch(
        f"/Users/{bo['id']}",
        json=patch_of(
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": "w@acme.test"},
            {"op": "add", "path": 'emails[type eq "home"].value', "value": "h@acme.test"},
            {"op": "replace", "path": 'emails[type eq "home"].display', "value": "Home"},
            {"op": "add", "path": 'emails[type eq "work"].primary', "value": "False"},
            {"op": "replace", "path": 'emails[type eq "home"].primary', "value": "True"},
            {"op": "Replace", "path": 'addresses[type eq "work"].formatted', "value": "18/2111"},
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1 555 0100"},
        ),
    )

    assert changed.json()["emails"] == [
        {"primary": False, "type": "work", "value": "w@acme.test"},
        {"primary": True, "type": "home", "value": "h@acme.test", "display": "Home"},
    ]
    assert changed.json()["addresses"] == [{"type": "work", "formatted": "18/2111"}]
    assert changed.json()["phoneNumbers"] == [{"type": "mobile", "value": "+1 555 0100"}]


async def test_R46_application_roles_come_as_objects_and_as_json_in_a_text(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    await sync.change(manage_roles=True, role_attribute="roles")
    roles = [{"primary": False, "type": "WindowsAzureActiveDirectoryRole", "display": "Admin", "value": "Admin"}]
    user = (await scim.post("/Users", json=entra_user("bo@acme.test", roles=roles))).json()
    one = f"/Users/{user['id']}"

    async def role() -> Role | None:
        member = await sync.member(user["id"])
        return member and member.role

    assert await role() is Role.ADMINISTRATOR
    text = '{"id":"18d14569-c3bd-439b-9a66-3a2aee01d14f","value":"Member","displayName":"A member"}'
    lowered = await scim.patch(
        one,
        json=patch_of({"op": "Remove", "path": "roles"}, {"op": "Add", "path": "roles", "value": [{"value": text}]}),
    )
    assert lowered.json()["roles"] == [{"value": "Member", "display": "A member"}]
    assert await role() is Role.MEMBER
    again = await scim.patch(one, json=patch_of({"op": "Add", "path": "roles", "value": [{"value": text}]}))
    assert again.json()["roles"] == lowered.json()["roles"]


@pytest.mark.parametrize("value", ["no", "0", 0, 1, "inactive", [], {}])
async def test_only_true_and_false_take_or_give_access(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: dict[str, Any], value: object
) -> None:
    refused = [
        await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "Replace", "path": "active", "value": value})),
        await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "Replace", "value": {"active": value}})),
        await scim.put(f"/Users/{bo['id']}", json=entra_user("bo@acme.test", active=value)),
    ]

    assert [(answer.status_code, answer.json()["scimType"]) for answer in refused] == [(400, "invalidValue")] * 3
    assert await sync.member(bo["id"]) is not None


async def test_removing_some_members_by_value_leaves_the_others(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    people = [(await scim.post("/Users", json=entra_user(f"{name}@acme.test"))).json()["id"] for name in "abcd"]
    group = (await scim.post("/Groups", json={"schemas": [GROUP], "displayName": "Engineering"})).json()["id"]
    for members, op in ((people, "Add"), (people[:2], "Remove")):
        value = [{"$ref": None, "value": member} for member in members]
        answer = await scim.patch(f"/Groups/{group}", json=patch_of({"op": op, "path": "members", "value": value}))
        assert answer.status_code == 204

    assert await sync.team_members(group) == set(people[2:])
