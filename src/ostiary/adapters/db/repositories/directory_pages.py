"""Pages of what a directory holds: of several kinds of rows in one order, by index or by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    Row,
    Select,
    String,
    UnaryExpression,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union_all,
)

from ostiary.adapters.db.repositories.base import AnySelect
from ostiary.adapters.db.tables import directory_counts
from ostiary.adapters.scim.filters import Source, condition
from ostiary.adapters.scim.sorting import AFTER, SortKey, beyond, no_value, sort_key, unsortable, uuid_of
from ostiary.domain import ids
from ostiary.services.ports.provisioning import ListQuery, Position

# An id, or the place where one comes with each execution.
Tenant: TypeAlias = str | ColumnElement[str]
Rows: TypeAlias = AnySelect | CompoundSelect[*tuple[Any, ...]]

SORT_KEY = "sort_key"
TOTAL = "total"
# How many rows come before a page, and how many there are up to its end.
_OFFSET: BindParameter[int] = bindparam("offset", type_=BigInteger)
_REACH: BindParameter[int] = bindparam("reach", type_=BigInteger)


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
    """A page of all branches together, to be executed with `place_of`; raises `invalid_filter`, `invalid_path`.

    Of each branch only as many rows are read as the page needs at most, so that it is read off the branches' indexes.
    """
    keys = _keys(query, branches)
    wanted = [
        branch.rows.where(condition(query.filter, branch.source)) if query.filter else branch.rows
        for branch in branches
    ]
    order = _order(literal_column(SORT_KEY) if query.sorting else None, literal_column("id"), query)

    def cut(each: Sequence[AnySelect], *, deep: bool) -> Rows:
        # Written out: not knowing how few rows a page has, the database would prepare for a tenth of them all.
        limit: ColumnElement[int] = literal_column(str(query.count + query.by_cursor), Integer())
        ordered = [_ordered(rows, branch, key, query) for rows, branch, key in zip(each, branches, keys, strict=True)]
        if len(ordered) == 1:
            return (ordered[0].offset(_OFFSET) if deep else ordered[0]).limit(limit)
        together = union_all(*(rows.limit(_REACH if deep else limit) for rows in ordered)).order_by(*order)
        return (together.offset(_OFFSET) if deep else together).limit(limit)

    if query.start_index > 1:
        # Of what comes before the page no more is read than its ids, which stand in an index.
        bare = [
            rows.with_only_columns(branch.row_id.label("id")) for rows, branch in zip(wanted, branches, strict=True)
        ]
        place = cut(bare, deep=True).cte("place")
        on_page = [
            # An array, which an index is asked for however many rows the database takes the page to have.
            branch.rows.where(
                branch.row_id == any_(func.array(select(place.c.id).scalar_subquery(), type_=ARRAY(branch.row_id.type)))
            )
            for branch in branches
        ]
        page = cut(on_page, deep=False)
    else:
        page = cut(wanted, deep=False)
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


def place_of(query: ListQuery) -> dict[str, Any]:
    """What to execute a page's statement with, to say where it begins; raises `invalid_cursor`."""
    if query.after is not None:
        return {AFTER: uuid_of(query.after.id)}
    before = query.start_index - 1
    return {_OFFSET.key: before, _REACH.key: before + query.count} if before else {}


def _ordered(rows: AnySelect, branch: Branch, key: SortKey | None, query: ListQuery) -> AnySelect:
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
