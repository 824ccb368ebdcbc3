"""One directory that sends very much at once keeps nobody else waiting, and none of its own requests is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from ostiary.api.deps import Services
from ostiary.services.directory_requests import RequestLog
from ostiary.services.ports.organizations import Lock
from ostiary.services.provisioning_users import UserProvisioningService
from ostiary.services.sent_request import SentRequest
from ostiary.services.turns import MOST_WAITING
from tests.e2e.scim.conftest import scim_client
from tests.e2e.scim.test_request_log import Log
from tests.support.directory import DirectorySync, directory_sync, user_document
from tests.support.house import House, Person, bearer

# Of ten connections to the database.
AT_ONCE = 7
SOON = 5


@pytest.fixture
async def log(app: FastAPI, ada: Person, sync: DirectorySync) -> Log:
    assert sync.slug == "acme"
    return Log(app, ada)


@pytest.fixture
async def neighbour(house: House, app: FastAPI) -> AsyncGenerator[httpx2.AsyncClient]:
    """The identity provider of another organization."""
    await house.organization(await house.person("eve@bolts.test"), "bolts")
    async with scim_client(app, await directory_sync(house, "bolts")) as client:
        yield client


async def test_what_one_sends_while_its_organization_is_locked_stands_in_nobodys_way(
    house: House,
    ada: Person,
    scim: httpx2.AsyncClient,
    neighbour: httpx2.AsyncClient,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later: list[bool] = []
    note = RequestLog.note

    async def noting(self: RequestLog, sent: SentRequest, status: int, *, is_read: bool, **said: Any) -> None:
        if status == 429:
            later.append(is_read)
        await note(self, sent, status, is_read=is_read, **said)

    monkeypatch.setattr(RequestLog, "note", noting)
    sent = [user_document(f"u{number}@acme.test") for number in range(MOST_WAITING + 2 * AT_ONCE)]
    turned_away = asyncio.Semaphore(0)

    async def push(document: dict[str, Any]) -> httpx2.Response:
        answer = await scim.post("/Users", json=document)
        turned_away.release()
        return answer

    async with house.uow() as elsewhere:
        await elsewhere.organizations.get("acme", Lock.EXCLUSIVE)
        pushed = [asyncio.create_task(push(document)) for document in sent]
        async with asyncio.timeout(SOON):
            for _ in range(AT_ONCE):
                await turned_away.acquire()
            theirs = await neighbour.get("/Users")
            written = await neighbour.post("/Users", json=user_document("x@bolts.test"))
            async with httpx2.AsyncClient(transport=scim._transport, base_url="http://ostiary.test/v1") as client:
                read = await client.get("/organizations/acme", headers=bearer(ada.token))
        assert (theirs.status_code, written.status_code, read.status_code) == (200, 201, 200)
        refused = [task.result() for task in pushed if task.done()]
    answers = await asyncio.gather(*pushed)

    assert {answer.status_code for answer in refused} == {429}
    assert Counter(answer.status_code for answer in answers) == {
        201: len(sent) - len(refused),
        429: len(refused),
    }
    # Each costs no transaction: they are written together.
    assert later == [True] * len(refused)
    told = refused[0].json()
    assert (refused[0].headers["retry-after"], told["status"]) == ("1", "429")
    assert "Nothing was changed" in told["detail"]
    # As many are there as were told so, and who was sent away comes again.
    assert (await scim.get("/Users?count=0")).json()["totalResults"] == len(sent) - len(refused) + 1
    again = [document for document, answer in zip(sent, answers, strict=True) if answer.status_code == 429]
    assert [(await scim.post("/Users", json=document)).status_code for document in again] == [201] * len(again)
    logged = Counter(entry["status"] for entry in await log.read(limit=200))
    assert (logged[201], logged[429]) == (len(sent), len(refused))


async def test_who_sends_slowly_holds_no_turn(scim: httpx2.AsyncClient) -> None:
    arrived, rest = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncGenerator[bytes]:
        yield b"{"
        arrived.release()
        await rest.wait()
        yield b"}"

    slow = [asyncio.create_task(scim.post("/Users", content=slowly())) for _ in range(AT_ONCE)]
    async with asyncio.timeout(SOON):
        for _ in slow:
            await arrived.acquire()
        assert (await scim.get("/Users")).status_code == 200
        rest.set()
        assert {answer.status_code for answer in await asyncio.gather(*slow)} == {400}


async def test_who_reads_slowly_holds_no_turn(app: FastAPI, sync: DirectorySync, scim: httpx2.AsyncClient) -> None:
    begun, rest = asyncio.Semaphore(0), asyncio.Event()

    async def slowly(scope: Scope, receive: Receive, send: Send) -> None:
        async def late(message: Message) -> None:
            begun.release()
            await rest.wait()
            await send(message)

        await app(scope, receive, late)

    async with scim_client(app, sync) as reader, asyncio.timeout(SOON):
        reader._transport = httpx2.ASGITransport(slowly)
        slow = [asyncio.create_task(reader.get("/Users")) for _ in range(AT_ONCE)]
        for _ in slow:
            await begun.acquire()
        assert (await scim.get("/Users")).status_code == 200
        rest.set()
        assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}


async def test_requests_that_fail_give_their_turns_back(
    app: FastAPI, sync: DirectorySync, scim: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise LookupError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(UserProvisioningService, "delete", fail)
        async with scim_client(app, sync) as client:
            client._transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            assert (await client.delete("/Users/mem_1")).status_code == 500
    services = app.state.services
    assert isinstance(services, Services)
    assert services.turns._lines == {}
    for _ in range(AT_ONCE + 1):
        assert (await asyncio.wait_for(scim.get("/Users/nobody"), SOON)).status_code == 404
        assert (await asyncio.wait_for(scim.post("/Users", content=b"["), SOON)).status_code == 400
    assert (await asyncio.wait_for(scim.get("/Users"), SOON)).status_code == 200
