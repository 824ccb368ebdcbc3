"""What a request does to a group's members is a change by values, whatever the shape it comes in (R44)."""

from typing import Any

import pytest

from ostiary.api.scim import membership, quirks
from ostiary.domain.directory import GroupChange
from ostiary.domain.errors import DomainError

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def change_by(*operations: dict[str, Any]) -> GroupChange:
    change, others = membership.sort_out(quirks.operations({"Operations": list(operations)}))
    assert others == []
    return change


@pytest.mark.parametrize(
    ("operations", "change"),
    [
        ([{"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "u2"}]}], GroupChange(("u1", "u2"))),
        ([{"op": "add", "path": f"{GROUP}:members", "value": {"value": "u1"}}], GroupChange(("u1",))),
        ([{"op": "add", "value": {"members": [{"value": "u1"}]}}], GroupChange(("u1",))),
        ([{"op": "add", "path": "members", "value": "u1"}], GroupChange(("u1",))),
        (
            [{"op": "add", "path": "members", "value": [{"$ref": "https://x.test/scim/v2/Users/u1"}]}],
            GroupChange(("u1",)),
        ),
        ([{"op": "remove", "path": 'members[value eq "u1"]'}], GroupChange(removed=("u1",))),
        ([{"op": "remove", "path": 'members[value eq "u1" or VALUE eq "u2"]'}], GroupChange(removed=("u1", "u2"))),
        (
            [{"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "u1"}]}],
            GroupChange(removed=("u1",)),
        ),
        ([{"op": "remove", "path": "members"}], GroupChange(replaces=True)),
        ([{"op": "replace", "path": "members", "value": list[str]()}], GroupChange(replaces=True)),
        ([{"op": "replace", "value": {"members": [{"value": "u1"}]}}], GroupChange(("u1",), replaces=True)),
        (
            [{"op": "replace", "path": 'members[value eq "u1"]', "value": {"value": "u2"}}],
            GroupChange(("u2",), ("u1",)),
        ),
        (
            [
                {"op": "remove", "path": 'members[value eq "u1"]'},
                {"op": "add", "path": "members", "value": [{"value": "u1"}]},
            ],
            GroupChange(("u1",)),
        ),
        (
            [
                {"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "u2"}]},
                {"op": "remove", "path": 'members[value eq "u1"]'},
            ],
            GroupChange(("u2",), ("u1",)),
        ),
        (
            [
                {"op": "remove", "path": 'members[value eq "u9"]'},
                {"op": "replace", "path": "members", "value": [{"value": "u1"}]},
                {"op": "add", "path": "members", "value": [{"value": "u2"}]},
            ],
            GroupChange(("u1", "u2"), replaces=True),
        ),
    ],
)
def test_operations_add_up_in_their_order(operations: list[dict[str, Any]], change: GroupChange) -> None:
    assert change_by(*operations) == change


def test_what_is_about_something_else_is_left_for_others() -> None:
    rename = {"op": "replace", "value": {"id": "g", "displayName": "X", "members": [{"value": "u1"}]}}
    path = {"op": "replace", "path": "displayName", "value": "Y"}

    change, others = membership.sort_out(quirks.operations({"Operations": [rename, path]}))

    assert change == GroupChange(("u1",), replaces=True)
    assert [operation.payload() for operation in others] == [
        {"op": "replace", "value": {"id": "g", "displayName": "X"}},
        path,
    ]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "add", "path": "members", "value": [{"display": "Bo"}]}, "invalid_value"),
        ({"op": "add", "path": "members", "value": [{"value": 7}]}, "invalid_value"),
        ({"op": "add", "path": "members", "value": [{"value": "x" * 513}]}, "invalid_value"),
        ({"op": "remove", "path": 'members[display eq "Bo"]'}, "invalid_filter"),
        ({"op": "remove", "path": 'members[value eq "u1" and value eq "u2"]'}, "invalid_filter"),
        ({"op": "remove", "path": "members[value eq"}, "invalid_path"),
        ({"op": "replace", "path": 'members[value eq "u1"].display', "value": "Bo"}, "mutability"),
        ({"op": "move", "path": "members"}, "invalid_value"),
    ],
)
def test_what_names_nobody_clearly_is_refused(operation: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        change_by(operation)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("payload", "change"),
    [
        ({"displayName": "g"}, GroupChange()),
        ({"members": []}, GroupChange(replaces=True)),
        ({"Members": [{"value": "u1"}, {"value": "u1"}]}, GroupChange(("u1",), replaces=True)),
        ({"members": None}, GroupChange(replaces=True)),
    ],
)
def test_a_group_sent_whole_replaces_its_members_unless_it_is_silent_about_them(
    payload: dict[str, Any], change: GroupChange
) -> None:
    assert membership.take_members(payload, replaces=True) == change
    assert "members" not in payload
