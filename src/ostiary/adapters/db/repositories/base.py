"""What repositories share: running statements, translating constraints, cutting pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import BindParameter, Column, Row, Select, bindparam
from sqlalchemy.sql import Executable

from ostiary.adapters.db.constraints import translated
from ostiary.adapters.db.deferred import Then
from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.transaction import Found, Transaction
from ostiary.services.paging import Page, PageRequest

T = TypeVar("T")
AnySelect: TypeAlias = Select[*tuple[Any, ...]]


def given(column: Column[T], name: str | None = None) -> BindParameter[T]:
    """A value of the column that comes with each execution, by the column's name or another.

    For statements that are built once: building one again for every request costs more than running it. Where an INSERT
    or UPDATE sets the column too, the value needs a name of its own.
    """
    return bindparam(name or column.key, type_=column.type)


def all_given(columns: Iterable[Column[Any]]) -> dict[str, BindParameter[Any]]:
    """For each of the columns a value that comes with each execution."""
    return {column.key: given(column) for column in columns}


def prefixed(row: Row[Any], prefix: str) -> Callable[[str], Any]:
    """The row's values by the names of columns that carry the prefix there."""
    return lambda name: getattr(row, f"{prefix}{name}")


class Repository:
    """A repository lives inside one transaction; it never commits."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def _execute(self, statement: Executable | Prepared, parameters: Any = None) -> Found:
        """Run a statement; what the database refuses becomes the DomainError it stands for."""
        with translated():
            if isinstance(statement, Prepared):
                return await self._transaction.run(statement, parameters)
            return await self._transaction.execute(statement, parameters)

    async def _defer(self, statement: Prepared, parameters: Mapping[str, Any], then: Then | None = None) -> None:
        """Run a statement together with the next one or the commit, which raise what the database refuses."""
        await self._transaction.defer(statement, parameters, then)

    async def _execute_many(self, statement: Prepared, each: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that answers nothing for each of many, in one exchange."""
        with translated():
            await self._transaction.run_many(statement, each)

    async def _first(self, statement: Executable | Prepared, parameters: Any = None) -> Row[Any] | None:
        return (await self._execute(statement, parameters)).first()

    async def _scalar(self, statement: Executable | Prepared, parameters: Any = None) -> Any:
        return (await self._execute(statement, parameters)).scalar()


def page_of(
    rows: Sequence[Row[Any]], request: PageRequest, read: Callable[[Row[Any]], T], cursor: Callable[[Row[Any]], str]
) -> Page[T]:
    """A page out of up to `limit + 1` rows: the one too many says that there is a next page."""
    kept = rows[: request.limit]
    more = len(rows) > request.limit
    return Page(tuple(read(row) for row in kept), request.cursor(cursor(kept[-1])) if more else None)
