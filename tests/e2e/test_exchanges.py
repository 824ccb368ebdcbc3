"""What hot requests cost in round trips to the database, as `docs/performance.md` tells: a new one shows here."""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx2
import pytest
from fastapi import FastAPI

from ostiary.adapters.db import transaction
from tests.e2e.scim.conftest import scim_client
from tests.support.directory import directory_sync, group_document, patch_of, user_document
from tests.support.house import House, Person
from tests.support.sso import connect, enable

Count = Callable[[Awaitable[httpx2.Response]], Awaitable[tuple[int, int]]]


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Answers the status of a request, and how many exchanges it took."""
    seen: list[str] = []

    def exchange(summary: str) -> contextlib.AbstractContextManager[None]:
        seen.append(summary)
        return contextlib.nullcontext()

    monkeypatch.setattr(transaction, "_exchange", exchange)

    async def count(sent: Awaitable[httpx2.Response]) -> tuple[int, int]:
        seen.clear()
        answer = await sent
        return answer.status_code, len(seen)

    return count


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def scim(house: House, app: FastAPI, ada: Person) -> AsyncGenerator[httpx2.AsyncClient]:
    assert ada
    async with scim_client(app, await directory_sync(house)) as client:
        yield client


async def test_a_sign_in(house: House, client: httpx2.AsyncClient, ada: Person, count: Count) -> None:
    idp = await connect(house, ada)
    await enable(house, ada)
    costs: list[tuple[int, int]] = []
    for _ in ("their first", "the next"):
        request_id, relay_state = await idp.depart()
        form = {"SAMLResponse": idp.signed(idp.says(request_id, "bo@acme.test")), "RelayState": relay_state}
        costs.append(await count(client.post(f"/saml/{idp.connection.id}/acs", data=form)))
    assert costs == [(303, 12), (303, 10)]


async def test_users(scim: httpx2.AsyncClient, count: Count) -> None:
    known = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    assert await count(scim.get(f"/Users/{known}")) == (200, 2)
    assert await count(scim.get('/Users?filter=userName eq "bo@acme.test"')) == (200, 2)
    assert await count(scim.get("/Users?count=100")) == (200, 2)
    assert await count(scim.post("/Users", json=user_document("cy@acme.test"))) == (201, 6)
    retitled = patch_of({"op": "replace", "path": "title", "value": "Engineer"})
    assert await count(scim.patch(f"/Users/{known}", json=retitled)) == (200, 6)


@pytest.mark.parametrize("size", [1, 100])
async def test_one_member_of_a_group_whatever_its_size(scim: httpx2.AsyncClient, count: Count, size: int) -> None:
    made = [(await scim.post("/Users", json=user_document(f"u{n}@acme.test"))).json()["id"] for n in range(size + 1)]
    group = (await scim.post("/Groups", json=group_document("Everyone", *made[1:]))).json()["id"]
    entered = patch_of({"op": "add", "path": "members", "value": [{"value": made[0]}]})
    left = patch_of({"op": "remove", "path": f'members[value eq "{made[0]}"]'})
    assert await count(scim.patch(f"/Groups/{group}", json=entered)) == (204, 8)
    assert await count(scim.patch(f"/Groups/{group}", json=left)) == (204, 8)
