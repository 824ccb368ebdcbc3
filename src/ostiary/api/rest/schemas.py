"""What every REST schema shares: strict requests, lists, problems."""

from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ostiary.services.paging import Page

T = TypeVar("T")
S = TypeVar("S")


class Request(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=4096)


class Answer(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class ListOf(BaseModel, Generic[T]):
    """One page of a list."""

    data: list[T]
    next_cursor: str | None = Field(
        default=None, description="Give it as `cursor` for the next page; null on the last."
    )


def list_of(page: Page[S], render: Callable[[S], T]) -> ListOf[T]:
    """A page, rendered."""
    return ListOf[T](data=[render(item) for item in page.items], next_cursor=page.next_cursor)
