"""The engine: one pool a process."""

import math
import time
from typing import TypeAlias

import orjson
from sqlalchemy import URL, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from ostiary.services.metrics import DATABASE_CONNECTIONS, DATABASE_CONNECTIONS_LIMIT

Engine: TypeAlias = AsyncEngine

STATEMENT_TIMEOUT_MILLISECONDS = 30_000
PINGED_AFTER_SECONDS = 5.0


def driver_url(url: str) -> URL:
    """The address for SQLAlchemy and asyncpg; one without a driver, as hosting services hand them out, will do.

    Raises ValueError for the address of something else.
    """
    parsed = make_url(url)
    if parsed.drivername not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("write postgresql://user:password@host/database")
    return parsed.set(drivername="postgresql+asyncpg")


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """An engine whose statements, locks and idle transactions are all bounded in time.

    Its connections begin no transaction by themselves: `Transaction` does, where there is something to keep together.
    """
    engine = create_async_engine(
        driver_url(url),
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        # An error's text, which is logged, never quotes e-mail addresses or hashes.
        hide_parameters=True,
        # Several times as fast as the standard library's.
        json_deserializer=orjson.loads,
        connect_args={
            "server_settings": {
                "application_name": "ostiary",
                "statement_timeout": str(STATEMENT_TIMEOUT_MILLISECONDS),
                "lock_timeout": "10000",
                "idle_in_transaction_session_timeout": "60000",
            }
        },
    )
    _ping_after_rest(engine)
    _count_those_in_use(engine)
    DATABASE_CONNECTIONS_LIMIT.set(pool_size)
    return engine


def _ping_after_rest(engine: AsyncEngine) -> None:
    """Have the pool ask a connection that rested whether it lives: the server may have been restarted since.

    One that was in use a moment ago is not asked: that would be a round trip for every transaction.
    """

    def rests(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    def rises(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get("rests_since", math.inf) < PINGED_AFTER_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # The pool replaces it and tries again.
            raise DisconnectionError from error

    event.listen(engine.sync_engine, "checkin", rests)
    event.listen(engine.sync_engine, "checkout", rises)


def _count_those_in_use(engine: AsyncEngine) -> None:
    """Tell the gauge of connections that are taken from the pool, given back, or taken away for good."""

    def taken(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        record.info["counted"] = True
        DATABASE_CONNECTIONS.inc()

    def given_back(_connection: object, record: ConnectionPoolEntry) -> None:
        # One that left the pool is given back no more, one that died at rest was never taken.
        if record.info.pop("counted", False):
            DATABASE_CONNECTIONS.dec()

    # After the listener that refuses the dead: those are not taken.
    event.listen(engine.sync_engine, "checkout", taken)
    event.listen(engine.sync_engine, "checkin", given_back)
    event.listen(engine.sync_engine, "detach", given_back)
