"""Every route refuses in one shape: what is unknown, unread, unwanted, outdated or somebody else's (RFC 7644 §3.12)."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.e2e.scim.conftest import scim_client
from tests.support.directory import DirectorySync, directory_sync, group_document, patch_of, user_document
from tests.support.house import House

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
NOBODY = "mem_01j00000000e008000000002zz"

USER = user_document("zed@acme.test")
GROUP = group_document("Zed")
PATCH = patch_of({"op": "add", "value": {"displayName": "Zed"}})
# Method, address with {user} and {group}, body.
ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/Users", None),
    ("POST", "/Users", USER),
    ("GET", "/Users/{user}", None),
    ("PUT", "/Users/{user}", USER),
    ("PATCH", "/Users/{user}", PATCH),
    ("DELETE", "/Users/{user}", None),
    ("GET", "/Groups", None),
    ("POST", "/Groups", GROUP),
    ("GET", "/Groups/{group}", None),
    ("PUT", "/Groups/{group}", GROUP),
    ("PATCH", "/Groups/{group}", PATCH),
    ("DELETE", "/Groups/{group}", None),
    ("GET", "/", None),
    ("POST", "/.search", {}),
    ("POST", "/Users/.search", {}),
    ("POST", "/Groups/.search", {}),
    ("POST", "/Bulk", {"Operations": [{"method": "DELETE", "path": f"/Users/{NOBODY}"}]}),
    ("GET", "/ServiceProviderConfig", None),
    ("GET", "/ResourceTypes", None),
    ("GET", "/ResourceTypes/User", None),
    ("GET", "/Schemas", None),
    ("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", None),
]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def refused(answer: httpx2.Response, status: int, scim_type: str | None = None) -> str:
    said = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert answer.status_code == status, said
    assert answer.headers["content-type"] == "application/scim+json", said
    if answer.request.method == "HEAD":
        return ""
    body = answer.json()
    assert body["schemas"] == [ERROR], said
    assert body["status"] == str(status), said
    assert body.get("scimType") == scim_type, said
    assert body["detail"], said
    return body["detail"]


@pytest.fixture
async def places(scim: httpx2.AsyncClient) -> dict[str, str]:
    """A user and a group that are there."""
    user = await scim.post("/Users", json=user_document("bo@acme.test"))
    group = await scim.post("/Groups", json=group_document("Team", user.json()["id"]))
    return {"user": user.json()["id"], "group": group.json()["id"]}


async def test_nothing_is_done_without_a_token_or_with_a_strangers(
    app: FastAPI, house: House, scim: httpx2.AsyncClient, places: dict[str, str]
) -> None:
    before = [(await scim.get(path.format(**places))).json() for path in ("/", "/Users/{user}", "/Groups/{group}")]
    for method, path, body in ROUTES:
        refused(await scim.request(method, path.format(**places), json=body, headers={"Authorization": ""}), 401)
    eve = await house.person("eve@other.test")
    await house.organization(eve, "other")
    async with scim_client(app, await directory_sync(house, "other")) as stranger:
        for method, path, body in ROUTES:
            if "{" in path:
                refused(await stranger.request(method, path.format(**places), json=body), 404)
        done = await stranger.post(
            "/Bulk", json={"Operations": [{"method": "DELETE", "path": f"/Users/{places['user']}"}]}
        )
        assert done.json()["Operations"][0]["status"] == "404"
    after = [(await scim.get(path.format(**places))).json() for path in ("/", "/Users/{user}", "/Groups/{group}")]
    assert after == before


async def test_what_is_not_there_is_404(scim: httpx2.AsyncClient) -> None:
    for gone in (NOBODY, "nonsense", "%00", "a/b", "team_01j00000000e008000000002zz", "x" * 3000):
        for method, path, body in ROUTES:
            if "{" in path:
                refused(await scim.request(method, path.format(user=gone, group=gone), json=body), 404)
    for path in ("/Nothing", "/Schemas/urn:none", "/ResourceTypes/Nothing", "/Users/.search/x"):
        refused(await scim.get(path), 404)


async def test_methods_that_are_not_there_are_405_and_the_others_named(
    scim: httpx2.AsyncClient, places: dict[str, str]
) -> None:
    known: dict[str, set[str]] = {}
    for method, path, _ in ROUTES:
        known.setdefault(path, set()).update({method, "HEAD"} if method == "GET" else {method})
    # What is found by its id shares the address with a search.
    known["/Users/.search"] |= known["/Users/{user}"]
    known["/Groups/.search"] |= known["/Groups/{group}"]
    for path, methods in known.items():
        for method in set(METHODS) - methods:
            answer = await scim.request(method, path.format(**places), json={})
            refused(answer, 405)
            assert set(answer.headers["allow"].split(", ")) == methods, (path, method)


async def test_a_body_is_json_of_scim(scim: httpx2.AsyncClient, places: dict[str, str]) -> None:
    for method, path, body in ROUTES:
        if body is None:
            continue
        address = path.format(**places)
        for media_type in ("text/xml", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"):
            answer = await scim.request(method, address, content=b"{}", headers={"Content-Type": media_type})
            assert "application/scim+json" in refused(answer, 415)
        for broken in (b"", b"{", b"[]", b'"x"', b"null", b"\xff"):
            refused(await scim.request(method, address, content=broken), 400, "invalidSyntax")
        deep = b'{"x":' * 40 + b"1" + b"}" * 40
        refused(await scim.request(method, address, content=deep), 400, "invalidValue")
        refused(await scim.request(method, address, content=b" " * 1_048_577), 413)
        refused(await scim.request(method, address, content=b'{"x":"\\u0000"}'), 400, "invalidValue")


@pytest.mark.parametrize("media_type", ["application/json", "application/scim+json; charset=utf-8", "Application/JSON"])
async def test_both_media_types_are_read(scim: httpx2.AsyncClient, media_type: str) -> None:
    answer = await scim.post("/Users", json=USER, headers={"Content-Type": media_type, "Accept": media_type})

    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/scim+json"


async def test_an_outdated_version_is_412_and_changes_nothing(scim: httpx2.AsyncClient, places: dict[str, str]) -> None:
    for method, path, body in ROUTES:
        if "{" not in path:
            continue
        address = path.format(**places)
        before = await scim.get(address)
        if method != "GET":
            # Only if there is nothing yet.
            current = before.headers["etag"]
            for known in ("*", current, f'W/"98", {current}'):
                refused(await scim.request(method, address, json=body, headers={"If-None-Match": known}), 412)
            both = {"If-Match": current, "If-None-Match": current}
            refused(await scim.request(method, address, json=body, headers=both), 412)
        for outdated in ('W/"99"', '"99"', "nonsense", 'W/"x", W/"98"', ""):
            refused(await scim.request(method, address, json=body, headers={"If-Match": outdated}), 412)
        assert (await scim.get(address)).json() == before.json()
        current = before.headers["etag"]
        assert before.json()["meta"]["version"] == current
        assert (await scim.get(address, headers={"If-None-Match": f'W/"0", {current}'})).status_code == 304
        assert (await scim.get(address, headers={"If-None-Match": "*"})).status_code == 304
        assert (await scim.get(address, headers={"If-None-Match": 'W/"99"'})).status_code == 200
        would_do = {} if method == "GET" else {"If-None-Match": 'W/"98", "97"'}
        done = await scim.request(method, address, json=body, headers=would_do | {"If-Match": f'W/"98", {current}'})
        assert done.status_code in (200, 204)
        if method == "DELETE":
            refused(await scim.get(address), 404)
        elif method == "PUT":
            assert done.headers["etag"] != current


async def test_ids_and_meta_are_ours(scim: httpx2.AsyncClient, places: dict[str, str]) -> None:
    ours = {"id": NOBODY, "meta": {"version": 'W/"77"', "created": "2001-01-01T00:00:00Z", "resourceType": "Dog"}}
    for path, body in (("/Users", USER), ("/Groups", GROUP)):
        made = await scim.post(path, json={**body, **ours})
        assert made.status_code == 201
        assert made.json()["id"] != NOBODY
        again = await scim.put(f"{path}/{made.json()['id']}", json={**body, **ours, "displayName": "Other"})
        assert again.json()["id"] == made.json()["id"]
        assert again.json()["meta"] == {
            **made.json()["meta"],
            "version": 'W/"2"',
            "lastModified": again.json()["meta"]["lastModified"],
        }
        for operation in (
            {"op": "replace", "path": "id", "value": NOBODY},
            {"op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z"},
            {"op": "remove", "path": "meta"},
        ):
            refused(await scim.patch(f"{path}/{made.json()['id']}", json=patch_of(operation)), 400, "mutability")
    assert places


@pytest.mark.parametrize("path", ["/Users", "/Groups", "/"])
async def test_a_filter_that_cannot_be_read_is_refused_with_the_place(scim: httpx2.AsyncClient, path: str) -> None:
    for text in (
        "displayName",
        'displayName eq "',
        "displayName eq",
        'displayName near "x"',
        '(displayName eq "x"',
        'displayName eq "x")',
        'displayName eq "x" and',
        'not displayName eq "x"',
        'emails[type eq "work"',
        'emails[type eq "work"].value.x eq "y"',
        'displayName eq "\\q"',
        "((((",
        'a"b eq "x"',
    ):
        detail = refused(await scim.get(path, params={"filter": text}), 400, "invalidFilter")
        assert "position" in detail or "column" in detail or "character" in detail, detail
    for hostile in (
        "(" * 4000 + "displayName pr" + ")" * 4000,
        "not (" * 1300 + "displayName pr" + ")" * 1300,
        " or ".join(["displayName pr"] * 400),
        " and ".join(['emails[value co "x"]'] * 300),
    ):
        answer = await scim.get(path, params={"filter": hostile})
        if answer.status_code != 200:
            refused(answer, 400, "invalidFilter")


async def test_a_count_without_bounds_is_bounded(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    for count in (2**31, 2**63, 10**18):
        answer = await scim.get("/Users", params={"count": count, "startIndex": count})
        assert answer.status_code == 200
        assert answer.json()["totalResults"] == 1
    assert sync.slug == "acme"


async def test_me_is_501(scim: httpx2.AsyncClient) -> None:
    for method in METHODS:
        refused(await scim.request(method, "/Me", json={}), 501)
