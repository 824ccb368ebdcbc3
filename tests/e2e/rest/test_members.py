"""`/v1/organizations/{org}/members` over HTTP."""

import httpx2
import pytest

from ostiary.domain.membership import Role
from tests.support.house import House, Person
from tests.support.problem import code_of


async def test_a_member_shows_person_role_teams_databases_and_where_they_came_from(
    house: House, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, ada: Person, bo: Person
) -> None:
    member = await house.member(bo)
    team = (await as_ada.post("/teams", json={"name": "Platform"})).json()
    database = (await as_ada.post("/databases", json={"name": "orders"})).json()
    await as_ada.put(f"/teams/{team['id']}/members/{member.id}")
    await as_ada.put(f"/databases/{database['id']}/administrators/{member.id}")

    shown = (await as_bo.get(f"/members/{member.id}")).json()
    assert shown.pop("joined_at").endswith("Z")
    provenance = shown.pop("provenance")
    assert shown == {
        "id": member.id,
        "user": {"id": bo.account_id, "email": "bo@acme.test", "name": "Bo"},
        "role": "member",
        "status": "active",
        "managed_by": "manual",
        "awaiting_first_sso_sign_in": False,
        "teams": [{"id": team["id"], "name": "Platform"}],
        "database_administrator_of": [{"id": database["id"], "name": "orders"}],
        "administers_all_databases": False,
        "last_signed_in_at": None,
    }
    assert provenance["membership"]["source"] == "invitation"
    assert provenance["membership"]["by"].startswith("inv_")
    listed = (await as_bo.get("/members", params={"q": "bo@"})).json()
    assert [item["id"] for item in listed["data"]] == [member.id]
    assert listed["next_cursor"] is None


async def test_members_are_sorted_and_a_cursor_belongs_to_one_order(
    as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient
) -> None:
    asked = {"limit": "1", "sort": "-email"}
    first = (await as_ada.get("/members", params=asked)).json()
    rest = (await as_bo.get("/members", params={**asked, "cursor": first["next_cursor"]})).json()
    emails = [item["user"]["email"] for page in (first, rest) for item in page["data"]]
    assert emails == ["bo@acme.test", "ada@acme.test"]
    for other in ({"sort": "email"}, {"sort": "-email", "role": "member"}, {}):
        refused = await as_ada.get("/members", params={**other, "cursor": first["next_cursor"]})
        assert code_of(refused, 422) == "invalid_cursor"
        assert [each["parameter"] for each in refused.json()["errors"]] == ["cursor"]
    assert code_of(await as_ada.get("/members", params={"sort": "role"}), 422) == "invalid_request"
    assert code_of(await as_ada.get("/teams", params={"cursor": first["next_cursor"]}), 422) == "invalid_cursor"


async def test_members_come_in_pages_and_by_filters(
    as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, house: House, ada: Person
) -> None:
    first = (await as_bo.get("/members", params={"limit": 1})).json()
    rest = (await as_bo.get("/members", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    emails = [item["user"]["email"] for page in (first, rest) for item in page["data"]]
    assert emails == ["ada@acme.test", "bo@acme.test"]
    assert rest["next_cursor"] is None
    administrators = (await as_ada.get("/members", params={"role": "administrator", "status": "active"})).json()
    assert [item["id"] for item in administrators["data"]] == [(await house.member(ada)).id]
    assert code_of(await as_ada.get("/members", params={"role": "king"}), 422) == "invalid_request"
    assert code_of(await as_ada.get("/members", params={"limit": 201}), 422) == "invalid_request"


async def test_an_administrator_changes_suspends_reactivates_and_removes_a_member(
    house: House, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, bo: Person
) -> None:
    path = f"/members/{(await house.member(bo)).id}"
    promoted = await as_ada.patch(path, json={"role": "administrator"})
    assert (promoted.status_code, promoted.json()["role"]) == (200, "administrator")
    assert promoted.json()["provenance"]["role"]["source"] == "person"
    suspended = await as_ada.post(f"{path}/suspend")
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    assert code_of(await as_bo.get("/members"), 403) == "membership_suspended"
    reactivated = await as_ada.post(f"{path}/reactivate")
    assert (reactivated.status_code, reactivated.json()["status"]) == (200, "active")
    assert (await as_ada.delete(path)).status_code == 204
    assert code_of(await as_ada.get(path), 404) == "member_not_found"
    assert code_of(await as_bo.get("/members"), 404) == "organization_not_found"


async def test_R61_the_last_administrator_is_answered_409(
    house: House, as_ada: httpx2.AsyncClient, ada: Person
) -> None:
    path = f"/members/{(await house.member(ada)).id}"
    assert code_of(await as_ada.patch(path, json={"role": "member"}), 409) == "last_administrator"
    assert code_of(await as_ada.delete(path), 409) == "last_administrator"
    assert code_of(await as_ada.post(f"{path}/suspend"), 409) == "last_administrator"


async def test_R12_sso_is_required_of_another_administrator(
    house: House, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, bo: Person
) -> None:
    path = f"/members/{(await house.member(bo)).id}"
    assert code_of(await as_ada.post(f"{path}/require-sso"), 409) == "sso_not_enabled"
    await as_ada.patch(path, json={"role": "administrator"})
    await house.enable_sso()
    required = await as_ada.post(f"{path}/require-sso")
    assert (required.status_code, required.json()["awaiting_first_sso_sign_in"]) == (200, False)
    refused = await as_bo.get("/members")
    assert code_of(refused, 403) == "sso_required"
    assert refused.json()["sign_in_url"] == "http://ostiary.test/sso/acme"


async def test_R35_identities_are_listed_and_deleted(
    house: House, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, bo: Person
) -> None:
    path = f"/members/{(await house.member(bo)).id}/identities"
    await house.sso_session(bo, internal_id="00u1")
    [identity] = (await as_ada.get(path)).json()["data"]
    assert identity["internal_id"] == "00u1"
    assert identity["connection_id"].startswith("conn_")
    assert identity["linked_at"].endswith("Z")
    assert code_of(await as_bo.get(path), 403) == "forbidden"
    assert (await as_ada.delete(path)).status_code == 204
    assert (await as_ada.get(path)).json()["data"] == []


@pytest.mark.parametrize("body", [{}, {"role": "king"}, {"role": "member", "status": "suspended"}])
async def test_a_change_that_says_too_little_or_too_much_is_refused(
    house: House, as_ada: httpx2.AsyncClient, bo: Person, body: dict[str, str]
) -> None:
    member = await house.member(bo)
    assert code_of(await as_ada.patch(f"/members/{member.id}", json=body), 422) == "invalid_request"
    assert (await house.member(bo)).role is Role.MEMBER


@pytest.mark.parametrize("text", ["%", "'", "\\", "\U0001f600"])
async def test_signs_of_the_search_language_are_searched_for_like_any_text(
    as_ada: httpx2.AsyncClient, text: str
) -> None:
    assert (await as_ada.get("/members", params={"q": text})).json()["data"] == []


async def test_text_the_database_cannot_hold_is_refused_wherever_it_stands(as_ada: httpx2.AsyncClient) -> None:
    assert code_of(await as_ada.get("/members", params={"q": "\0"}), 422) == "invalid_text"
    assert code_of(await as_ada.get("http://ostiary.test/v1/organizations/%00/members"), 422) == "invalid_text"
