"""The outbox and the job queue, on a real PostgreSQL with real commits."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from ostiary.adapters.db import job_queue, migrate
from ostiary.adapters.db.engine import make_engine
from ostiary.adapters.db.job_queue import NAMES, PgJobQueue, queries_over
from ostiary.adapters.db.outbox import PgOutbox
from ostiary.adapters.db.transaction import Transaction
from ostiary.adapters.sealing import AesGcmSealer
from ostiary.services.jobs import SEND_MAIL, mail_of
from ostiary.services.ports.jobs import JobHandler, RetryLater, Schedule
from ostiary.services.ports.world import Mail
from tests.support.database import connection

SEALER = AesGcmSealer("a secret key of more than 32 characters")
MAIL = Mail("ada@acme.test", "Join Acme", "ost_inv_the-secret\n")

# SHA-256 of the statements pgqueuer made the queue with, its version left out.
SCHEMA_FINGERPRINT = "37330341e1a6aa56925131664656cd0f5a3cfeb300908ad3602f94b0c7d249cb"


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    engine = make_engine(database_url, pool_size=5)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncGenerator[Transaction]:
    begun = await Transaction.on(engine)
    try:
        yield begun
    finally:
        await begun.close()


async def enqueue(engine: AsyncEngine, mail: Mail = MAIL) -> None:
    async with transaction(engine) as unit:
        await PgOutbox(unit, SEALER).mail(mail)
        await unit.commit()


async def rows(engine: AsyncEngine, statement: str) -> Sequence[tuple[object, ...]]:
    async with engine.connect() as unit:
        return [tuple(row) for row in await unit.execute(text(statement))]


async def queued(engine: AsyncEngine) -> Sequence[tuple[object, ...]]:
    return await rows(engine, "SELECT status::text, attempts FROM pgqueuer")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 -- rows give no sign
            await asyncio.sleep(0.02)


async def is_empty(engine: AsyncEngine) -> bool:
    return not await queued(engine)


class Recorder:
    """A handler that remembers what it was called with, and fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.calls: list[tuple[Mail, int]] = []
        self.called = asyncio.Event()
        self._failures = list(failures)

    async def __call__(self, payload: bytes, attempts: int) -> None:
        self.calls.append((mail_of(payload), attempts))
        self.called.set()
        if self._failures:
            raise self._failures.pop(0)

    async def first_call(self) -> None:
        async with asyncio.timeout(10):
            await self.called.wait()


@asynccontextmanager
async def working(
    engine: AsyncEngine,
    handler: JobHandler,
    schedules: Sequence[Schedule] = (),
    sealer: AesGcmSealer = SEALER,
) -> AsyncGenerator[asyncio.Event]:
    """A worker for the block; yields its stop event."""
    stop = asyncio.Event()
    handlers: Mapping[str, JobHandler] = {SEND_MAIL: handler}
    worker = asyncio.create_task(PgJobQueue(engine, sealer).work(handlers, schedules, stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await worker


async def test_a_job_is_committed_with_its_transaction_and_its_payload_is_sealed(engine: AsyncEngine) -> None:
    await enqueue(engine)
    ((status, entrypoint, payload),) = await rows(engine, "SELECT status::text, entrypoint, payload FROM pgqueuer")
    assert (status, entrypoint) == ("queued", SEND_MAIL)
    assert isinstance(payload, bytes)
    assert b"ost_inv_" not in payload
    assert b"ada@acme.test" not in payload


async def test_a_job_enqueued_before_any_other_statement_is_lost_with_a_rollback(engine: AsyncEngine) -> None:
    async with transaction(engine) as unit:
        await PgOutbox(unit, SEALER).mail(MAIL)
        assert await is_empty(engine)
    assert await is_empty(engine)


async def test_a_job_is_lost_when_the_connection_is_left_without_a_commit(engine: AsyncEngine) -> None:
    async with transaction(engine) as unit:
        await unit.execute(text("SELECT 1"))
        await PgOutbox(unit, SEALER).mail(MAIL)
    assert await is_empty(engine)


async def test_a_job_of_a_second_transaction_on_the_same_connection_is_lost_with_that_one_alone(
    engine: AsyncEngine,
) -> None:
    async with transaction(engine) as unit:
        outbox = PgOutbox(unit, SEALER)
        await outbox.mail(MAIL)
        await unit.commit()
        await outbox.mail(MAIL)
    assert len(await queued(engine)) == 1


async def test_a_worker_gets_the_mail_as_it_was_written_and_the_queue_is_empty_after(engine: AsyncEngine) -> None:
    await enqueue(engine)
    recorder = Recorder()
    async with working(engine, recorder):
        await until(lambda: is_empty(engine))
    assert recorder.calls == [(MAIL, 0)]
    assert ("successful",) in await rows(engine, "SELECT status::text FROM pgqueuer_log")


async def test_a_waiting_worker_is_woken_by_the_commit_and_not_before(engine: AsyncEngine) -> None:
    recorder = Recorder()
    async with working(engine, recorder), transaction(engine) as unit:
        await asyncio.sleep(0.3)
        await PgOutbox(unit, SEALER).mail(MAIL)
        await asyncio.sleep(0.3)
        assert recorder.calls == []
        await unit.commit()
        start = time.monotonic()
        await recorder.first_call()
        assert time.monotonic() - start < 1


async def test_a_job_to_be_tried_later_comes_back_after_the_delay_with_its_attempts_counted(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "_LOOK_EVERY", timedelta(seconds=0.1))
    await enqueue(engine)
    start = time.monotonic()
    recorder = Recorder(RetryLater(timedelta(seconds=0.4), "the server is away"), RetryLater(timedelta(0), "again"))
    async with working(engine, recorder):
        await until(lambda: is_empty(engine))
    assert recorder.calls == [(MAIL, 0), (MAIL, 1), (MAIL, 2)]
    assert time.monotonic() - start > 0.4


async def test_a_job_whose_handler_fails_is_not_tried_again(engine: AsyncEngine) -> None:
    await enqueue(engine)
    recorder = Recorder(LookupError("gone"))
    async with working(engine, recorder):
        await until(lambda: is_empty(engine))
        await asyncio.sleep(0.3)
    assert len(recorder.calls) == 1
    assert ("exception",) in await rows(engine, "SELECT status::text FROM pgqueuer_log")


async def test_a_payload_sealed_under_another_key_fails_without_reaching_the_handler(engine: AsyncEngine) -> None:
    await enqueue(engine)
    recorder = Recorder()
    async with working(engine, recorder, sealer=AesGcmSealer("another secret key, also long enough")):
        await until(lambda: is_empty(engine))
    assert recorder.calls == []
    ((traceback,),) = await rows(engine, "SELECT traceback::text FROM pgqueuer_log WHERE status = 'exception'")
    assert "OSTIARY_SECRET_KEY" in str(traceback)


async def test_a_payload_of_one_kind_of_job_does_not_open_as_another(engine: AsyncEngine) -> None:
    await enqueue(engine)
    async with engine.begin() as unit:
        await unit.execute(text("UPDATE pgqueuer SET entrypoint = 'other'"))
    recorder = Recorder()
    stop = asyncio.Event()
    worker = asyncio.create_task(PgJobQueue(engine, SEALER).work({"other": recorder}, [], stop))
    await until(lambda: is_empty(engine))
    stop.set()
    await worker
    assert recorder.calls == []


async def test_stopping_takes_less_than_two_seconds_and_gives_a_job_in_progress_back(engine: AsyncEngine) -> None:
    await enqueue(engine)
    begun = asyncio.Event()

    async def slow(payload: bytes, attempts: int) -> None:
        begun.set()
        await asyncio.sleep(60)

    async with working(engine, slow) as stop:
        await asyncio.wait_for(begun.wait(), 10)
        start = time.monotonic()
        stop.set()
    assert time.monotonic() - start < 2
    assert await queued(engine) == [("queued", 1)]

    recorder = Recorder()
    async with working(engine, recorder):
        await until(lambda: is_empty(engine))
    assert recorder.calls == [(MAIL, 1)]


async def test_stopping_lets_a_job_that_is_nearly_done_finish(engine: AsyncEngine) -> None:
    await enqueue(engine)
    begun = asyncio.Event()
    done: list[int] = []

    async def short(payload: bytes, attempts: int) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        done.append(attempts)

    async with working(engine, short) as stop:
        await asyncio.wait_for(begun.wait(), 10)
        stop.set()
    assert done == [0]
    assert await is_empty(engine)


async def test_a_cancelled_worker_gives_its_job_back_too(engine: AsyncEngine) -> None:
    await enqueue(engine)
    begun = asyncio.Event()

    async def slow(payload: bytes, attempts: int) -> None:
        begun.set()
        await asyncio.sleep(60)

    worker = asyncio.create_task(PgJobQueue(engine, SEALER).work({SEND_MAIL: slow}, [], asyncio.Event()))
    await asyncio.wait_for(begun.wait(), 10)
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
    assert await queued(engine) == [("queued", 1)]


async def test_an_idle_worker_stops_at_once_and_leaves_no_connection(engine: AsyncEngine) -> None:
    async with working(engine, Recorder()) as stop:
        await asyncio.sleep(0.3)
        start = time.monotonic()
        stop.set()
    assert time.monotonic() - start < 1
    assert await rows(engine, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == []


async def test_the_workers_connection_is_not_one_of_the_pools(database_url: str) -> None:
    single = make_engine(database_url, pool_size=1)
    recorder = Recorder()
    try:
        async with working(single, recorder):
            await asyncio.sleep(0.2)
            await enqueue(single)
            await recorder.first_call()
    finally:
        await single.dispose()


async def test_a_worker_that_lost_its_connection_makes_a_new_one(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "_RECONNECT_SECONDS", 0.05)
    recorder = Recorder()
    with capture_logs() as logs:
        async with working(engine, recorder):
            await asyncio.sleep(0.3)
            await rows(
                engine,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            await enqueue(engine)
            await recorder.first_call()
    assert "job_queue_lost" in {entry["event"] for entry in logs}


async def test_a_worker_waits_for_a_database_that_is_not_migrated_yet(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "_RECONNECT_SECONDS", 0.5)
    engine = make_engine(empty_database, pool_size=2)
    recorder = Recorder()
    try:
        async with working(engine, recorder):
            await asyncio.sleep(0.2)
            await migrate.upgrade(empty_database)
            await enqueue(engine)
            await recorder.first_call()
    finally:
        await engine.dispose()


async def test_what_is_scheduled_runs_once_for_all_workers_together_also_after_it_failed(engine: AsyncEngine) -> None:
    runs: list[float] = []
    twice = asyncio.Event()

    async def run() -> None:
        runs.append(time.monotonic())
        if len(runs) == 1:
            raise LookupError
        twice.set()

    every_second = [Schedule("cleanup", "* * * * * *", run)]
    async with working(engine, Recorder(), every_second), working(engine, Recorder(), every_second):
        await asyncio.wait_for(twice.wait(), 10)
    assert len(runs) == 2
    assert runs[1] - runs[0] > 0.5


async def test_the_environment_does_not_move_the_queue(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGQUEUER_PREFIX", "other_")
    monkeypatch.setenv("CHANNEL", "other")
    assert type(NAMES).model_construct() == NAMES
    await enqueue(engine)
    assert len(await queued(engine)) == 1


async def test_the_migrated_schema_is_the_one_the_installed_pgqueuer_wants(database_url: str) -> None:
    async with connection(database_url) as driver:
        queries = queries_over(AsyncpgDriver(driver))
        assert (await queries.plan_upgrade()).statements == ()
    statements = queries.qbe.build_install_query().partition("\n")[2]
    measured = hashlib.sha256(statements.encode()).hexdigest()
    assert measured == SCHEMA_FINGERPRINT, (
        "This pgqueuer wants another schema. Add a migration that brings databases there which have the old one "
        "(`Queries.plan_upgrade` lists the statements), then write the new fingerprint here."
    )
