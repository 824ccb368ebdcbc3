"""The engine: one pool a process."""

from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Engine: TypeAlias = AsyncEngine

STATEMENT_TIMEOUT_MILLISECONDS = 30_000


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """An engine whose statements, locks and idle transactions are all bounded in time."""
    return create_async_engine(
        url,
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
