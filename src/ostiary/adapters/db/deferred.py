"""Statements that can wait for one another: they go to the database in one exchange, as one statement.

A round trip costs more than most statements it carries. A write whose outcome nobody looks at waits until the next
statement that must be run by itself, or for the commit, and all that waited become CTEs of one statement. Those all see
the same rows, so that only what does not look at what another one writes may wait together.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Row

from ostiary.adapters.db.prepared import PLACE, Prepared

Then: TypeAlias = Callable[[Sequence[Row[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A statement with its values, and who is told its rows."""

    statement: Prepared
    parameters: Mapping[str, Any]
    then: Then | None

    def is_independent_of(self, other: "Waiting") -> bool:
        """Whether neither reads or changes what the other writes; both may add to one table."""
        mine, theirs = self.statement, other.statement
        return not (mine.writes & theirs.reads or theirs.writes & mine.reads)

    def rows(self, records: Iterable[Iterable[Any]]) -> Sequence[Row[Any]]:
        """The driver's records, without what says whose they are."""
        return self.statement.rows(tuple(record)[1:] for record in records)


def arguments_of(waiting: Sequence[Waiting]) -> list[Any]:
    """The values of all of them, in the order of `together`."""
    return [argument for one in waiting for argument in one.statement.arguments(one.parameters)]


def told(waiting: Sequence[Waiting], records: Sequence[asyncpg.Record]) -> list[tuple[Then, Sequence[Row[Any]]]]:
    """Who is to be told what: those who wait for rows that came."""
    by_place: dict[int, list[asyncpg.Record]] = {}
    for record in records:
        by_place.setdefault(record[0], []).append(record)
    return [
        (one.then, one.rows(by_place[place]))
        for place, one in enumerate(waiting)
        if one.then is not None and place in by_place
    ]


@lru_cache(maxsize=256)
def together(statements: tuple[Prepared, ...]) -> str:
    """One statement that does what all of them do; its first column is the place of the one whose row it is.

    Those that answer rows must answer the same columns.
    """
    parts: list[str] = []
    values = 0
    for place, statement in enumerate(statements):
        parts.append(f"s{place} AS ({PLACE.sub(_moved(values), statement.sql)})")
        values += statement.values
    answering = [place for place, statement in enumerate(statements) if statement.has_rows]
    # Places are numbers, counted here.
    rows = " UNION ALL ".join(f"SELECT {place}, s{place}.* FROM s{place}" for place in answering)  # noqa: S608 - see above
    # What nobody reads from, PostgreSQL runs last first: so the rows are locked in the order the statements came in.
    return f"WITH {', '.join(reversed(parts))} {rows or 'SELECT 0'}"


def _moved(by: int) -> Callable[[re.Match[str]], str]:
    return lambda match: f"${int(match[1]) + by}"
