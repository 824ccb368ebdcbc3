"""A transaction begins with what locks or writes, and never outlives its unit of work."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Row, func, insert, literal, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db.deferred import Then
from ostiary.adapters.db.engine import make_engine
from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import all_given, given
from ostiary.adapters.db.tables import accounts
from ostiary.adapters.db.transaction import Transaction
from ostiary.adapters.system import SystemIds
from ostiary.domain import ids
from ostiary.domain.errors import DomainError
from tests.support.database import connection

ADD = Prepared(insert(accounts).values(all_given(accounts.c)))
NAMES = Prepared(select(accounts.c.name).order_by(accounts.c.name))
LOCK = Prepared(select(accounts.c.id).where(accounts.c.email == given(accounts.c.email)).with_for_update())
LOCK_BY_ID = Prepared(select(accounts.c.id).where(accounts.c.id == given(accounts.c.id)).with_for_update())
RENAME, RENAME_NAMED = (
    Prepared(
        update(accounts)
        .where(accounts.c.email == given(accounts.c.email, "whose"))
        .values(name=given(accounts.c.name))
        .returning(*answered)
    )
    for answered in ((), (accounts.c.name,))
)
ADD_NAMED = Prepared(insert(accounts).values(all_given(accounts.c)).returning(accounts.c.name))


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


@contextmanager
def exchanges() -> Generator[list[str]]:
    """What goes to the database together inside the block."""
    seen: list[str] = []
    exchange = Transaction._exchange

    async def noting(self: Transaction, sql: str, arguments: Sequence[Any]) -> Sequence[asyncpg.Record]:
        seen.append(sql)
        return await exchange(self, sql, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "_exchange", noting)
        yield seen


async def test_writes_that_can_wait_go_together_in_the_order_they_came(engine: AsyncEngine) -> None:
    with exchanges() as seen:
        async with begun(engine) as transaction:
            for name in ("ada", "bo", "cy"):
                await transaction.defer(ADD, account(name))
            assert not transaction._driver.is_in_transaction()
            await transaction.commit()
    assert len(seen) == 1
    async with begun(engine) as transaction:
        stored = select(accounts.c.name).order_by(literal_column("ctid"))
        assert [row.name for row in await transaction.execute(stored)] == ["ada", "bo", "cy"]


async def test_whatever_is_run_by_itself_sees_what_waited(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        await transaction.defer(ADD, account("ada"))
        assert [row.name for row in await transaction.run(NAMES, {})] == ["ada"]
        await transaction.defer(ADD, account("bo"))
        assert (await transaction.execute(select(func.count()).select_from(accounts))).scalar() == 2
        await transaction.defer(ADD, account("cy"))
        await transaction.run_many(ADD, [account("dee")])
        await transaction.defer(ADD, account("eve"))
        driver = await transaction.begin()
        assert await driver.fetchval("SELECT count(*) FROM accounts") == 5
        await transaction.defer(RENAME, {"whose": "ada@acme.test", "name": "Ada"})
        await transaction.hold(LOCK_BY_ID, {"id": SystemIds().new(ids.ACCOUNT)})
        assert not transaction._waiting


async def test_what_looks_at_what_waits_does_not_wait_beside_it(engine: AsyncEngine) -> None:
    with exchanges() as seen:
        async with begun(engine) as transaction:
            await transaction.defer(ADD, account("ada"))
            await transaction.defer(RENAME, {"whose": "ada@acme.test", "name": "Ada"})
            await transaction.defer(RENAME, {"whose": "ada@acme.test", "name": "Ada L."})
            await transaction.commit()
    assert len(seen) == 3
    assert await names(engine) == ["Ada L."]


async def test_what_waited_and_was_not_committed_is_not_sent(engine: AsyncEngine) -> None:
    with exchanges() as seen:
        async with begun(engine) as transaction:
            await transaction.defer(ADD, account("ada"))
    assert seen == []
    assert await names(engine) == []


@pytest.mark.parametrize("at", ["commit", "run", "execute", "begin"])
async def test_what_the_database_refuses_later_is_the_same_refusal_and_keeps_nothing(
    engine: AsyncEngine, at: str
) -> None:
    async with begun(engine) as transaction:
        await transaction.run(ADD, account("ada"))
        await transaction.commit()
        await transaction.defer(ADD, account("bo"))
        await transaction.defer(ADD, account("ada"))
        go_on: Mapping[str, Callable[[], Awaitable[object]]] = {
            "commit": transaction.commit,
            "run": lambda: transaction.run(NAMES, {}),
            "execute": lambda: transaction.execute(text("SELECT 1")),
            "begin": transaction.begin,
        }
        with pytest.raises(DomainError, match="email_taken"):
            await go_on[at]()
        with pytest.raises(RuntimeError, match="nothing of it was kept"):
            await transaction.commit()
    assert await names(engine) == ["ada"]


async def test_rows_are_told_to_whoever_waits_for_them_before_the_commit(engine: AsyncEngine) -> None:
    told: list[tuple[str, list[str]]] = []
    async with begun(engine) as transaction:

        def teller(who: str) -> Then:
            async def tell(rows: Sequence[Row[Any]]) -> None:
                told.append((who, [row.name for row in rows]))
                await transaction.defer(ADD, account(f"friend-of-{who}"))

            return tell

        await transaction.defer(ADD_NAMED, account("ada"), teller("ada"))
        await transaction.defer(ADD, account("bo"))
        await transaction.defer(ADD_NAMED, account("cy"), teller("cy"))
        await transaction.defer(RENAME_NAMED, {"whose": "nobody@acme.test", "name": "x"}, teller("nobody"))
        await transaction.commit()
    assert told == [("ada", ["ada"]), ("cy", ["cy"])]
    assert await names(engine) == ["ada", "bo", "cy", "friend-of-ada", "friend-of-cy"]


async def test_a_lock_comes_with_the_beginning(engine: AsyncEngine, database_url: str) -> None:
    ada = account("ada")
    async with begun(engine) as transaction:
        await transaction.run(ADD, ada)
        await transaction.commit()
        await transaction.hold(LOCK_BY_ID, {"id": ada["id"]})
        assert transaction._driver.is_in_transaction()
        async with connection(database_url) as other:
            assert await other.fetch("SELECT id FROM accounts FOR UPDATE SKIP LOCKED") == []


async def test_only_uuids_are_written_into_a_statement(engine: AsyncEngine) -> None:
    async with begun(engine) as transaction:
        with pytest.raises(ValueError, match="Only UUIDs"):
            await transaction.hold(LOCK, {"email": "ada@acme.test"})
    assert await names(engine) == []
