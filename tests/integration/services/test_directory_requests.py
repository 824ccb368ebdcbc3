"""How the request log is written: with the change, at once, or together; and what is too much for it."""

import asyncio
from datetime import timedelta

import pytest

from ostiary.domain.directory_request import DirectoryRequest
from ostiary.services import cleanup
from ostiary.services import directory_requests as under_test
from ostiary.services.cleanup import CleanupService
from ostiary.services.directory_requests import RequestLog
from ostiary.services.metrics import REGISTRY
from ostiary.services.paging import PageRequest
from ostiary.services.ports.directory_requests import RequestFilter
from ostiary.services.sent_request import SentRequest
from tests.support.directory import DirectorySync, directory_sync
from tests.support.house import House


@pytest.fixture
async def sync(house: House) -> DirectorySync:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return await directory_sync(house)


def read(sync: DirectorySync, path: str = "/Users") -> SentRequest:
    now = sync.house.clock.now()
    return SentRequest(now, "GET", path, None, None, None, lambda: 7, organization_id=sync.organization_id)


async def logged(sync: DirectorySync) -> list[DirectoryRequest]:
    async with sync.house.uow() as uow:
        page = await uow.directory_requests.list(sync.organization_id, RequestFilter(), PageRequest(200))
    return list(page.items)


async def test_reads_wait_and_are_written_together(house: House, sync: DirectorySync) -> None:
    log = RequestLog(house.kit)
    for number in range(3):
        await log.note(read(sync, f"/Users/{number}"), 200, is_read=True)
    assert await logged(sync) == []

    await log.flush()

    assert {entry.path for entry in await logged(sync)} == {"/Users/2", "/Users/1", "/Users/0"}


def dropped() -> float:
    """What `/metrics` says."""
    return REGISTRY.get_sample_value("ostiary_directory_requests_dropped_total") or 0


async def test_reads_too_many_at_once_are_counted_instead_of_kept(
    house: House, sync: DirectorySync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "MAX_WAITING_OF_ONE", 2)
    log, before = RequestLog(house.kit), dropped()
    for _ in range(5):
        await log.note(read(sync), 200, is_read=True)

    await log.flush()

    assert dropped() == before + 3
    assert sorted(entry.missed_before for entry in await logged(sync)) == [0, 3]


async def test_what_could_not_be_written_is_counted_too(
    house: House, sync: DirectorySync, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, before = RequestLog(house.kit), dropped()
    await log.note(read(sync), 200, is_read=True)
    with monkeypatch.context() as broken:
        broken.setattr("ostiary.adapters.db.repositories.directory_requests.DirectoryRequests.add_all", None)
        await log.flush()
    await log.note(read(sync), 200, is_read=True)
    await log.flush()

    [entry] = await logged(sync)
    assert (entry.missed_before, dropped()) == (1, before + 1)


async def test_reads_of_an_organization_that_is_gone_take_no_others_along(house: House, sync: DirectorySync) -> None:
    log, strange = RequestLog(house.kit), read(sync)
    strange.organization_id = "org_01h455vb4pex5vsknk084sn02q"
    await log.note(strange, 200, is_read=True)
    await log.note(read(sync), 200, is_read=True)

    await log.flush()

    assert len(await logged(sync)) == 1


async def test_a_running_log_writes_by_itself_and_at_the_end(
    house: House, sync: DirectorySync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "FLUSH_AT", 1)
    log = RequestLog(house.kit)
    async with log.running():
        await log.note(read(sync), 200, is_read=True)
    assert len(await logged(sync)) == 1


async def test_a_busy_directory_keeps_the_newest(
    house: House, sync: DirectorySync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "MAX_DIRECTORY_REQUESTS", 2)
    log = RequestLog(house.kit)
    for number in range(5):
        await log.note(read(sync, f"/Users/{number}"), 200, is_read=True)
        # Within one millisecond ids have no order.
        await asyncio.sleep(0.002)
    await log.flush()

    assert (await CleanupService(house.kit).run())["directory_requests"] == 3

    assert [entry.path for entry in await logged(sync)] == ["/Users/4", "/Users/3"]
    house.clock.turn(timedelta(days=8))
    await CleanupService(house.kit).run()
    assert await logged(sync) == []
