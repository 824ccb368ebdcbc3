"""Cursors: opaque, and good for the one list they came from."""

import base64
import json

import pytest

from ostiary.domain.errors import DomainError
from ostiary.services.paging import PageRequest, after_of, position, positioned


def test_a_cursor_says_where_its_page_ended() -> None:
    cursor = PageRequest(2, None, "members").cursor("mem_1")
    assert "mem_1" not in cursor
    assert after_of(cursor, "members") == "mem_1"


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(DomainError, match="invalid_cursor"):
        after_of(PageRequest(2, None, "members").cursor("mem_1"), "teams")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "mem_1",
        "é",
        "====",
        encoded("members"),
        encoded(["members"]),
        encoded(["members", 1]),
        encoded(["members", None]),
        encoded({"members": "mem_1"}),
        encoded(["members", "a", "b"]),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(DomainError, match="invalid_cursor"):
        after_of(cursor, "members")


def test_a_position_is_a_value_and_an_id() -> None:
    assert position(positioned('Ada Ö, "quoted"', "mem_1")) == ('Ada Ö, "quoted"', "mem_1")


@pytest.mark.parametrize("after", ["mem_1", "[]", '["a"]', '[1, "b"]', '[null, "b"]', "{", '{"a": "b"}'])
def test_what_is_no_position_is_refused(after: str) -> None:
    with pytest.raises(DomainError, match="invalid_cursor"):
        position(after)
