"""The job queue in PostgreSQL, by pgqueuer: jobs sealed in a table, workers woken by NOTIFY."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import cast

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings
from pgqueuer.errors import PgqException, RetryRequested
from pgqueuer.models import Job
from pgqueuer.models import Schedule as DueSchedule
from pgqueuer.types import Channel
from sqlalchemy import DateTime, Text, column, extract, func, literal_column, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ostiary.adapters.db.transaction import DriverConnection
from ostiary.adapters.tracing import span
from ostiary.services.metrics import JOB_SECONDS, JOBS
from ostiary.services.ports.jobs import Backlog, JobHandler, RetryLater, Schedule
from ostiary.services.ports.world import Sealer

# The names of the tables, as the migration made them: pgqueuer's defaults, whatever the environment says.
NAMES = DBSettings.model_construct()
_GRACE_SECONDS = 1.0
_RECONNECT_SECONDS = 5.0
_BATCH = 10
# New jobs announce themselves; those put off for later are found by looking this often.
_LOOK_EVERY = timedelta(seconds=5)
# A worker that does not say for this long that it lives has died; its jobs are given to another.
_DEAD_AFTER = timedelta(seconds=30)
_ANSWER_WITHIN_SECONDS = 2
_JOBS = table(
    NAMES.queue_table, column("entrypoint", Text), column("status"), column("execute_after", DateTime(timezone=True))
)
_LATE = extract("epoch", func.now() - func.min(_JOBS.c.execute_after))
_BACKLOG = (
    select(_JOBS.c.entrypoint, func.count(), _LATE)
    .where(_JOBS.c.status == literal_column("'queued'"), _JOBS.c.execute_after <= func.now())
    .group_by(_JOBS.c.entrypoint)
)
_log = structlog.get_logger(__name__)


def queries_over(driver: AsyncpgDriver) -> Queries:
    """The statements of pgqueuer, for our tables."""
    return Queries(driver, QueryBuilderEnvironment(NAMES), QueryQueueBuilder(NAMES), QuerySchedulerBuilder(NAMES))


async def driver_of(connection: AsyncConnection) -> DriverConnection:
    """The connection of asyncpg inside SQLAlchemy's."""
    return cast("DriverConnection", (await connection.get_raw_connection()).driver_connection)


def sealing_purpose(job: str) -> str:
    """What payloads of a job are sealed for: one kind's payload never opens as another's."""
    return f"job {job}"


class PgJobQueue:
    """Workers' side of the queue. Each worker holds one connection of its own, outside the engine's pool."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    async def work(
        self,
        handlers: Mapping[str, JobHandler],
        schedules: Sequence[Schedule],
        stop: asyncio.Event,
        *,
        at_once: Mapping[str, int] | None = None,
    ) -> None:
        """Carry out jobs and schedules until `stop` is set; returns within two seconds of that.

        `at_once` says of which jobs only so many are carried out at a time, by all workers together.
        Jobs cut short go back to the queue. A lost connection is made again, for as long as it takes.
        """
        while not stop.is_set():
            try:
                async with self._engine.connect() as connection:
                    driver = await driver_of(connection)
                    # No longer the pool's: it listens, and is closed in the end instead of given back.
                    await connection.run_sync(lambda sync: sync.detach())
                    await self._work_over(driver, handlers, schedules, stop, at_once or {})
            # RuntimeError: pgqueuer found no tables, because the database is not migrated yet.
            except (
                OSError,
                SQLAlchemyError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                PgqException,
                RuntimeError,
            ):
                _log.exception("job_queue_lost", retry_in_seconds=_RECONNECT_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RECONNECT_SECONDS)

    async def backlog(self) -> Mapping[str, Backlog]:
        """What waits for a worker, by the name of the job; raises TimeoutError or OSError where nobody can tell."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_SECONDS), self._engine.connect() as connection:
                found = (await connection.execute(_BACKLOG)).all()
        except SQLAlchemyError as error:
            raise OSError("The database does not answer.") from error
        return {job: Backlog(jobs, float(late)) for job, jobs, late in found}

    async def _work_over(
        self,
        connection: DriverConnection,
        handlers: Mapping[str, JobHandler],
        schedules: Sequence[Schedule],
        stop: asyncio.Event,
        at_once: Mapping[str, int],
    ) -> None:
        driver = AsyncpgDriver(connection)
        queue = PgQueuer(driver, Channel(NAMES.channel), queries=queries_over(driver))
        for job, handler in handlers.items():
            limit = at_once.get(job, 0)
            queue.entrypoint(job, accepts_context=False, concurrency_limit=limit)(self._runner(job, handler))
        for schedule in schedules:
            queue.schedule(schedule.name, schedule.cron, accepts_context=False)(_clockwork(schedule))
        running = asyncio.create_task(
            queue.run(
                dequeue_timeout=_LOOK_EVERY,
                batch_size=_BATCH,
                max_concurrent_tasks=2 * _BATCH,
                heartbeat_timeout=_DEAD_AFTER,
                # A connection that hears nothing any more ends the run, and `work` makes a new one.
                shutdown_on_listener_failure=True,
            )
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            queue.shutdown.set()
            await asyncio.wait({running}, timeout=_GRACE_SECONDS)
            running.cancel()
            await asyncio.wait({running})
        if not running.cancelled():
            running.result()

    def _runner(self, job: str, handler: JobHandler) -> Callable[[Job], Awaitable[None]]:
        async def run(found: Job) -> None:
            outcome, started = "failed", time.perf_counter()
            try:
                payload = self._sealer.unseal(found.payload or b"", purpose=sealing_purpose(job))
                with span(f"job {job}"):
                    await handler(payload, found.attempts)
                outcome = "done"
            except RetryLater as later:
                outcome = "put_off"
                raise RetryRequested(later.delay, later.reason) from None
            except asyncio.CancelledError:
                outcome = "put_off"
                # pgqueuer drops what is cancelled; a job cut short by the end of its worker must be had again.
                raise RetryRequested(reason="The worker was stopped.") from None
            finally:
                JOBS.labels(job, outcome).inc()
                JOB_SECONDS.labels(job).observe(time.perf_counter() - started)

        return run


def _clockwork(schedule: Schedule) -> Callable[[DueSchedule], Awaitable[None]]:
    async def run(_: DueSchedule) -> None:
        await schedule.run()

    return run
