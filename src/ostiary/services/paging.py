"""Pages of a list: keyset cursors, stable under inserts."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many items, and after which one; `after` is the id the last page's cursor named."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the cursor of the next page (None: this was the last)."""

    items: tuple[T, ...]
    next_cursor: str | None = None
