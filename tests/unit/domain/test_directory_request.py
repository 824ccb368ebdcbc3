"""What is kept of a request."""

from pathlib import Path

import pytest

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_request import (
    MAX_ENTRIES,
    MAX_TEXT,
    MAX_VALUES,
    REDACTED,
    excerpt,
    query_excerpt,
    text_excerpt,
)
from ostiary.domain.scim_quirks import READ_AS, Quirk


@pytest.mark.parametrize("name", ["password", "newPassword", "clientSecret", "api_key", "accessToken", "Credentials"])
def test_what_is_named_like_a_secret_is_not_kept(name: str) -> None:
    assert excerpt({"userName": "bo", name: "x"}) == {"userName": "bo", name: REDACTED}
    operation: JsonValue = {"op": "replace", "path": name, "value": {"a": ["x"]}}
    assert excerpt({"Operations": [operation]}) == {"Operations": [{"op": "replace", "path": name, "value": REDACTED}]}


def test_an_absent_password_is_seen_to_be_absent() -> None:
    assert excerpt({"password": None}) == {"password": None}


def test_what_looks_like_a_credential_of_ours_is_not_kept_wherever_it_stands() -> None:
    assert text_excerpt("it is ost_scim_AbCdEfGhIjKl, or Bearer abcdefghijkl") == f"it is {REDACTED}, or {REDACTED}"


def test_long_texts_and_lists_are_cut_with_a_word_about_the_rest() -> None:
    body = excerpt({"nickName": "x" * (MAX_TEXT + 5), "members": [{"value": str(n)} for n in range(10_000)]})

    assert isinstance(body, dict)
    assert body["nickName"] == "x" * MAX_TEXT + "… (5 more characters)"
    members = body["members"]
    assert isinstance(members, list)
    assert members[-1] == f"… ({10_000 - MAX_ENTRIES} more)"
    assert len(members) == MAX_ENTRIES + 1


def test_a_body_of_any_size_and_depth_becomes_small() -> None:
    deep: JsonValue = "x"
    for _ in range(100):
        deep = {"a": [deep]}
    wide: JsonValue = {f"a{n}": {f"b{m}": "x" for m in range(100)} for n in range(100)}

    assert len(str(excerpt(deep))) < 200
    assert str(excerpt(wide)).count("'x'") == MAX_VALUES


def test_what_the_database_cannot_store_is_replaced() -> None:
    assert excerpt({"a\x00": "b\ud800"}) == {"a\ufffd": "b\ufffd"}


def test_a_query_is_kept_as_people_read_it_unless_it_looks_for_a_secret() -> None:
    assert query_excerpt("filter=userName+eq+%22a%40b%22&") == 'filter=userName eq "a@b"&'
    assert query_excerpt("filter=password%20eq%20%22x%22") == REDACTED
    assert query_excerpt("") is None


def test_every_departure_has_its_sentence() -> None:
    assert set(READ_AS) == set(Quirk)
    page = (Path(__file__).parents[3] / "docs" / "directory-operations.md").read_text(encoding="utf-8")
    assert [quirk for quirk in Quirk if f"| `{quirk}` | {READ_AS[quirk]} |" not in page] == []
