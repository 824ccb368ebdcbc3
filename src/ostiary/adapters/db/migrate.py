"""Brings a database's schema to a revision, from a source checkout and from an installed package alike."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncpg import InterfaceError, PostgresError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import ostiary
from ostiary.adapters.db.engine import driver_url

T = TypeVar("T")


class DatabaseUnavailableError(Exception):
    """There is no connection to be had; the text says why."""


def configuration() -> Config:
    """Alembic's settings, pointing at the migrations: inside the installed package, or at the top of a checkout."""
    package = Path(ostiary.__file__).parent
    installed = package / "migrations"
    folder = installed if installed.is_dir() else package.parent.parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))  # % begins an interpolation there
    config.set_main_option("path_separator", "os")
    return config


def heads() -> frozenset[str]:
    """The newest revisions this version knows: what a migrated database is at."""
    return frozenset(ScriptDirectory.from_config(configuration()).get_heads())


async def current(url: str) -> frozenset[str]:
    """The revisions the database is at; empty when it was never migrated."""

    def look(connection: Connection) -> frozenset[str]:
        return frozenset(MigrationContext.configure(connection).get_current_heads())

    return await _with_connection(url, look)


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up. Two at once take turns; a migration that waits too long for a lock fails and changes nothing."""
    await _run(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    """Migrate down to a revision, or to `base`: an empty schema."""
    await _run(url, lambda config: command.downgrade(config, revision))


async def _run(url: str, act: Callable[[Config], object]) -> None:
    def with_connection(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection  # migrations/env.py takes it from there
        act(config)

    await _with_connection(url, with_connection)


async def _with_connection(url: str, act: Callable[[Connection], T]) -> T:
    try:
        engine = create_async_engine(driver_url(url), poolclass=NullPool)
        connection = await engine.connect()
    except (OSError, SQLAlchemyError, PostgresError, InterfaceError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatabaseUnavailableError(f"OSTIARY_DATABASE_URL: the database cannot be reached ({reason}).") from error
    try:
        return await connection.run_sync(act)
    finally:
        await connection.close()
        await engine.dispose()
