"""A transaction begins with what locks or writes, and never outlives its unit of work."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db.engine import make_engine
from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import all_given, given
from ostiary.adapters.db.tables import accounts
from ostiary.adapters.db.transaction import Transaction
from ostiary.adapters.system import SystemIds
from ostiary.domain import ids
from tests.support.database import connection

ADD = Prepared(insert(accounts).values(all_given(accounts.c)))
NAMES = Prepared(select(accounts.c.name).order_by(accounts.c.name))
LOCK = Prepared(select(accounts.c.id).where(accounts.c.email == given(accounts.c.email)).with_for_update())
RENAME = Prepared(
    update(accounts).where(accounts.c.email == given(accounts.c.email, "whose")).values(name=given(accounts.c.name))
)


def account(name: str) -> dict[str, object]:
    return {
        "id": SystemIds().new(ids.ACCOUNT),
        "email": f"{name}@acme.test",
        "name": name,
        "password_hash": None,
        "email_verified_at": None,
        "created_at": datetime.now(UTC),
    }


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    engine = make_engine(database_url, pool_size=1)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def begun(engine: AsyncEngine) -> AsyncGenerator[Transaction]:
    transaction = await Transaction.on(engine)
    try:
        yield transaction
    finally:
        await transaction.close()


async def names(engine: AsyncEngine) -> list[str]:
    async with begun(engine) as transaction:
        assert not transaction._driver.is_in_transaction()
        return [row.name for row in await transaction.run(NAMES, {})]


async def test_what_only_reads_begins_nothing(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        await transaction.run(NAMES, {})
        assert not transaction._driver.is_in_transaction()
        await transaction.commit()


@pytest.mark.parametrize("how", ["a lock", "a write", "a statement that is not prepared", "a library"])
async def test_everything_else_begins_first(engine: AsyncEngine, how: str) -> None:
    async with begun(engine) as transaction:
        if how == "a lock":
            await transaction.run(LOCK, {"email": "x"})
        elif how == "a write":
            await transaction.run(ADD, account("ada"))
        elif how == "a library":
            await transaction.begin()
        else:
            await transaction.execute(text("SELECT 1"))
        assert transaction._driver.is_in_transaction()
    assert await names(engine) == []


async def test_what_is_committed_is_kept_and_what_follows_is_not(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        await transaction.run(ADD, account("ada"))
        await transaction.execute(insert(accounts), account("bo"))
        await transaction.commit()
        await transaction.run(ADD, account("cy"))
    assert await names(engine) == ["ada", "bo"]


async def test_a_write_says_how_many_rows_it_changed(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        added = await transaction.run(ADD, account("ada"))
        changed = await transaction.run(RENAME, {"whose": "ada@acme.test", "name": "Ada"})
        missed = await transaction.run(RENAME, {"whose": "nobody@acme.test", "name": "Ada"})
        unprepared = await transaction.execute(update(accounts).values(name="Ada L."))
    assert [added.rowcount, changed.rowcount, missed.rowcount, unprepared.rowcount] == [1, 1, 0, 1]


async def test_a_transaction_whose_statement_failed_is_not_taken_for_committed(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        ada = account("ada")
        await transaction.run(ADD, ada)
        with pytest.raises(asyncpg.UniqueViolationError):
            await transaction.run(ADD, ada)
        with pytest.raises(RuntimeError, match="nothing of it was kept"):
            await transaction.commit()
    assert await names(engine) == []


@pytest.mark.parametrize("prepared", [True, False])
async def test_whoever_is_cancelled_while_waiting_leaves_nothing_open(
    engine: AsyncEngine, database_url: str, prepared: bool
) -> None:
    async with begun(engine) as transaction:
        await transaction.run(ADD, account("ada"))
        await transaction.commit()

    async def wait_for_ada() -> None:
        async with begun(engine) as waiting:
            await waiting.run(ADD, account("bo"))
            if prepared:
                await waiting.run(LOCK, {"email": "ada@acme.test"})
            else:
                await waiting.execute(select(accounts).where(accounts.c.name == "ada").with_for_update())

    async with connection(database_url) as other, other.transaction():
        await other.execute("SELECT id FROM accounts FOR UPDATE")
        task = asyncio.create_task(wait_for_ada())
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        # The one connection of the pool serves again at once, and what the cancelled one wrote is gone.
        assert await names(engine) == ["ada"]


async def test_a_connection_lost_in_the_middle_is_given_away(engine: AsyncEngine, database_url: str) -> None:
    async with begun(engine) as transaction:
        await transaction.run(ADD, account("ada"))
        pid = (await transaction.execute(text("SELECT pg_backend_pid()"))).scalar()
        async with connection(database_url) as other:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, ConnectionError)):
            await transaction.run(NAMES, {})
    assert await names(engine) == []


async def test_rows_are_read_as_sqlalchemy_reads_them(engine: AsyncEngine) -> None:
    statement = select(
        accounts,
        literal({"a": [1, None]}, JSONB).label("document"),
        literal("x").label("constant"),
    ).where(accounts.c.email == given(accounts.c.email))
    async with begun(engine) as transaction:
        ada = account("ada")
        await transaction.run(ADD, ada)
        (prepared,) = await transaction.run(Prepared(statement), {"email": ada["email"]})
        (unprepared,) = await transaction.execute(statement, {"email": ada["email"]})
    assert prepared == unprepared
    assert prepared._mapping == unprepared._mapping
    assert (prepared.id, prepared.document, prepared.constant) == (ada["id"], {"a": [1, None]}, "x")


async def test_a_value_that_is_missing_is_a_mistake_of_ours(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        with pytest.raises(KeyError, match="email"):
            await transaction.run(LOCK, {})


def test_a_list_of_unknown_length_cannot_be_prepared() -> None:
    with pytest.raises(ValueError, match="any_"):
        Prepared(select(accounts).where(accounts.c.name.in_(["a", "b"])))
