"""Input nobody should send: a clear problem that points at the field, no fault of ours, and nothing half-done."""

import json
from collections.abc import Mapping

import httpx2
import pytest

from tests.support.house import House, Person, bearer
from tests.support.problem import code_of

ORG = "/v1/organizations/acme"


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def rows(house: House) -> list[int]:
    """How much there is of what the requests below would make."""
    return [await house.count(table) for table in ("organizations", "teams", "invitations", "domains", "audit_events")]


NESTED = "[" * 100_000 + "]" * 100_000
BAD: Mapping[str, tuple[str, bytes, int, str]] = {
    "an unknown field": ("/teams", b'{"name": "A", "managed_by": "directory"}', 422, "/managed_by"),
    "a wrong type": ("/teams", b'{"name": 7}', 422, "/name"),
    "an object for a text": ("/teams", b'{"name": {"a": 1}}', 422, "/name"),
    "a missing field": ("/teams", b"{}", 422, "/name"),
    "no object": ("/teams", b"[1, 2]", 422, ""),
    "a key twice": ("/teams", b'{"name": "A", "name": "B"}', 422, "/name"),
    "a key twice, once escaped": ("/teams", b'{"name": "A", "n\\u0061me": "B"}', 422, "/name"),
    "a null character": ("/teams", b'{"name": "A\\u0000B"}', 422, "/name"),
    "a lone surrogate": ("/teams", b'{"name": "A\\ud800B"}', 422, "/name"),
    "an empty name": ("/teams", b'{"name": "   "}', 422, "/name"),
    "a name of 300 characters": ("/teams", json.dumps({"name": "x" * 300}).encode(), 422, "/name"),
    "no JSON": ("/teams", b"{name: A}", 400, ""),
    "bytes that are no UTF-8": ("/teams", b'{"name": "\xff\xfe"}', 400, ""),
    "ten megabytes": ("/teams", b'{"name": "' + b"x" * 10_000_000 + b'"}', 413, ""),
    "deep nesting": ("/teams", f'{{"name": {NESTED}}}'.encode(), 400, ""),
    "an address without a domain": ("/invitations", b'{"email": "bo@", "role": "member"}', 422, "/email"),
    "an address with a line break": (
        "/invitations",
        b'{"email": "bo@acme.test\\nBcc: x@y.test", "role": "member"}',
        422,
        "/email",
    ),
    "an unknown role": ("/invitations", b'{"email": "bo@acme.test", "role": "owner"}', 422, "/role"),
    "a public suffix": ("/domains", b'{"name": "co.uk"}', 422, "/name"),
    "a free mail provider": ("/domains", b'{"name": "gmail.com"}', 422, "/name"),
    "an address for a domain": ("/domains", b'{"name": "https://acme.test/"}', 422, "/name"),
}


@pytest.mark.parametrize(("path", "body", "status", "pointer"), BAD.values(), ids=BAD.keys())
async def test_bad_bodies_are_refused_with_a_pointer_and_change_nothing(
    client: httpx2.AsyncClient, house: House, ada: Person, path: str, body: bytes, status: int, pointer: str
) -> None:
    before = await rows(house)
    headers = {**bearer(ada.token), "Content-Type": "application/json"}
    answer = await client.post(f"{ORG}{path}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"]
    assert problem["detail"]
    if pointer:
        assert pointer in [error.get("pointer") for error in problem["errors"]]
    assert await rows(house) == before


async def test_a_slug_in_another_case_is_the_same_slug(client: httpx2.AsyncClient, house: House, ada: Person) -> None:
    before = await rows(house)
    for slug in ("ACME", "Acme"):
        answer = await client.post("/v1/organizations", json={"name": "A", "slug": slug}, headers=bearer(ada.token))
        assert answer.status_code in {409, 422}
        assert answer.json()["errors"][0]["pointer"] == "/slug"
    assert await rows(house) == before


@pytest.mark.parametrize("email", ["bo@\u0430cme.test", "bo@acme\u3002test", "bo@ACME.TEST", "bo@xn--80ak6aa92e.test"])
async def test_a_look_alike_address_is_another_address_and_case_is_none(
    client: httpx2.AsyncClient, house: House, ada: Person, email: str
) -> None:
    body = {"email": email, "role": "member"}
    answer = await client.post(f"{ORG}/invitations", json=body, headers=bearer(ada.token))
    assert answer.status_code == 201, answer.text
    stored = answer.json()["email"]
    assert stored.isascii()
    assert (stored == "bo@acme.test") == ("\u0430" not in email and "xn--" not in email)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_request"),
        ("limit=201", "invalid_request"),
        ("limit=99999999999999999999999", "invalid_request"),
        ("limit=5&limit=6", "duplicate_parameter"),
        ("role=owner", "invalid_request"),
        ("cursor=" + "x" * 65, "invalid_cursor"),
        ("cursor=mem_01h455vb4pex5vsknk084sn02q", "invalid_cursor"),
        ("cursor=" + "x" * 4097, "invalid_request"),
        ("sort=password", "invalid_request"),
    ],
)
async def test_bad_queries_are_refused(client: httpx2.AsyncClient, ada: Person, query: str, code: str) -> None:
    answer = await client.get(f"{ORG}/members?{query}", headers=bearer(ada.token))
    assert code_of(answer, 422) == code


@pytest.mark.parametrize("since", ["yesterday", "2026-13-45T00:00:00Z", "999999999999999999"])
async def test_bad_times_are_refused(client: httpx2.AsyncClient, ada: Person, since: str) -> None:
    answer = await client.get(f"{ORG}/audit-events", params={"since": since}, headers=bearer(ada.token))
    assert code_of(answer, 422) == "invalid_request"


@pytest.mark.parametrize("member", ["%00", "..%2f..%2fetc", "mem_", "a" * 64, "%F0%9F%98%80", "'%20OR%201=1"])
async def test_odd_ids_are_nobodys(client: httpx2.AsyncClient, ada: Person, member: str) -> None:
    answer = await client.get(f"{ORG}/members/{member}", headers=bearer(ada.token))
    assert answer.status_code in {404, 422}


async def test_a_method_in_a_header_is_not_the_method(client: httpx2.AsyncClient, house: House, ada: Person) -> None:
    team = await house.services.teams.create(ada.caller, "acme", "Platform")
    headers = {**bearer(ada.token), "X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    answer = await client.get(f"{ORG}/teams/{team.id}?_method=DELETE", headers=headers)
    assert answer.status_code == 200
    assert await house.count("teams") == 1
