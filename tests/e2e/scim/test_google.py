"""A life as Google Workspace leads it: plain JSON, no groups, suspension and deletion weeks apart."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import ENTERPRISE, USER, DirectorySync, patch_of


@pytest.fixture
def google(scim: httpx2.AsyncClient) -> httpx2.AsyncClient:
    scim.headers["Content-Type"] = "application/json; charset=utf-8"
    scim.headers["Accept"] = "application/json"
    return scim


def google_user(email: str, **attributes: Any) -> dict[str, Any]:
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": email,
        "externalId": "113274857575",
        "active": True,
        "name": {"familyName": "Ng", "givenName": "Bo", "formatted": "Bo Ng"},
        "displayName": "Bo Ng",
        "emails": [{"value": email, "type": "work", "primary": True}],
        "phoneNumbers": [{"value": "+1 555 0100", "type": "work"}],
        ENTERPRISE: {"department": "QA", "employeeNumber": ""},
        **attributes,
    }


async def found(google: httpx2.AsyncClient, text: str) -> list[str]:
    answer = await google.get("/Users", params={"filter": text})
    assert answer.status_code == 200, answer.text
    return [user["id"] for user in answer.json()["Resources"]]


async def test_a_whole_life(google: httpx2.AsyncClient, sync: DirectorySync) -> None:
    assert (await google.get("/Users", params={"startIndex": 1, "count": 1})).status_code == 200
    assert await found(google, 'userName eq "bo@acme.test"') == []

    created = await google.post("/Users", json=google_user("bo@acme.test"))
    assert (created.status_code, created.headers["content-type"]) == (201, "application/scim+json")
    user = created.json()["id"]
    one = f"/Users/{user}"
    assert await found(google, 'userName eq "BO@acme.test"') == [user]
    assert await found(google, 'externalId eq "113274857575"') == [user]

    updated = await google.put(one, json=google_user("bo@acme.test", title="Tester"))
    assert updated.json()["title"] == "Tester"
    renamed = await google.put(one, json=google_user("bo.li@acme.test", displayName="Bo Li"))
    assert renamed.json()["userName"] == "bo.li@acme.test"
    member = await sync.member(user)
    assert member is not None
    assert (member.email, member.name) == ("bo.li@acme.test", "Bo Li")

    for active in (False, True, False):
        change = patch_of({"op": "replace", "path": "active", "value": active})
        assert (await google.patch(one, json=change)).json()["active"] is active
        assert (await sync.member(user) is not None) is active

    assert (await google.delete(one)).status_code == 204
    assert (await google.get(one)).status_code == 404


async def test_deleting_does_not_wait_for_a_suspension(google: httpx2.AsyncClient, sync: DirectorySync) -> None:
    user = (await google.post("/Users", json=google_user("bo@acme.test"))).json()["id"]

    assert (await google.delete(f"/Users/{user}")).status_code == 204

    assert await sync.member(user) is None
    assert (await google.post("/Users", json=google_user("bo@acme.test"))).status_code == 201


async def test_deleting_twenty_days_after_the_suspension_is_no_error(
    google: httpx2.AsyncClient, sync: DirectorySync
) -> None:
    user = (await google.post("/Users", json=google_user("bo@acme.test"))).json()["id"]
    off = google_user("bo@acme.test", active=False)

    assert (await google.put(f"/Users/{user}", json=off)).json()["active"] is False
    assert (await google.put(f"/Users/{user}", json=off)).json()["active"] is False
    assert (await google.delete(f"/Users/{user}")).status_code == 204
    assert (await google.delete(f"/Users/{user}")).status_code == 404
    assert len(await sync.events("member.removed")) == 1
