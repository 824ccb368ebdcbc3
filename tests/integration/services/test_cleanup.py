"""What the clean-up deletes, and what it leaves."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db.engine import make_engine
from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.adapters.sealing import AesGcmSealer
from ostiary.adapters.system import SystemIds
from ostiary.services import cleanup
from ostiary.services.cleanup import KEPT_FOR, CleanupService
from ostiary.services.context import Kit, Urls
from ostiary.services.ports.cleanup import Perishable
from tests.support.database import connection

NOW = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
SEALER = AesGcmSealer("a secret key of more than 32 characters")

# $1 is the time that counts; the other columns are filled with anything.
INSERTS = {
    Perishable.SESSIONS: "INSERT INTO sessions (id, secret_hash, account_id, kind, created_at, expires_at,"
    " ends_at, last_used_at) VALUES (gen_random_uuid(), $2, gen_random_uuid(), 'password', $1, $1, $1, $1)",
    Perishable.EMAIL_CHANGES: "INSERT INTO email_changes (account_id, email, present_hash, wanted_hash, expires_at)"
    " VALUES (gen_random_uuid(), 'ada@acme.test', $2, $2, $1)",
    Perishable.EMAIL_TOKENS: "INSERT INTO email_tokens (secret_hash, account_id, purpose, email, expires_at)"
    " VALUES ($2, gen_random_uuid(), 'verify', 'ada@acme.test', $1)",
    Perishable.RECOVERY_LINKS: "INSERT INTO recovery_links (organization_id, member_id, secret_hash, created_at,"
    " expires_at) VALUES (gen_random_uuid(), gen_random_uuid(), $2, $1, $1)",
    Perishable.ATTEMPT_COUNTS: "INSERT INTO attempt_counts (key, tried, expires_at) VALUES ($2, 1, $1)",
    Perishable.IDEMPOTENCY_KEYS: "INSERT INTO idempotency_keys (request_key, fingerprint, claimed_at, expires_at)"
    " VALUES ($2, $2, $1, $1)",
    Perishable.SERVICE_ACCOUNT_TOKENS: "INSERT INTO service_account_tokens (organization_id, id, service_account_id,"
    " name, secret_hash, created_by, created_by_email, created_at, expires_at) VALUES (gen_random_uuid(),"
    " gen_random_uuid(), gen_random_uuid(), 'CI', $2, gen_random_uuid(), 'ada@acme.test', $1, $1)",
    Perishable.SETUP_LINKS: "INSERT INTO setup_links (organization_id, id, intent, secret_hash, created_by,"
    " created_by_email, created_at, expires_at)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), 'sso', $2, gen_random_uuid(), 'ada@acme.test', $1, $1)",
    Perishable.SIGN_IN_FLOWS: "INSERT INTO sign_in_flows (organization_id, relay_state_hash, connection_id, request_id,"
    " purpose, trace_id, created_at, expires_at)"
    " VALUES (gen_random_uuid(), $2, gen_random_uuid(), 'x', 'sign_in', gen_random_uuid(), $1, $1)",
    Perishable.LOGOUT_FLOWS: "INSERT INTO logout_flows (organization_id, relay_state_hash, connection_id, request_id,"
    " created_at, expires_at) VALUES (gen_random_uuid(), $2, gen_random_uuid(), 'x', $1, $1)",
    Perishable.ONE_TIME_CODES: "INSERT INTO one_time_codes (organization_id, secret_hash, account_id, connection_id,"
    " code_challenge, browser_hash, session_expires_at, expires_at)"
    " VALUES (gen_random_uuid(), $2, gen_random_uuid(), gen_random_uuid(), 'x', $2, $1, $1)",
    Perishable.REPLAY_KEYS: "INSERT INTO replayed_assertions (organization_id, connection_id, assertion_hash,"
    " keep_until) VALUES (gen_random_uuid(), gen_random_uuid(), $2, $1)",
    Perishable.SIGN_IN_TRACES: "INSERT INTO sign_in_traces (organization_id, id, connection_id, purpose, outcome,"
    " started_at) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'sign_in', 'refused', $1"
    " WHERE $2::bytea IS NOT NULL",
    Perishable.DEPARTURES: "INSERT INTO directory_departures (organization_id, member_id, number, at)"
    " SELECT gen_random_uuid(), gen_random_uuid(), 1, $1 WHERE $2::bytea IS NOT NULL",
    Perishable.DIRECTORY_TOKENS: "INSERT INTO directory_tokens (organization_id, id, secret_hash, created_at,"
    " expires_at) VALUES (gen_random_uuid(), gen_random_uuid(), $2, $1, $1)",
    Perishable.DIRECTORY_REQUESTS: "INSERT INTO directory_requests (organization_id, id, at, method, path, status,"
    " duration_ms, quirks, missed_before) SELECT gen_random_uuid(), gen_random_uuid(), $1, 'GET', '/Users', 200, 1,"
    " '{}', 0 WHERE $2::bytea IS NOT NULL",
    Perishable.WEBHOOK_DELIVERIES: "INSERT INTO webhook_deliveries (organization_id, webhook_id, event_id, status,"
    " created_at) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'succeeded', $1"
    " WHERE $2::bytea IS NOT NULL",
    Perishable.SP_KEYS: "INSERT INTO sp_keys (organization_id, id, certificate_pem, sealed_private_key, created_at,"
    " retired_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'x', $2, $1, $1)",
    Perishable.JOB_LOG: "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
    " SELECT $1, 1, 'successful', 0, 'send_mail' WHERE $2::bytea IS NOT NULL",
    Perishable.JOB_STATISTICS: "INSERT INTO pgqueuer_statistics (created, count, priority, status, entrypoint)"
    " SELECT $1, 1, 0, 'successful', encode($2, 'hex')",
}
TABLES = {
    Perishable.REPLAY_KEYS: "replayed_assertions",
    Perishable.DEPARTURES: "directory_departures",
    Perishable.JOB_LOG: "pgqueuer_log",
    Perishable.JOB_STATISTICS: "pgqueuer_statistics",
}


class FrozenClock:
    def now(self) -> datetime:
        return NOW


async def insert(url: str, kind: Perishable, *times: datetime) -> None:
    async with connection(url) as session:
        # The rows stand for themselves here: without triggers, foreign keys are not looked at.
        await session.execute("SET session_replication_role = replica")
        for time in times:
            await session.execute(INSERTS[kind], time, uuid4().bytes * 2)


async def count(url: str, kind: Perishable) -> int:
    async with connection(url) as session:
        return int(await session.fetchval(f"SELECT count(*) FROM {TABLES.get(kind, kind)}"))


@pytest.fixture
async def service(database_url: str) -> AsyncGenerator[CleanupService]:
    engine: AsyncEngine = make_engine(database_url, pool_size=2)
    yield CleanupService(
        Kit(lambda: SqlUnitOfWork(engine, SEALER), FrozenClock(), SystemIds(), Urls("http://ostiary.test"))
    )
    await engine.dispose()


@pytest.mark.parametrize("kind", Perishable)
async def test_what_is_past_its_time_goes_and_the_rest_stays(
    service: CleanupService, database_url: str, kind: Perishable
) -> None:
    edge = NOW - KEPT_FOR[kind]
    second = timedelta(seconds=1)
    await insert(database_url, kind, edge - timedelta(days=400), edge - second, edge, edge + second)
    assert await service.run() == {kind: 2}
    assert await count(database_url, kind) == 2
    assert await service.run() == {}


async def test_more_rows_than_one_transaction_takes_all_go(
    service: CleanupService, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "BATCH", 2)
    await insert(database_url, Perishable.SESSIONS, *[NOW - timedelta(hours=hours) for hours in range(1, 6)])
    assert await service.run() == {Perishable.SESSIONS: 5}
    assert await count(database_url, Perishable.SESSIONS) == 0


async def test_a_row_somebody_has_locked_is_left_and_waited_for_by_nobody(
    service: CleanupService, database_url: str
) -> None:
    await insert(database_url, Perishable.SESSIONS, NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    async with connection(database_url) as other, other.transaction():
        await other.execute("SELECT FROM sessions ORDER BY expires_at LIMIT 1 FOR UPDATE")
        assert await service.run() == {Perishable.SESSIONS: 1}
    assert await service.run() == {Perishable.SESSIONS: 1}
