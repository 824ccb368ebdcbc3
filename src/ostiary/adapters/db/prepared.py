"""Statements that every request runs: written with SQLAlchemy, compiled once, and run by the driver itself.

SQLAlchemy's own way costs three times the driver's in CPU, mostly for looking up what it compiled before. What a
request seldom runs, or builds from what was asked, goes that way; the rest is `Prepared`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ClauseElement, CompoundSelect, Delete, Insert, Row, Select, Update
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import TypeEngine

from ostiary.adapters.db.tables.base import TypeId

_DIALECT = PGDialect_asyncpg()
# Cautious: what only looks like a lock or a write begins a transaction needlessly, and that is all.
_MORE_THAN_A_READ = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|FOR|pg_\w+|nextval|set_config)\b", re.IGNORECASE)

# Where a value goes.
PLACE = re.compile(r"\$(\d+)")

Convert: TypeAlias = Callable[[Any], Any]
Preparable: TypeAlias = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]] | Insert | Update | Delete


class Prepared:
    """A statement whose values come with each execution, by the names that `given` gave them."""

    def __init__(self, statement: Preparable) -> None:
        self.compiled = compiled = statement.compile(dialect=_DIALECT)
        if compiled.post_compile_params or compiled.insert_prefetch or compiled.update_prefetch:
            raise ValueError("A prepared statement has its values at their places: use `any_`, and no Python defaults.")
        self.sql = str(compiled)
        self.only_reads = _MORE_THAN_A_READ.search(self.sql) is None
        self.writes, self.reads = _tables(statement, self.sql)
        # What a trace calls it: https://opentelemetry.io/docs/specs/semconv/db, `db.query.summary`.
        self.summary = f"{self.sql.split(None, 1)[0]} {' '.join(sorted(self.writes or self.reads))}".strip()
        columns = list(statement.exported_columns)
        self.has_rows = bool(columns)
        self._arguments = [_argument(compiled, name) for name in compiled.positiontup or ()]
        # Most values are as the driver gives them: those that are not, by their places.
        self._convert = [
            (place, read)
            for place, column in enumerate(columns)
            if (read := _result_processor(column.type)) is not None
        ]
        self.columns = [str(column.key) for column in columns]
        self._metadata = SimpleResultMetaData(self.columns)

    @property
    def values(self) -> int:
        """How many values it is given."""
        return len(self._arguments)

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """What the driver is given; raises KeyError where a value is missing."""
        return [argument(parameters) for argument in self._arguments]

    def written_out(self, parameters: Mapping[str, Any]) -> str:
        """The statement with its values in its text; raises ValueError unless all of them are UUIDs."""
        arguments = self.arguments(parameters)
        if not all(isinstance(argument, UUID) for argument in arguments):
            raise ValueError("Only UUIDs are written into a statement.")
        return PLACE.sub(lambda match: f"'{arguments[int(match[1]) - 1]}'", self.sql)

    def rows(self, records: Iterable[Iterable[Any]]) -> Sequence[Row[Any]]:
        """The driver's records as rows of the statement's columns."""
        return IteratorResult[Any](self._metadata, map(self._converted, records)).all()

    def _converted(self, record: Iterable[Any]) -> tuple[Any, ...]:
        values = list(record)
        for place, read in self._convert:
            values[place] = read(values[place])
        return tuple(values)


def _tables(statement: Preparable, sql: str) -> tuple[frozenset[str], frozenset[str]]:
    """What it writes, and what it reads, locks or changes: only adding to a table looks at none of its rows."""
    changes = [part for part in iterate(statement) if isinstance(part, Insert | Update | Delete)]
    written = frozenset(str(change.table) for change in changes)
    if not isinstance(statement, Insert) or len(changes) > 1 or " ON CONFLICT " in sql:
        return written, _named(statement) | written
    return written, frozenset() if statement.select is None else _named(statement.select)


def _named(part: ClauseElement) -> frozenset[str]:
    return frozenset(str(table) for table in iterate(part) if table.__visit_name__ == "table")


def _argument(compiled: SQLCompiler, name: str) -> Callable[[Mapping[str, Any]], Any]:
    parameter = compiled.binds[name]
    convert = parameter.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    if not parameter.required:
        value = parameter.effective_value if convert is None else convert(parameter.effective_value)
        return lambda _: value
    if convert is None:
        return lambda parameters: parameters[name]
    return lambda parameters: convert(parameters[name])


def _result_processor(kind: TypeEngine[Any]) -> Convert | None:
    if isinstance(kind, TypeId):
        # Half of all that is read are ids: SQLAlchemy's way to the same function is longer than the function.
        return kind.read
    return kind.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
