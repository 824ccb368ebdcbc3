"""Cursors of SCIM lists (RFC 9865): opaque, good for one day, and for the list alone that gave them out."""

import base64
import binascii
import json
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from ostiary.domain.errors import DomainError, Kind
from ostiary.services.ports.provisioning import Listing, ListQuery, Position

T = TypeVar("T")

CURSOR_LIFETIME = timedelta(days=1)


def opened(query: ListQuery, listing: str, now: datetime) -> ListQuery:
    """The query with the position its cursor says; raises `invalid_cursor`, `expired_cursor`.

    `listing` names the list and whose it is. The number of resources asked for may differ from page to page.
    """
    if not query.cursor:
        return query
    try:
        decoded: Any = json.loads(base64.urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _invalid() from error
    match decoded:
        case [str(its_list), int(issued), str(after), None | str() as value] if its_list == _digest(query, listing):
            if now.timestamp() - issued > CURSOR_LIFETIME.total_seconds():
                raise DomainError(
                    Kind.INVALID,
                    "expired_cursor",
                    "This cursor is older than a day. Begin again without a value: ?cursor=",
                    parameter="cursor",
                )
            if "\0" in (value or ""):
                raise _invalid()
            return replace(query, after=Position(after, value))
        case _:
            raise _invalid()


def sealed(found: Listing[T], query: ListQuery, listing: str, now: datetime) -> Listing[T]:
    """The page with the cursor of the next one, where there is one."""
    if found.next is None:
        return found
    said = [_digest(query, listing), int(now.timestamp()), found.next.id, found.next.value]
    cursor = base64.urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).decode().rstrip("=")
    return replace(found, next_cursor=cursor)


def _digest(query: ListQuery, listing: str) -> str:
    sorting = None if query.sorting is None else [query.sorting.by, query.sorting.descending]
    return sha256(json.dumps([listing, query.filter, sorting]).encode()).hexdigest()[:16]


def _invalid() -> DomainError:
    return DomainError(
        Kind.INVALID,
        "invalid_cursor",
        "This cursor is none of this list's. Send nextCursor of the page before with the same filter and order, or "
        "begin again without a value: ?cursor=",
        parameter="cursor",
    )
