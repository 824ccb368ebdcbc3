"""Pages of what a directory holds: of several kinds of rows in one order, by index or by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    String,
    UnaryExpression,
    cast,
    func,
    literal_column,
    select,
    union_all,
)

from ostiary.adapters.db.repositories.base import AnySelect
from ostiary.adapters.db.tables import directory_counts
from ostiary.adapters.scim.filters import Source, condition
from ostiary.adapters.scim.sorting import SortKey, beyond, no_value, sort_key, unsortable
from ostiary.domain import ids
from ostiary.services.ports.provisioning import ListQuery, Position

# An id, or the place where one comes with each execution.
Tenant: TypeAlias = str | ColumnElement[str]
Rows: TypeAlias = AnySelect | CompoundSelect[*tuple[Any, ...]]

SORT_KEY = "sort_key"
TOTAL = "total"


class Kind(StrEnum):
    """What `directory_counts` counts: what was pushed, and the members a directory does not manage (R49)."""

    USER = "user"
    GROUP = "group"
    UNMANAGED = "unmanaged"


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows of one kind. Their first column is labelled `id`, and all branches of a page have the same columns."""

    rows: AnySelect
    row_id: ColumnElement[str]
    source: Source
    kind: Kind


@dataclass(frozen=True, slots=True)
class Paged:
    """The statements of a page: its rows in their order, one more than asked for by cursor, and how many match.

    Without a filter each row says that too, as `total`, of the same moment.
    """

    rows: Rows
    order: tuple[ColumnElement[Any], ...]
    total: Select[int]


def paged(organization_id: Tenant, query: ListQuery, branches: Sequence[Branch]) -> Paged:
    """A page of all branches together; raises `invalid_filter`, `invalid_path`, `invalid_cursor`.

    Of each branch only as many rows are read as the page needs at most, so that it is read off the branches' indexes.
    """
    keys = _keys(query, branches)
    wanted = [
        branch.rows.where(condition(query.filter, branch.source)) if query.filter else branch.rows
        for branch in branches
    ]
    offset, limit = (0, query.count + 1) if query.by_cursor else (query.start_index - 1, query.count)
    read = [_cut(rows, branch, key, query) for rows, branch, key in zip(wanted, branches, keys, strict=True)]
    order = _order(literal_column(SORT_KEY) if query.sorting else None, literal_column("id"), query)
    page: Rows
    if len(read) == 1:
        page = read[0].offset(offset).limit(limit)
    else:
        branched = [rows.limit(offset + limit) for rows in read]
        page = union_all(*branched).order_by(*order).offset(offset).limit(limit)
    if query.filter is not None:
        return Paged(page, order, select(func.count()).select_from(union_all(*wanted).subquery()))
    total = counted(organization_id, [branch.kind for branch in branches])
    rows = page.subquery("listed")
    return Paged(select(rows, total.scalar_subquery().label(TOTAL)).order_by(*order), order, total)


def counted(organization_id: Tenant, kinds: Sequence[Kind]) -> Select[int]:
    """How many rows there are of the kinds, as triggers have counted them.

    A member who is pushed and yet not managed counts twice: that is a drift, which reconciling mends (R49).
    """
    of = directory_counts.c
    # Written out, so that they are no parameters.
    written = [literal_column(f"'{kind}'", String()) for kind in kinds]
    return select(cast(func.coalesce(func.sum(of.n), 0), BigInteger)).where(
        of.organization_id == organization_id, of.kind.in_(written)
    )


def _keys(query: ListQuery, branches: Sequence[Branch]) -> list[SortKey | None]:
    if query.sorting is None:
        return [None for _ in branches]
    keys = [sort_key(query.sorting, branch.source) for branch in branches]
    if not any(keys):
        raise unsortable(query.sorting)
    return [key or no_value(query.sorting) for key in keys]


def _cut(rows: AnySelect, branch: Branch, key: SortKey | None, query: ListQuery) -> AnySelect:
    if query.after is not None:
        rows = rows.where(beyond(key, branch.row_id, query.after))
    if key is None:
        return rows.order_by(branch.row_id)
    return rows.add_columns(key.value.label(SORT_KEY)).order_by(*_order(key.value, branch.row_id, query))


def _order(
    key: ColumnElement[Any] | None, row_id: ColumnElement[Any], query: ListQuery
) -> tuple[ColumnElement[Any], ...]:
    """PostgreSQL puts null last, and first in descending order, as RFC 7644 §3.4.2.3 does."""
    if key is None or query.sorting is None:
        return (row_id,)
    first: UnaryExpression[Any] = key.desc() if query.sorting.descending else key.asc()
    return (first, row_id)


def next_of(query: ListQuery, rows: Sequence[Row[Any]]) -> Position | None:
    """Where the page after these rows begins; None where they hold no row too many."""
    if not query.by_cursor or len(rows) <= query.count or not query.count:
        return None
    last = rows[query.count - 1]
    row_id = last.id if isinstance(last.id, UUID) else ids.decode(last.id.rpartition("_")[0], last.id)
    return Position(str(row_id), _said(getattr(last, SORT_KEY)) if query.sorting else None)


def _said(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def total_of(query: ListQuery, rows: Sequence[Row[Any]]) -> int | None:
    """How many match in all, where a page says it itself: one that is not full is the last. None: count them."""
    found = len(rows)
    if query.filter is None:
        return int(getattr(rows[0], TOTAL)) if rows else None
    if query.by_cursor:
        is_whole = query.after is None and query.count > 0 and found <= query.count
        return found if is_whole else None
    before = query.start_index - 1
    is_last = found < query.count and (found > 0 or before == 0)
    return before + found if is_last else None
