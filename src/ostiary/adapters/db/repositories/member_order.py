"""The orders in which members are listed, each from an index, so that a deep page costs what the first one does."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Row, func, literal, literal_column, tuple_

from ostiary.adapters.db.repositories.base import AnySelect
from ostiary.adapters.db.tables import members
from ostiary.services.paging import PageRequest, invalid_cursor, position, positioned
from ostiary.services.ports.organizations import MemberOrder

# Written as the indexes have it; ids grow with time, so the order of joining needs none of its own.
_KEYS: Mapping[str, ColumnElement[Any]] = {
    MemberOrder.NAME: func.lower(members.c.name),
    MemberOrder.EMAIL: members.c.email,
    MemberOrder.LAST_SIGNED_IN_AT: func.coalesce(
        members.c.last_signed_in_at, literal_column("'1970-01-01 00:00:00+00'::timestamptz", DateTime(timezone=True))
    ),
}


def in_order(statement: AnySelect, order: MemberOrder, page: PageRequest) -> AnySelect:
    """The statement sorted, after where the page begins and with one row too many; raises `invalid_cursor`."""
    key, falling = _KEYS.get(order.removeprefix("-")), order.startswith("-")
    columns: list[ColumnElement[Any]] = [members.c.id] if key is None else [key, members.c.id]
    if key is not None:
        statement = statement.add_columns(key.label("sorted_by"))
    if page.after is not None:
        values = [page.after] if key is None else _position(page.after, key)
        here = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
        statement = statement.where(tuple_(*columns) < here if falling else tuple_(*columns) > here)
    return statement.order_by(*(column.desc() if falling else column for column in columns)).limit(page.limit + 1)


def cursor_of(order: MemberOrder) -> Callable[[Row[Any]], str]:
    """Tells where a row of a statement `in_order` stands in it."""
    is_keyed = order.removeprefix("-") in _KEYS

    def cursor(row: Row[Any]) -> str:
        if not is_keyed:
            return row.id
        value = row.sorted_by
        return positioned(value.isoformat() if isinstance(value, datetime) else value, row.id)

    return cursor


def _position(after: str, key: ColumnElement[Any]) -> list[Any]:
    value, member_id = position(after)
    if not isinstance(key.type, DateTime):
        return [value, member_id]
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid_cursor() from error
    if moment.tzinfo is None:
        raise invalid_cursor()
    return [moment, member_id]
