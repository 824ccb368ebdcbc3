"""The migrations, on a database of their own."""

import asyncio
import sys
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from ostiary.adapters.db import migrate
from tests.support.counts import GROUPS, MEMBERS, ORGANIZATION, USERS, ensure_exact
from tests.support.database import connection

UPGRADE = "import asyncio, sys; from ostiary.adapters.db import migrate; asyncio.run(migrate.upgrade(sys.argv[1]))"


async def things_in(url: str) -> list[str]:
    """The names of all relations, functions and types of the schema, but for alembic's own table."""
    async with connection(url) as session:
        rows = await session.fetch(
            "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace"
        )
    return sorted(name for row in rows if "alembic_version" not in (name := str(row["name"])))


async def test_an_empty_database_migrates_up_down_to_nothing_and_up_again(empty_database: str) -> None:
    assert await migrate.current(empty_database) == frozenset()
    await migrate.upgrade(empty_database)
    assert await migrate.current(empty_database) == migrate.heads()
    assert "organizations" in await things_in(empty_database)
    await migrate.downgrade(empty_database, "base")
    assert await migrate.current(empty_database) == frozenset()
    assert await things_in(empty_database) == []
    await migrate.upgrade(empty_database)
    assert await migrate.current(empty_database) == migrate.heads()


async def test_two_processes_that_migrate_at_once_take_turns(empty_database: str) -> None:
    starts = [asyncio.create_subprocess_exec(sys.executable, "-c", UPGRADE, empty_database) for _ in range(2)]
    processes = await asyncio.gather(*starts)
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0]
    assert await migrate.current(empty_database) == migrate.heads()


async def test_a_migration_that_waits_for_a_lock_gives_up_instead_of_holding_everybody_up(own_database: str) -> None:
    async with connection(own_database) as busy, busy.transaction():
        await busy.execute("SELECT FROM organizations")
        with pytest.raises(DBAPIError, match="lock timeout"):
            await migrate.downgrade(own_database, "base")
    assert await migrate.current(own_database) != frozenset()


def test_there_is_one_newest_revision() -> None:
    assert len(migrate.heads()) == 1


async def test_sessions_and_connections_from_before_single_logout_stay_as_they_were(empty_database: str) -> None:
    await migrate.upgrade(empty_database, "0010")
    old_session = (
        "INSERT INTO sessions (id, secret_hash, account_id, kind, created_at, expires_at)"
        " VALUES (gen_random_uuid(), 'x', gen_random_uuid(), 'sso', now(), now())"
    )
    old_connection = (
        "INSERT INTO connections (organization_id, id, name, provider, status, idp_entity_id, idp_sso_url,"
        " idp_sso_binding, attribute_mapping, clock_skew_seconds, created_at) VALUES (gen_random_uuid(),"
        " gen_random_uuid(), 'IdP', 'okta', 'active', 'https://idp', 'https://idp/sso', 'post', '{}', 60, now())"
    )
    async with connection(empty_database) as session:
        # The rows stand for themselves here: without triggers, foreign keys are not looked at.
        await session.execute("SET session_replication_role = replica")
        await session.execute(old_session)
        await session.execute(old_connection)
    await migrate.upgrade(empty_database)
    async with connection(empty_database) as session:
        [session_row] = await session.fetch("SELECT subject FROM sessions")
        [kept] = await session.fetch(
            "SELECT idp_slo_binding, idp_slo_response_url, allow_aes_cbc, allow_sha1 FROM connections"
        )
    assert (tuple(session_row), tuple(kept)) == ((None,), (None, None, False, False))


async def test_what_was_there_before_it_was_counted_is_counted(empty_database: str) -> None:
    await migrate.upgrade(empty_database, "0023")
    organization = uuid4()
    async with connection(empty_database) as session:
        await session.execute(ORGANIZATION, organization)
        for number, rows in enumerate((USERS, GROUPS, MEMBERS), 4):
            await session.execute(rows, organization, number)
        await migrate.upgrade(empty_database)
        await session.execute(USERS, organization, 10)
        await ensure_exact(session, organization)
        assert await session.fetchval("SELECT sum(n) FROM directory_counts WHERE kind = 'user'") == 14
        assert await session.fetchval("SELECT count(*) FROM directory_counts") == 3
