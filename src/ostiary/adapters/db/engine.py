"""The engine: one pool a process."""

from typing import TypeAlias

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Engine: TypeAlias = AsyncEngine

STATEMENT_TIMEOUT_MILLISECONDS = 30_000


def driver_url(url: str) -> URL:
    """The address for SQLAlchemy and asyncpg; one without a driver, as hosting services hand them out, will do.

    Raises ValueError for the address of something else.
    """
    parsed = make_url(url)
    if parsed.drivername not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("write postgresql://user:password@host/database")
    return parsed.set(drivername="postgresql+asyncpg")


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """An engine whose statements, locks and idle transactions are all bounded in time."""
    return create_async_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        # An error's text, which is logged, never quotes e-mail addresses or hashes.
        hide_parameters=True,
        connect_args={
            "server_settings": {
                "application_name": "ostiary",
                "statement_timeout": str(STATEMENT_TIMEOUT_MILLISECONDS),
                "lock_timeout": "10000",
                "idle_in_transaction_session_timeout": "60000",
            }
        },
    )
