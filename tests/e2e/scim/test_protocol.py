"""What RFC 7644 asks for that no identity provider's life shows: refusals, versions, projections, pages, discovery."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.support.directory import ENTERPRISE, USER, DirectorySync, group_document, patch_of, user_document
from tests.support.house import House

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture
async def bo(scim: httpx2.AsyncClient) -> dict[str, Any]:
    """A user."""
    created = await scim.post(
        "/Users", json=user_document("bo@acme.test", **{"title": "Tester", ENTERPRISE: {"department": "QA"}})
    )
    assert created.status_code == 201, created.text
    return created.json()


async def test_without_the_directorys_token_nothing_is_read(scim: httpx2.AsyncClient) -> None:
    for credential in ("", "Bearer ost_scim_wrong", "Basic eHg6eQ=="):
        answer = await scim.get("/Users", headers={"Authorization": credential})

        assert answer.status_code == 401
        assert answer.json()["schemas"] == [ERROR]
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_R48_R55_a_token_dies_with_its_directory(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    await sync.change(enabled=False)

    assert (await scim.get("/Users")).status_code == 401


async def test_another_tenants_user_does_not_exist(
    app: FastAPI, house: House, scim: httpx2.AsyncClient, bo: dict[str, Any]
) -> None:
    from tests.e2e.scim.conftest import scim_client
    from tests.support.directory import directory_sync

    eve = await house.person("eve@other.test")
    await house.organization(eve, "other")
    other = await directory_sync(house, "other")
    async with scim_client(app, other) as stranger:
        assert (await stranger.get(f"/Users/{bo['id']}")).status_code == 404
        assert (await stranger.put(f"/Users/{bo['id']}", json=user_document("x@other.test"))).status_code == 404
        assert (await stranger.delete(f"/Users/{bo['id']}")).status_code == 404
        found = await stranger.get("/Users", params={"filter": 'userName eq "bo@acme.test"'})
        assert found.json()["totalResults"] == 0
        group = await stranger.post("/Groups", json=group_document("Spies", bo["id"]))
        assert group.json()["members"] == []
    assert (await scim.get(f"/Users/{bo['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "scim_type"),
    [
        ("POST", "/Users", b"{", "invalidSyntax"),
        ("POST", "/Users", b"[]", "invalidSyntax"),
        ("POST", "/Users", b'{"schemas":["urn:x:y"],"userName":"a"}', "invalidSyntax"),
        ("POST", "/Users", b'{"displayName":"nameless"}', "invalidValue"),
        ("POST", "/Users", b'{"userName":"a\\u0000"}', "invalidValue"),
        ("POST", "/Users", b'{"userName":"a","x":' + b'{"y":' * 20 + b"1" + b"}" * 20 + b"}", "invalidValue"),
        ("POST", "/Users", b'{"userName":"' + b"a" * 600 + b'"}', "invalidValue"),
        ("POST", "/Users", b'{"userName":"a","active":"perhaps"}', "invalidValue"),
        ("POST", "/Users", b'{"userName":"a","username":"b"}', "invalidSyntax"),
        ("POST", "/Users", b'{"userName":"a","name":{"familyName":"B","FamilyName":"B"}}', "invalidSyntax"),
        ("POST", "/Users", b'{"userName":"a","emails":[{"value":"a@b.test","Value":"c@d.test"}]}', "invalidSyntax"),
        ("POST", "/Groups", b'{"displayName":"a","displayname":"b"}', "invalidSyntax"),
        ("POST", "/Groups", b"{}", "invalidValue"),
        ("POST", "/Groups", b'{"displayName":"a","members":[{"display":"nobody"}]}', "invalidValue"),
        ("GET", "/Users?filter=userName%20near%20%22x%22", b"", "invalidFilter"),
        ("GET", "/Users?filter=active%20gt%20true", b"", "invalidFilter"),
        ("GET", "/Users?startIndex=one", b"", "invalidSyntax"),
        ("GET", "/Users?attributes=userName&excludedAttributes=id", b"", "invalidValue"),
    ],
)
async def test_a_refusal_names_its_kind(
    scim: httpx2.AsyncClient, method: str, path: str, body: bytes, scim_type: str
) -> None:
    answer = await scim.request(method, path, content=body)

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/scim+json"
    assert answer.json()["schemas"] == [ERROR]
    assert answer.json()["status"] == "400"
    assert answer.json()["scimType"] == scim_type
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "frobnicate", "path": "title"}, "invalidValue"),
        ({"op": "replace", "path": "emails["}, "invalidPath"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "groups", "value": []}, "mutability"),
        ({"op": "replace", "value": {"id": "mem_other"}}, "mutability"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "add", "path": "title"}, "invalidValue"),
    ],
)
async def test_an_operation_that_cannot_be_done_changes_nothing(
    scim: httpx2.AsyncClient, bo: dict[str, Any], operation: dict[str, Any], scim_type: str
) -> None:
    first = {"op": "replace", "path": "title", "value": "Changed"}

    answer = await scim.patch(f"/Users/{bo['id']}", json=patch_of(first, operation))

    assert answer.status_code == 400, answer.text
    assert answer.json()["scimType"] == scim_type
    assert "\n" not in answer.json()["detail"]
    assert (await scim.get(f"/Users/{bo['id']}")).json() == bo


async def test_two_spellings_of_one_attribute_are_both_named(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    both = patch_of({"op": "replace", "value": {"title": "One", "Title": "Other"}})

    answer = await scim.patch(f"/Users/{bo['id']}", json=both)

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")
    assert answer.json()["detail"] == "title and Title are one attribute: names have no case. Send one."
    assert (await scim.get(f"/Users/{bo['id']}")).json() == bo


OTHER_MESSAGES = {
    "another message": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
    "nobody's": ["urn:example:patch"],
    "beside the resource": [USER, "urn:example:patch"],
    "no list": {"schema": USER},
    "no text": [1],
}


@pytest.mark.parametrize("schemas", OTHER_MESSAGES.values(), ids=OTHER_MESSAGES)
async def test_a_patch_that_says_it_is_something_else_is_refused(
    scim: httpx2.AsyncClient, bo: dict[str, Any], schemas: Any
) -> None:
    group = (await scim.post("/Groups", json=group_document("Engineering"))).json()
    for address, path in ((f"/Users/{bo['id']}", "title"), (f"/Groups/{group['id']}", "displayName")):
        change = patch_of({"op": "replace", "path": path, "value": "Changed"})

        answer = await scim.patch(address, json={**change, "schemas": schemas})

        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")
        assert "messages:2.0:PatchOp" in answer.json()["detail"]
    assert (await scim.get(f"/Users/{bo['id']}")).json() == bo


async def test_a_version_that_is_no_longer_refuses_the_change(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    path = f"/Users/{bo['id']}"
    change = patch_of({"op": "replace", "path": "title", "value": "Lead"})

    assert (await scim.patch(path, json=change, headers={"If-Match": 'W/"7"'})).status_code == 412
    changed = await scim.patch(path, json=change, headers={"If-Match": 'W/"9", W/"1"'})
    assert changed.headers["etag"] == 'W/"2"'
    assert (await scim.delete(path, headers={"If-Match": 'W/"1"'})).status_code == 412
    assert (await scim.delete(path, headers={"If-Match": "*"})).status_code == 204


async def test_what_is_known_is_not_sent_again(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    known = await scim.get(f"/Users/{bo['id']}", headers={"If-None-Match": 'W/"1"'})

    assert known.status_code == 304
    assert known.content == b""


async def test_writing_what_is_there_makes_no_new_version(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    same = await scim.patch(f"/Users/{bo['id']}", json=patch_of({"op": "replace", "path": "title", "value": "Tester"}))

    assert same.json() == bo


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"attributes": "userName,name.givenName"}, {"schemas", "id", "userName", "name"}),
        ({"attributes": f"{ENTERPRISE}:department"}, {"schemas", "id", ENTERPRISE}),
        ({"attributes": ENTERPRISE}, {"schemas", "id", ENTERPRISE}),
        ({"attributes": f"{USER}:title"}, {"schemas", "id", "title"}),
        ({"attributes": "EMAILS.value"}, {"schemas", "id", "emails"}),
        (
            {"excludedAttributes": "id,meta,emails,name.givenName"},
            {"schemas", "id", "userName", "name", "active", "title", ENTERPRISE},
        ),
    ],
)
async def test_only_what_is_asked_for_is_sent(
    scim: httpx2.AsyncClient, bo: dict[str, Any], parameters: dict[str, str], names: set[str]
) -> None:
    one = (await scim.get(f"/Users/{bo['id']}", params=parameters)).json()
    listed = (await scim.get("/Users", params={**parameters, "filter": f'id eq "{bo["id"]}"'})).json()["Resources"]

    assert set(one) == names
    assert listed == [one]
    if "name" in names:
        assert set(one["name"]) == ({"familyName"} if "excludedAttributes" in parameters else {"givenName"})
    if parameters.get("attributes") == "EMAILS.value":
        assert one["emails"] == [{"value": "bo@acme.test"}]


async def test_pages_go_by_index_in_a_stable_order(scim: httpx2.AsyncClient) -> None:
    for number in range(5):
        await scim.post("/Users", json=user_document(f"user{number}@acme.test"))

    async def page(start: int, count: int) -> tuple[list[str], int]:
        body = (await scim.get("/Users", params={"startIndex": start, "count": count})).json()
        assert body["itemsPerPage"] == len(body["Resources"])
        return [user["userName"] for user in body["Resources"]], body["totalResults"]

    everybody, total = await page(1, 200)
    assert total == 6
    assert everybody == ["ada@acme.test", *(f"user{number}@acme.test" for number in range(5))]
    assert await page(1, 2) == (everybody[:2], 6)
    assert await page(5, 2) == (everybody[4:], 6)
    assert await page(6, 2) == (everybody[5:], 6)
    assert await page(7, 2) == ([], 6)
    assert await page(1, 0) == ([], 6)
    assert await page(-3, -1) == ([], 6)
    assert await page(0, 5000) == (everybody, 6)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('userName co "CME" and not (userName eq "ada@acme.test")', {"bo", "cy"}),
        ('userName ew "acme.test"', {"ada", "bo", "cy"}),
        ('userName ne "bo@acme.test"', {"ada", "cy"}),
        ("title pr", {"bo"}),
        ("not (title pr)", {"ada", "cy"}),
        ("title eq null", {"ada", "cy"}),
        ('title eq "tester" or active eq false', {"bo", "cy"}),
        ('not (title eq "tester")', {"ada", "cy"}),
        ("externalId pr", set[str]()),
        ("emails pr", {"ada", "bo", "cy"}),
        ('emails.value sw "BO"', {"bo"}),
        ('emails eq "cy@acme.test"', {"cy"}),
        ('emails[type eq "work" and not (value co "bo")]', {"ada", "cy"}),
        ('name.familyName eq "example"', {"bo", "cy"}),
        (f'{ENTERPRISE}:department eq "qa"', {"bo"}),
        ('department eq "qa"', {"bo"}),
        ('badge eq "Blue"', {"cy"}),
        ("badge pr", {"cy"}),
        ('urn:example:custom:2.0:User:floor eq "3"', {"cy"}),
        ('meta.created gt "2020-01-01T00:00:00Z"', {"ada", "bo", "cy"}),
        ('meta.lastModified lt "2020-01-01T00:00:00Z"', set[str]()),
        ('groups.display eq "crew"', set[str]()),
        ('groups.display eq "team"', {"cy"}),
        ('groups[display co "ea"]', {"cy"}),
        ('userName eq "bo@acme.test" or userName eq "cy@acme.test"', {"bo", "cy"}),
        ("active eq true", {"ada", "bo"}),
        (f'schemas eq "{ENTERPRISE}"', {"bo"}),
        ('userName ge "bo" and userName le "cz"', {"bo", "cy"}),
    ],
)
async def test_filters_find_whom_they_describe(
    scim: httpx2.AsyncClient, bo: dict[str, Any], text: str, found: set[str]
) -> None:
    cy = await scim.post(
        "/Users",
        json=user_document(
            "cy@acme.test", active=False, badge="blue", **{"urn:example:custom:2.0:User": {"floor": "3"}}
        ),
    )
    await scim.post("/Groups", json=group_document("Team", cy.json()["id"]))

    answer = await scim.get("/Users", params={"filter": text})

    assert answer.status_code == 200, answer.text
    assert {user["userName"].partition("@")[0] for user in answer.json()["Resources"]} == found
    assert answer.json()["totalResults"] == len(found)


async def test_discovery_says_what_there_is_and_what_not(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    await sync.change(role_attribute="planetscale_role")

    config = (await scim.get("/ServiceProviderConfig")).json()
    types = (await scim.get("/ResourceTypes")).json()["Resources"]
    schemas = {schema["id"]: schema for schema in (await scim.get("/Schemas")).json()["Resources"]}

    supported = {
        name: config[name]["supported"] for name in ("patch", "bulk", "filter", "changePassword", "sort", "etag")
    }
    assert supported == {
        "patch": True,
        "bulk": True,
        "filter": True,
        "changePassword": False,
        "sort": True,
        "etag": True,
    }
    assert config["filter"]["maxResults"] == 200
    assert [resource_type["endpoint"] for resource_type in types] == ["/Users", "/Groups"]
    assert "planetscale_role" in [attribute["name"] for attribute in schemas[USER]["attributes"]]
    assert (await scim.get(f"/Schemas/{ENTERPRISE}")).json()["id"] == ENTERPRISE
    assert (await scim.get("/Schemas/urn:none")).status_code == 404
    assert (await scim.get("/ResourceTypes/Group")).json()["schema"].endswith(":Group")
    assert (await scim.get("/Schemas", params={"filter": 'id eq "x"'})).status_code == 403
    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 200,
        "cursorTimeout": 86_400,
    }
    for method, path in (("GET", "/Me"), ("POST", "/Me")):
        answer = await scim.request(method, path, json={})
        assert (answer.status_code, answer.json()["schemas"]) == (501, [ERROR])
