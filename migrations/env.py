"""Runs migrations.

Over the connection that `ostiary.adapters.db.migrate` hands in; for the `alembic` command over OSTIARY_DATABASE_URL.
"""

import asyncio
import os
from typing import Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ostiary.adapters.db.tables import metadata
from ostiary.adapters.db.tables.base import TypeId

# Rather fail than queue up behind a long transaction with everybody else waiting behind us.
LOCK_TIMEOUT = "3s"
# Two migrations at once take turns. An arbitrary number that nothing else in the database uses.
ONE_AT_A_TIME = 7_308_604_721


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """The job queue's tables are its package's own: created by a migration, described by no metadata of ours."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A new migration names the database's type of an id: what the tables call it may change."""
    return "sa.Uuid()" if kind == "type" and isinstance(item, TypeId) else False


def migrate(connection: Connection) -> None:
    """Run what was asked for, each migration in a transaction of its own."""
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({ONE_AT_A_TIME})")
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.exec_driver_sql("SET statement_timeout = 0")
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_server_default=True,
        include_name=include_name,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({ONE_AT_A_TIME})")
    connection.commit()


async def connect_and_migrate() -> None:
    engine = create_async_engine(os.environ["OSTIARY_DATABASE_URL"], poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


handed_in = context.config.attributes.get("connection")
if isinstance(handed_in, Connection):
    migrate(handed_in)
else:
    asyncio.run(connect_and_migrate())
