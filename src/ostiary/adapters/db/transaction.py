"""One connection of the pool, and the transaction on it, begun no earlier than it is needed.

A transaction begins with the first statement that locks or writes. What is read before sees what is committed at that
moment, which is what it would see inside too: each statement of READ COMMITTED looks for itself. So a request that only
reads spares the round trips of BEGIN and ROLLBACK.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import asyncpg
import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import Executable

from ostiary.adapters.db.constraints import translated
from ostiary.adapters.db.deferred import Then, Waiting, arguments_of, together, told
from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.tracing import span

DriverConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What a statement came to: its rows, and how many it found or changed."""

    rows: Sequence[Row[Any]]
    rowcount: int

    def all(self) -> Sequence[Row[Any]]:
        """All rows."""
        return self.rows

    def first(self) -> Row[Any] | None:
        """The first row, if there is one."""
        return self.rows[0] if self.rows else None

    def scalar(self) -> Any:
        """The first value of the first row, if there is one."""
        return self.rows[0][0] if self.rows else None

    def __iter__(self) -> Iterator[Row[Any]]:
        """Iterate over the rows."""
        return iter(self.rows)


def _exchange(summary: str) -> AbstractContextManager[object]:
    """A span around one exchange with the database; it names tables, and no value."""
    return span(summary, **{"db.system.name": "postgresql", "db.query.summary": summary})


class Transaction:
    """Statements on one connection. Closing without `commit` rolls back."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        proxied = connection.sync_connection
        assert proxied is not None
        self._driver = cast("DriverConnection", proxied.connection.driver_connection)
        # True from before BEGIN is sent until COMMIT came through: whatever happens between, ROLLBACK is sent.
        self._open = False
        self._waiting: list[Waiting] = []

    @classmethod
    async def on(cls, engine: AsyncEngine) -> "Transaction":
        """Take a connection of an engine whose connections begin nothing by themselves (`make_engine`)."""
        return cls(await engine.connect())

    async def begin(self) -> DriverConnection:
        """Begin, unless that has happened; the driver, for libraries that take part in the transaction."""
        await self._send_waiting()
        return await self._begun()

    async def _begun(self) -> DriverConnection:
        if not self._open:
            self._open = True
            with _exchange("BEGIN"):
                await self._driver.execute("BEGIN")
        return self._driver

    async def snapshot(self) -> None:
        """Begin, before anything else, a transaction all of whose statements see what was committed by its first."""
        driver = await self.begin()
        await driver.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    async def hold(self, lock: Prepared, parameters: Mapping[str, Any]) -> None:
        """Run a statement for the rows it locks alone, in one exchange with BEGIN where that is due."""
        if self._open or self._waiting:
            await self.run(lock, parameters)
            return
        self._open = True
        with translated(), _exchange(f"BEGIN; {lock.summary}"):
            # Several statements at once take no values beside them.
            await self._driver.execute(f"BEGIN; {lock.written_out(parameters)}")

    async def execute(self, statement: Executable, parameters: Any = None) -> Found:
        """Run a statement SQLAlchemy's way; raises `DBAPIError` for what the database refuses."""
        await self.begin()
        with _exchange(type(statement).__name__.upper()):
            result = await self._connection.execute(statement, parameters)
        return Found(result.all() if result.returns_rows else (), result.rowcount)

    async def run(self, statement: Prepared, parameters: Mapping[str, Any]) -> Found:
        """Run a prepared statement; raises `asyncpg.PostgresError` for what the database refuses."""
        await self._send_waiting()
        arguments = statement.arguments(parameters)
        if not statement.only_reads:
            await self._begun()
        with _exchange(statement.summary):
            if not statement.has_rows:
                status = await self._driver.execute(statement.sql, *arguments)
                return Found((), int(status.rpartition(" ")[2]))
            records = await self._driver.fetch(statement.sql, *arguments)
        return Found(statement.rows(records), len(records))

    async def defer(self, statement: Prepared, parameters: Mapping[str, Any], then: Then | None = None) -> None:
        """Run a prepared statement no later than the next one or the commit, in one exchange with others that wait.

        There is raised what the database refuses, as the DomainError it stands for, and what `then` raises, which is
        told the rows if any came.
        """
        one = Waiting(statement, parameters, then)
        if not all(one.is_independent_of(other) for other in self._waiting):
            await self._send_waiting()
        self._waiting.append(one)

    async def _send_waiting(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            sql = together(tuple(one.statement for one in waiting))
            with _exchange("; ".join(one.statement.summary for one in waiting)):
                records = await self._exchange(sql, arguments_of(waiting))
            for then, rows in told(waiting, records):
                await then(rows)

    async def _exchange(self, sql: str, arguments: Sequence[Any]) -> Sequence[asyncpg.Record]:
        driver = await self._begun()
        with translated():
            return await driver.fetch(sql, *arguments)

    async def run_many(self, statement: Prepared, each: Sequence[Mapping[str, Any]]) -> None:
        """Run a prepared statement that answers nothing once for each, in one exchange with the database.

        Raises `asyncpg.PostgresError` for what the database refuses.
        """
        driver = await self.begin()
        with _exchange(statement.summary):
            await driver.executemany(statement.sql, [statement.arguments(parameters) for parameters in each])

    async def commit(self) -> None:
        """Commit what was begun; raises RuntimeError where the database rolled back instead."""
        await self._send_waiting()
        if self._open:
            with _exchange("COMMIT"):
                status = await self._driver.execute("COMMIT")
            self._open = False
            if status != "COMMIT":
                raise RuntimeError("A statement of this transaction failed before, so nothing of it was kept.")

    async def close(self) -> None:
        """Roll back what was not committed, and give the connection back, or away if it is of no use any more."""
        try:
            if self._open and not self._driver.is_closed():
                await self._driver.execute("ROLLBACK")
                self._open = False
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # The server ends the transaction together with its connection, which is given away below.
            _log.warning("rollback_failed", reason=type(error).__name__)
        finally:
            if self._open or self._driver.is_closed():
                await self._connection.invalidate()
            await self._connection.close()
