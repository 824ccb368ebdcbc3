"""Pages of a list: keyset cursors, stable under inserts."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ostiary.domain.errors import DomainError, Kind

T = TypeVar("T")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many items, and after which one; `after` is what the last page's cursor says of its last item.

    `listing` names the list with its filters and order, where its cursors go out: another list refuses them.
    """

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    listing: str | None = None

    def cursor(self, after: str) -> str:
        """The cursor of the page after the item that `after` stands for."""
        if self.listing is None:
            return after
        return base64.urlsafe_b64encode(json.dumps([self.listing, after]).encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the cursor of the next page (None: this was the last)."""

    items: tuple[T, ...]
    next_cursor: str | None = None


def after_of(cursor: str, listing: str) -> str:
    """What a cursor that went out says; raises `invalid_cursor`, also for one of another list."""
    try:
        decoded: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise invalid_cursor() from error
    match decoded:
        case [str(its_listing), str(after)] if its_listing == listing:
            return after
        case _:
            raise invalid_cursor()


def position(after: str) -> tuple[str, str]:
    """The value and the id that a sorted list's cursor ends with; raises `invalid_cursor`."""
    try:
        decoded: Any = json.loads(after)
    except (ValueError, RecursionError) as error:
        raise invalid_cursor() from error
    match decoded:
        case [str(value), str(item_id)]:
            return value, item_id
        case _:
            raise invalid_cursor()


def positioned(value: str, item_id: str) -> str:
    """What `position` reads."""
    return json.dumps([value, item_id])


def invalid_cursor() -> DomainError:
    """A cursor that is none of the list's."""
    return DomainError(
        Kind.INVALID,
        "invalid_cursor",
        "This cursor is none of this list's. Send `next_cursor` of the page before with the same filters and order, or "
        "no cursor for the first page.",
        parameter="cursor",
    )
