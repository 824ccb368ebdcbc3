"""A life as Okta leads it, in the shapes Okta sends."""

from typing import Any

import httpx2

from ostiary.domain.membership import Role
from tests.support.directory import DirectorySync, patch_of
from tests.support.house import Person

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


def okta_user(email: str, **attributes: Any) -> dict[str, Any]:
    given = email.partition("@")[0].capitalize()
    return {
        "schemas": [USER_SCHEMA],
        "userName": email,
        "name": {"givenName": given, "familyName": "Ng"},
        "emails": [{"primary": True, "value": email, "type": "work"}],
        "displayName": f"{given} Ng",
        "locale": "en-US",
        "externalId": f"00u-{given}",
        "groups": [],
        "password": "Yf3k-29dd.q",
        "active": True,
        **attributes,
    }


async def test_saving_the_integration_reads_users_and_groups_by_index(scim: httpx2.AsyncClient) -> None:
    users = await scim.get("/Users", params={"startIndex": 1, "count": 2})
    groups = await scim.get("/Groups", params={"startIndex": 1, "count": 100})

    assert users.status_code == groups.status_code == 200
    assert users.headers["content-type"] == "application/scim+json"
    assert users.json()["totalResults"] == 1
    assert [user["userName"] for user in users.json()["Resources"]] == ["ada@acme.test"]
    assert groups.json() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "startIndex": 1,
        "itemsPerPage": 0,
        "Resources": [],
    }


async def test_a_user_is_looked_for_created_and_not_created_twice(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    lookup = {"filter": 'userName eq "bo@acme.test"', "startIndex": 1, "count": 100}
    assert (await scim.get("/Users", params=lookup)).json()["totalResults"] == 0

    created = await scim.post("/Users", json=okta_user("bo@acme.test", planetscale_role="admin"))

    assert created.status_code == 201
    body = created.json()
    assert created.headers["location"] == body["meta"]["location"] == f"http://ostiary.test/scim/v2/Users/{body['id']}"
    assert created.headers["etag"] == body["meta"]["version"] == 'W/"1"'
    assert "password" not in body
    assert body["planetscale_role"] == "admin"
    assert body["externalId"] == "00u-Bo"
    assert (await scim.get("/Users", params=lookup)).json()["Resources"] == [body]
    member = await sync.member(body["id"])
    assert member is not None
    assert (member.account_id, member.email, member.name) == (None, "bo@acme.test", "Bo Ng")

    again = await scim.post("/Users", json=okta_user("Bo@acme.test"))
    assert again.status_code == 409
    assert again.json()["scimType"] == "uniqueness"
    assert again.json()["status"] == "409"


async def test_a_wizard_app_deactivates_by_a_full_put_and_reactivates_by_another(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    user = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()

    off = await scim.put(f"/Users/{user['id']}", json=okta_user("bo@acme.test", active=False, id=user["id"]))
    assert off.status_code == 200
    assert off.json()["active"] is False
    assert await sync.member(user["id"]) is None
    assert (await scim.get(f"/Users/{user['id']}")).json()["active"] is False

    on = await scim.put(f"/Users/{user['id']}", json=okta_user("bo@acme.test", id=user["id"]))
    assert on.json()["active"] is True
    assert await sync.member(user["id"]) is not None


async def test_a_gallery_app_deactivates_and_renames_by_patch_without_a_path(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    user = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()

    renamed = await scim.patch(
        f"/Users/{user['id']}",
        json=patch_of(
            {
                "op": "replace",
                "value": {
                    "id": user["id"],
                    "userName": "bo.li@acme.test",
                    "name.familyName": "Li",
                    "displayName": "Bo Li",
                },
            }
        ),
    )
    assert renamed.status_code == 200
    assert renamed.json()["name"] == {"givenName": "Bo", "familyName": "Li"}
    member = await sync.member(user["id"])
    assert member is not None
    assert member.name == "Bo Li"

    off = await scim.patch(f"/Users/{user['id']}", json=patch_of({"op": "replace", "value": {"active": False}}))
    assert off.json()["active"] is False
    assert await sync.member(user["id"]) is None


async def test_an_invited_user_who_never_signed_in_is_listed_as_active(scim: httpx2.AsyncClient) -> None:
    user = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()

    assert (await scim.get(f"/Users/{user['id']}")).json()["active"] is True


async def test_a_group_is_pushed_filled_renamed_emptied_and_deleted(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    bo = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()["id"]
    cy = (await scim.post("/Users", json=okta_user("cy@acme.test"))).json()["id"]
    pushed = await scim.post(
        "/Groups",
        json={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Engineering", "members": []},
    )
    assert pushed.status_code == 201
    group = pushed.json()["id"]

    async def patch(*operations: dict[str, Any]) -> None:
        answer = await scim.patch(f"/Groups/{group}", json=patch_of(*operations))
        assert answer.status_code == 204, answer.text

    await patch({"op": "add", "path": "members", "value": [{"value": bo, "display": "bo@acme.test"}]})
    assert await sync.team_members(group) == {bo}

    await patch(
        {"op": "remove", "path": f'members[value eq "{bo}"]'},
        {"op": "add", "path": "members", "value": [{"value": cy, "display": "cy@acme.test"}]},
    )
    assert await sync.team_members(group) == {cy}

    await patch({"op": "replace", "value": {"id": group, "displayName": "Platform"}})
    await patch({"op": "replace", "value": {"id": group, "displayName": "Platform"}})
    found = (await scim.get(f"/Groups/{group}")).json()
    assert found["displayName"] == "Platform"
    assert [member["value"] for member in found["members"]] == [cy]
    assert found["members"][0]["$ref"] == f"http://ostiary.test/scim/v2/Users/{cy}"
    assert [entry["value"] for entry in (await scim.get(f"/Users/{cy}")).json()["groups"]] == [group]

    await patch({"op": "replace", "path": "members", "value": []})
    assert await sync.team_members(group) == set()

    assert (await scim.delete(f"/Groups/{group}")).status_code == 204
    assert (await scim.get(f"/Groups/{group}")).status_code == 404
    assert (await scim.get("/Groups")).json()["totalResults"] == 0


async def test_one_unknown_member_in_a_push_of_many_does_not_lose_the_others(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    bo = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()["id"]

    pushed = await scim.post(
        "/Groups", json={"displayName": "Engineering", "members": [{"value": "00u-Cy"}, {"value": bo}]}
    )

    assert pushed.status_code == 201
    assert [member["value"] for member in pushed.json()["members"]] == [bo]
    cy = (await scim.post("/Users", json=okta_user("cy@acme.test"))).json()
    assert [group["value"] for group in cy["groups"]] == [pushed.json()["id"]]
    assert await sync.team_members(pushed.json()["id"]) == {bo, cy["id"]}


async def test_importing_lists_the_members_there_are_and_assigning_takes_them_over(
    scim: httpx2.AsyncClient, sync: DirectorySync, ada: Person
) -> None:
    listed = (await scim.get("/Users", params={"startIndex": 1, "count": 100})).json()["Resources"]
    assert [(user["userName"], user["active"]) for user in listed] == [("ada@acme.test", True)]

    taken = await scim.post("/Users", json=okta_user("ada@acme.test"))

    assert taken.status_code == 201
    assert taken.json()["id"] == listed[0]["id"]
    member = await sync.member(taken.json()["id"])
    assert member is not None
    assert (member.account_id, member.managed_by) == (ada.account_id, "directory")
    assert (await scim.get("/Users")).json()["totalResults"] == 1


async def test_no_answer_to_a_write_of_users_is_empty(scim: httpx2.AsyncClient) -> None:
    created = await scim.post("/Users", json=okta_user("bo@acme.test"))
    one = f"/Users/{created.json()['id']}"
    pushed = await scim.post("/Groups", json={"displayName": "Engineering", "members": []})

    for answer in (
        created,
        pushed,
        await scim.put(one, json=okta_user("bo@acme.test", active=False)),
        await scim.patch(one, json=patch_of({"op": "replace", "value": {"active": True}})),
        await scim.put(f"/Groups/{pushed.json()['id']}", json={"displayName": "Platform", "members": []}),
    ):
        assert answer.json()["id"]
        assert answer.headers["content-type"] == "application/scim+json"


async def test_a_user_is_read_before_it_is_put_back_whole(scim: httpx2.AsyncClient) -> None:
    user = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()
    read = (await scim.get(f"/Users/{user['id']}")).json()
    assert read == user

    put = await scim.put(f"/Users/{user['id']}", json={**read, "nickName": "B"})

    assert put.status_code == 200
    assert put.json()["nickName"] == "B"
    assert put.json()["meta"]["version"] == 'W/"2"'


async def test_a_password_is_never_kept(scim: httpx2.AsyncClient) -> None:
    user = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()
    one = f"/Users/{user['id']}"

    synced = await scim.patch(one, json=patch_of({"op": "replace", "value": {"password": "Yf3k-29dd.q"}}))

    assert synced.status_code == 200
    assert "password" not in synced.json()
    assert synced.json()["meta"]["version"] == user["meta"]["version"]
    found = await scim.get("/Users", params={"filter": 'password eq "Yf3k-29dd.q"'})
    assert found.status_code == 400 or found.json()["totalResults"] == 0


async def test_R46_R47_a_custom_attribute_of_the_core_schema_is_mapped_and_announced(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    await sync.change(manage_roles=True, attribute_map={"planetscale_role": "role"})
    announced = (await scim.get(f"/Schemas/{USER_SCHEMA}")).json()["attributes"]
    assert [(each["type"], each["multiValued"]) for each in announced if each["name"] == "planetscale_role"] == [
        ("string", False)
    ]

    user = (await scim.post("/Users", json=okta_user("bo@acme.test", planetscale_role="admin"))).json()
    assert user["planetscale_role"] == "admin"

    async def role() -> Role | None:
        member = await sync.member(user["id"])
        return member and member.role

    assert await role() is Role.ADMINISTRATOR
    one = f"/Users/{user['id']}"
    await scim.patch(one, json=patch_of({"op": "replace", "value": {"planetscale_role": "member"}}))
    assert await role() is Role.MEMBER
    await scim.put(one, json=okta_user("bo@acme.test", planetscale_role="Administrator"))
    assert await role() is Role.ADMINISTRATOR
    # Okta leaves out of a PUT what is empty there.
    cleared = await scim.put(one, json=okta_user("bo@acme.test"))
    assert "planetscale_role" not in cleared.json()
    assert await role() is Role.MEMBER


async def test_the_operations_of_a_patch_happen_together_or_not_at_all(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    bo = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()["id"]
    await sync.change(lenient_members=False)
    group = (await scim.post("/Groups", json={"displayName": "Engineering", "members": [{"value": bo}]})).json()["id"]

    refused = await scim.patch(
        f"/Groups/{group}",
        json=patch_of(
            {"op": "remove", "path": f'members[value eq "{bo}"]'},
            {"op": "replace", "path": "displayName", "value": "Platform"},
            {"op": "add", "path": "members", "value": [{"value": "00u-nobody"}]},
        ),
    )

    assert refused.status_code == 400
    assert "00u-nobody" in refused.json()["detail"]
    assert await sync.team_members(group) == {bo}
    assert (await scim.get(f"/Groups/{group}")).json()["displayName"] == "Engineering"


async def test_R44_pushing_now_sends_name_and_members_in_one_value(
    scim: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    bo = (await scim.post("/Users", json=okta_user("bo@acme.test"))).json()["id"]
    linked = await scim.post("/Groups", json={"displayName": "Engineering", "members": []})
    group = linked.json()["id"]
    found = await scim.get("/Groups", params={"filter": 'displayName eq "Engineering"', "startIndex": 1, "count": 100})
    assert [each["id"] for each in found.json()["Resources"]] == [group]

    for members, wanted in (([{"value": bo, "display": "bo@acme.test"}], {bo}), ([], set[str]())):
        value = {"id": group, "displayName": "Engineering", "members": members}
        pushed = await scim.patch(f"/Groups/{group}", json=patch_of({"op": "replace", "value": value}))
        assert pushed.status_code == 204
        assert await sync.team_members(group) == wanted


async def test_an_import_reads_every_user_once_page_by_page(scim: httpx2.AsyncClient) -> None:
    for number in range(4):
        await scim.post("/Users", json=okta_user(f"user{number}@acme.test", externalId=f"00u{number}"))
    seen: list[str] = []
    for start in (1, 3, 5):
        page = (await scim.get("/Users", params={"startIndex": start, "count": 2})).json()
        assert (page["totalResults"], page["startIndex"]) == (5, start)
        assert all(isinstance(page[name], int) for name in ("totalResults", "startIndex", "itemsPerPage"))
        seen += [user["userName"] for user in page["Resources"]]

    assert seen == ["ada@acme.test", *(f"user{number}@acme.test" for number in range(4))]


async def test_what_the_integration_test_suite_refuses_is_refused(scim: httpx2.AsyncClient) -> None:
    missing = await scim.post("/Users", json={"schemas": [USER_SCHEMA], "name": {"givenName": "Bo"}})
    unknown = await scim.get("/Users/00u-nobody")

    assert (missing.status_code, missing.json()["scimType"]) == (400, "invalidValue")
    assert (unknown.status_code, unknown.json()["status"]) == (404, "404")
    for refused in (missing, unknown):
        assert refused.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert refused.json()["detail"]
