"""The rows of a whole database: kept, compared and put back, in a few milliseconds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import asyncpg

# What the mere use of a credential writes, counters of attempts, the log of requests: no change anybody asked for.
_MARKS = "'{last_used_at,last_seen_at}'::text[]"
_COUNTERS = frozenset({"alembic_version", "attempt_counts", "directory_requests"})

Sums = Mapping[str, str]


@dataclass(slots=True)
class Kept:
    """A copy of every table's rows beside the tables."""

    session: asyncpg.Connection
    tables: tuple[str, ...]
    sums: Sums

    @classmethod
    async def of(cls, session: asyncpg.Connection) -> "Kept":
        """Keep what is there now."""
        rows = await session.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        kept = cls(session, tuple(f'"{row["tablename"]}"' for row in rows if row["tablename"] not in _COUNTERS), {})
        # As a replica no trigger fires and no foreign key is looked at, so the order does not matter.
        await session.execute("SET session_replication_role = replica; SET lock_timeout = '3s'; CREATE SCHEMA kept")
        await session.execute(";".join(f"CREATE TABLE kept.{table} AS TABLE {table}" for table in kept.tables))
        kept.sums = await kept.now()
        return kept

    async def now(self) -> Sums:
        """A checksum over the rows of each table."""
        return await self._summed("SELECT to_jsonb(t) AS row FROM {table} t", self.tables)

    async def of_organization(self, organization: str) -> Sums:
        """A checksum over the rows of one organization, by its slug, of each table that has such rows."""
        found = await self.session.fetch(
            "SELECT quote_ident(table_name) AS name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'organization_id'"
        )
        its = f"(SELECT id FROM organizations WHERE slug = '{organization}')"
        rows = "SELECT to_jsonb(t) AS row FROM {table} t WHERE t.organization_id = " + its
        return await self._summed(rows, [f'"{table["name"]}"' for table in found])

    async def _summed(self, rows: str, tables: Collection[str]) -> Sums:
        each = (
            f"SELECT '{table}' AS name, md5(string_agg(line, '' ORDER BY line)) AS sum"
            f" FROM (SELECT (row - {_MARKS})::text AS line FROM ({rows.format(table=table)}) AS r) AS l"
            for table in tables
        )
        return {row["name"]: row["sum"] for row in await self.session.fetch(" UNION ALL ".join(each))}

    async def changed(self) -> list[str]:
        """The tables that are no longer as they were kept."""
        present = await self.now()
        return [table for table in self.tables if present[table] != self.sums[table]]

    async def put_back(self) -> None:
        """Make the changed tables what they were."""
        statements = [
            f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{table}"
            for table in await self.changed()
        ]
        await self.session.execute(
            ";".join([*statements, "DELETE FROM attempt_counts; DELETE FROM directory_requests"])
        )
