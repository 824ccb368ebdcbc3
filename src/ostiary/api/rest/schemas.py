"""What every REST schema shares: strict requests, lists, problems."""

import re
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ostiary.services.paging import Page

T = TypeVar("T")
S = TypeVar("S")

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def _is_text(value: object) -> bool:
    if isinstance(value, str):
        return _NO_TEXT.search(value) is None
    if isinstance(value, dict):
        items = cast("dict[object, object]", value)
        return all(_is_text(part) for part in (*items.keys(), *items.values()))
    if isinstance(value, list):
        return all(_is_text(part) for part in cast("list[object]", value))
    return True


class Request(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=4096)

    @field_validator("*", mode="before")
    @classmethod
    def _text_can_be_stored(cls, value: object) -> object:
        """NUL and lone surrogates are valid JSON and no text: neither a database nor a hash takes them."""
        if not _is_text(value):
            raise ValueError("Remove the NUL character or the half of a surrogate pair.")
        return value


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
