"""What is read without the SCIM library is what the library reads."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from scim2_models import Context

from ostiary.api.scim import documents
from ostiary.api.scim.plain import plain_user, plain_writes
from ostiary.api.scim.quirks import Operation, operations
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import DomainError
from tests.support.directory import ENTERPRISE, USER, patch_of, user_document

_TEXT = st.sampled_from(["", " ", "bo", "Bo@Acme.test", "true", "Žofie", "a\nb", '"', "urn:scim:schemas:core:1.0"])
_STRANGE: list[Any] = [None, 1, 1.5, "True", [], {}, [{}], {"value": "x"}, ["x"]]
_ODD: st.SearchStrategy[Any] = st.sampled_from(_STRANGE)
_TRUTH = st.booleans()


def _mostly(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 50).flatmap(lambda chance: _ODD if chance == 50 else values)


def _object(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: _mostly(_TEXT) for name in names})


_EMAIL = st.fixed_dictionaries(
    {}, optional={"value": _mostly(_TEXT), "type": _mostly(_TEXT), "primary": _mostly(_TRUTH)}
)
_NAME = _object("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ENTERPRISE = _object("employeeNumber", "costCenter", "organization", "division", "department")
_USERS = st.fixed_dictionaries(
    {"userName": _mostly(_TEXT)},
    optional={
        "schemas": st.sampled_from([[USER], [USER, ENTERPRISE], [ENTERPRISE, USER], [], [USER.lower()]]),
        "externalId": _mostly(_TEXT),
        "displayName": _mostly(_TEXT),
        "title": _mostly(_TEXT),
        "active": _mostly(_TRUTH),
        "name": _mostly(_NAME),
        "emails": _mostly(st.lists(_EMAIL, min_size=1, max_size=2)),
        ENTERPRISE: _mostly(_ENTERPRISE),
    },
)
_ADDED: list[dict[str, Any]] = [
    {"password": "x"},
    {"shoeSize": 44},
    {"displayname": "Bo"},
    {"name": {"givenname": "Bo"}},
    {"name": {"nick": "Bo"}},
    {"emails": [{"value": "bo@acme.test", "display": "Bo"}]},
    {ENTERPRISE: {"manager": {"value": "x"}}},
    {ENTERPRISE: {"Division": "x"}},
]


def _sent(user: dict[str, Any], chance: int) -> dict[str, Any]:
    """Mostly with the schemas it ought to have; now and then with something more."""
    if chance > 8:
        user = {**user, "schemas": [USER, *([ENTERPRISE] if ENTERPRISE in user else [])]}
    return {**user, **(_ADDED[chance] if chance < len(_ADDED) else {})}


_SENT = st.builds(_sent, _USERS, st.integers(0, 30))
_CONTEXTS = st.sampled_from([Context.RESOURCE_CREATION_REQUEST, Context.RESOURCE_REPLACEMENT_REQUEST])


@given(payload=_SENT, context=_CONTEXTS)
def test_what_is_read_plainly_is_what_the_library_reads(payload: dict[str, Any], context: Context) -> None:
    plain = plain_user(payload)
    if plain is None:
        return

    try:
        read = documents.read_thoroughly(payload, context)
    except DomainError as error:
        pytest.fail(f"The library refuses it: {error}")

    assert orjson.dumps(plain) == orjson.dumps(read)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"externalId": "00u1", "displayName": "Bo", "title": "Chief"},
        {"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "QA", "employeeNumber": "7"}},
    ],
    ids=["least", "texts", "enterprise"],
)
def test_what_most_send_is_plain(attributes: dict[str, Any]) -> None:
    payload = user_document("bo@acme.test", **attributes)

    assert plain_user(payload) == documents.read_thoroughly(payload, Context.RESOURCE_CREATION_REQUEST)


@pytest.mark.parametrize(
    "attributes",
    [
        {"active": "True"},
        {"emails": [{"value": "a", "primary": True}, {"value": "b", "primary": True}]},
        {ENTERPRISE: {"manager": {"value": "x"}}},
        {"shoeSize": 44},
        {"displayname": "Bo"},
        {"title": None},
        {"userName": ""},
    ],
    ids="-".join,
)
def test_what_needs_thought_is_left_to_the_library(attributes: dict[str, Any]) -> None:
    assert plain_user(user_document("bo@acme.test") | attributes) is None


_VALUES = {
    **dict.fromkeys(("externalId", "userName", "displayName", "title", "nickName", "locale"), _TEXT),
    **{f"name.{name}": _TEXT for name in ("givenName", "familyName", "formatted")},
    **{f"{ENTERPRISE}:{name}": _TEXT for name in ("department", "employeeNumber")},
    "active": _TRUTH,
}
_SET = st.sampled_from(["add", "replace", "Replace"])


def _at(path: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": _SET, "path": st.just(path), "value": _mostly(_VALUES[path])})


_WITH_PATH = st.sampled_from(sorted(_VALUES)).flatmap(_at)
_WHOLE: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={name: _mostly(values) for name, values in _VALUES.items()}
)
_WITHOUT_PATH = st.fixed_dictionaries({"op": _SET, "value": _WHOLE})
_PLAIN_OPERATION = st.one_of(_WITH_PATH, _WITHOUT_PATH)


@given(_USERS, st.lists(_PLAIN_OPERATION, min_size=1, max_size=4))
def test_a_change_made_without_the_library_is_what_the_library_makes_of_it(
    user: dict[str, Any], sent: list[dict[str, Any]]
) -> None:
    try:
        before = documents.read_thoroughly(user, Context.RESOURCE_CREATION_REQUEST)
        read = operations(patch_of(*sent))
    except DomainError:
        return
    as_it_was = orjson.dumps(before)

    by_us, by_the_library = (_changed(revise, before, read) for revise in _REVISIONS)

    event("plain" if plain_writes(read) is not None else "thorough")
    assert by_us == by_the_library
    assert orjson.dumps(before) == as_it_was


def test_what_identity_providers_change_most_is_changed_without_the_library() -> None:
    plain: list[dict[str, Any]] = [
        {"op": "replace", "value": {"active": False}},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "name.givenName", "value": "Bo"},
        {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "R&D"},
        {"op": "replace", "value": {"displayName": "Bo", "name.familyName": "Example", f"{ENTERPRISE}:division": "x"}},
    ]
    others: list[dict[str, Any]] = [
        {"op": "remove", "path": "title"},
        {"op": "replace", "value": {}},
        {"op": "replace", "path": "Title", "value": "x"},
        {"op": "replace", "path": "title", "value": ["x"]},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "x"},
        {"op": "replace", "path": "shoeSize", "value": "x"},
    ]
    assert [bool(plain_writes(operations(patch_of(sent)))) for sent in plain] == [True] * len(plain)
    assert [plain_writes(operations(patch_of(sent))) for sent in others] == [None] * len(others)


_REVISIONS = (documents.revise_user, documents.revise_thoroughly)


def _changed(
    revise: Callable[[str, Sequence[Operation]], Callable[[Document], Document]],
    before: Document,
    sent: Sequence[Operation],
) -> Document | str:
    try:
        return revise("mem_bo", sent)(before)
    except DomainError as refused:
        return refused.code
