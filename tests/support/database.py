"""One PostgreSQL for a whole run, a migrated template in it, and databases made from the template."""

import contextlib
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import asyncpg

from ostiary.adapters.db import migrate
from ostiary.dev.postgres import EmbeddedPostgres

# Where a run finds its server: an address with {database} in it. Set by whoever starts the run, or by hand.
VARIABLE = "OSTIARY_TEST_POSTGRES"
TEMPLATE = "ostiary_template"
MAX_CONNECTIONS = 300


@contextlib.contextmanager
def embedded_server() -> Generator[str]:
    """The address of a server that lives as long as the block, as VARIABLE wants it."""
    with (
        tempfile.TemporaryDirectory(prefix="ostiary-tests-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", durable=False, max_connections=MAX_CONNECTIONS) as server,
    ):
        yield server.url("DATABASE").replace("DATABASE", "{database}")


async def make_template(server: str) -> None:
    """Migrate the template that every worker copies."""
    async with connection(server.format(database="postgres")) as admin:
        await admin.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {TEMPLATE}")
    await migrate.upgrade(server.format(database=TEMPLATE))


@contextlib.asynccontextmanager
async def database(server: str, name: str, *, template: str = TEMPLATE) -> AsyncGenerator[str]:
    """The address of a database made for the block; empty when made from `template0`."""
    async with connection(server.format(database="postgres")) as admin:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')
        try:
            yield server.format(database=name)
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Broom:
    """Empties a database in a few milliseconds, where making a new one takes a quarter of a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._statements: str | None = None

    async def sweep(self) -> None:
        """Delete every row of every table. Fails rather than wait when a test left a transaction open."""
        async with connection(self._url) as session:
            if self._statements is None:
                tables = await session.fetch(
                    "SELECT quote_ident(tablename) AS name FROM pg_tables"
                    " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
                )
                # As a replica no trigger fires and no foreign key is looked at, so the order does not matter.
                settings = ["SET session_replication_role = replica", "SET lock_timeout = '3s'"]
                self._statements = ";".join([*settings, *(f"DELETE FROM {table['name']}" for table in tables)])
            await session.execute(self._statements)


@contextlib.asynccontextmanager
async def connection(url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A plain connection to a SQLAlchemy address."""
    session: asyncpg.Connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        yield session
    finally:
        await session.close()
