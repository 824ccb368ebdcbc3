"""Lists asked for again and again with other values: their statement is built once for all requests of one shape.

Identity providers look users up by `userName eq "…"` thousands of times. Building that statement takes several times
as long as running it, so it is built with marks in the place of the filter's strings, and executed with the strings.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import BindParameter, Select, bindparam
from sqlalchemy.sql.visitors import replacement_traverse

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.directory_pages import Rows, place_of
from ostiary.domain.errors import DomainError
from ostiary.services.ports.provisioning import ListQuery, Position

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# Nobody outside can write a mark.
_MARK = f"mark-{uuid4().hex}-"
_KEPT = 256
_SOMEWHERE = Position("")


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of a page: its rows, and how many match."""

    rows: Rows
    total: Select[int]


@dataclass(frozen=True, slots=True)
class PreparedStatements:
    """As `Statements`, compiled once."""

    rows: Prepared
    total: Prepared


@dataclass(frozen=True, slots=True)
class Shaped:
    """Statements whose marks are parameters; `places` says which of the filter's strings each parameter takes."""

    statements: Statements | PreparedStatements
    places: Mapping[str, int]

    def parameters(self, organization_id: str, query: ListQuery, strings: tuple[str, ...]) -> dict[str, Any]:
        """What to execute them with; raises `invalid_cursor`."""
        said = {name: strings[place] for name, place in self.places.items()}
        return {"organization_id": organization_id, **place_of(query), **said}


Build = Callable[[ListQuery], Statements]


def shaped(query: ListQuery, build: Build) -> tuple[Shaped, tuple[str, ...]]:
    """The statements of the query's shape, and the strings of its filter; raises as `build` does.

    `build` makes the statements for a parameter named `organization_id` and those of `place_of`; it is asked once for
    each shape. Further pages of sorted lists are not kept: what they come after is of many types.
    """
    if query.after is not None and query.sorting is not None:
        return Shaped(build(query), {}), ()
    # Where the page begins comes with the execution.
    query = replace(
        query,
        start_index=min(query.start_index, 2),
        cursor="" if query.by_cursor else None,
        after=None if query.after is None else _SOMEWHERE,
    )
    marked, strings = _marked(query.filter or "")
    if strings:
        with suppress(DomainError):
            # Refused is a mark where a time or a boolean must stand; or else the filter itself, below.
            found = _built(replace(query, filter=marked), build)
            if set(found.places.values()) == set(range(len(strings))):
                return found, strings
        return Shaped(build(query), {}), ()
    return _built(query, build), ()


@lru_cache(_KEPT)
def _built(query: ListQuery, build: Build) -> Shaped:
    statements, places = build(query), dict[str, int]()
    if _MARK not in (query.filter or ""):
        return Shaped(PreparedStatements(Prepared(statements.rows), Prepared(statements.total)), places)
    rows, total = _opened(statements.rows, places), _opened(statements.total, places)
    return Shaped(PreparedStatements(Prepared(rows), Prepared(total)), places)


def _marked(expression: str) -> tuple[str, tuple[str, ...]]:
    strings: list[str] = []

    def mark(found: re.Match[str]) -> str:
        strings.append(json.loads(found.group()))
        return f'"{_MARK}{len(strings) - 1}"'

    try:
        return _STRING.sub(mark, expression), tuple(strings)
    except json.JSONDecodeError:
        return expression, ()


def _opened(statement: Any, places: dict[str, int]) -> Any:
    """The statement with parameters for marks."""

    def opened(element: Any, **_: object) -> Any:
        if not isinstance(element, BindParameter):
            return None
        parameter = cast("BindParameter[Any]", element)
        if not isinstance(parameter.value, str) or not parameter.value.startswith(_MARK):
            return None
        name = f"string_{len(places)}"
        places[name] = int(parameter.value.removeprefix(_MARK))
        return bindparam(name, type_=parameter.type)

    return cast("Any", replacement_traverse(statement, {}, opened))
