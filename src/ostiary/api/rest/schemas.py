"""What every REST schema shares: strict requests, lists, problems."""

import re
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ostiary.services.paging import Page

T = TypeVar("T")
S = TypeVar("S")

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class Request(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=4096)

    @field_validator("*", mode="before")
    @classmethod
    def _text_can_be_stored(cls, value: object) -> object:
        """NUL and lone surrogates are valid JSON and no text: neither a database nor a hash takes them."""
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise ValueError("Remove the NUL character or the half of a surrogate pair.")
        if isinstance(value, list | dict):
            parts = cast("list[object] | dict[object, object]", value)
            for part in parts if isinstance(parts, list) else (*parts.keys(), *parts.values()):
                cls._text_can_be_stored(part)
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
