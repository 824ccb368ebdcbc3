"""What is stored of a user, and what a PATCH makes of it."""

from typing import Any

import pytest
from scim2_models import Context

from ostiary.api.scim import documents, quirks
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import DomainError

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CUSTOM = "urn:example:params:scim:schemas:db:2.0:User"

STORED: Document = {
    "schemas": [USER, ENTERPRISE, CUSTOM],
    "userName": "bo@acme.test",
    "title": "Tester",
    "emails": [{"value": "bo@acme.test", "type": "work", "primary": True}],
    "planetscale_role": "member",
    "tags": ["a"],
    ENTERPRISE: {"department": "QA"},
    CUSTOM: {"level": "3"},
}


def patched(*operations: dict[str, Any]) -> Document:
    return documents.revise_user("mem_1", quirks.operations({"Operations": list(operations)}))(STORED)


def test_what_is_the_services_own_and_the_password_are_not_stored() -> None:
    stored = documents.read_user(
        {
            "USERNAME": "bo",
            "id": "mem_1",
            "meta": {"version": "x"},
            "groups": [{"value": "team_1"}],
            "password": "secret",
            "title": None,
            "badge": None,
            "badge_number": 7,
            "schemas": [USER, ENTERPRISE],
        },
        Context.RESOURCE_CREATION_REQUEST,
    )

    assert stored == {"schemas": [USER], "userName": "bo", "badge_number": 7}


@pytest.mark.parametrize(
    ("operations", "changes"),
    [
        ([{"op": "replace", "path": "planetscale_role", "value": "admin"}], {"planetscale_role": "admin"}),
        ([{"op": "replace", "path": f"{USER}:PlanetScale_Role", "value": "admin"}], {"planetscale_role": "admin"}),
        (
            [{"op": "replace", "value": {"planetscale_role": "admin", "title": "Lead"}}],
            {"planetscale_role": "admin", "title": "Lead"},
        ),
        ([{"op": "remove", "path": "planetscale_role"}], {"planetscale_role": None}),
        ([{"op": "replace", "value": {"planetscale_role": ""}}], {"planetscale_role": None}),
        ([{"op": "add", "path": "tags", "value": ["a", "b"]}], {"tags": ["a", "b"]}),
        ([{"op": "replace", "path": "tags", "value": ["b"]}], {"tags": ["b"]}),
        ([{"op": "replace", "path": f"{CUSTOM}:level", "value": "4"}], {CUSTOM: {"level": "4"}}),
        ([{"op": "add", "value": {CUSTOM: {"floor": "2"}}}], {CUSTOM: {"level": "3", "floor": "2"}}),
        (
            [{"op": "add", "path": f"{ENTERPRISE}:badge", "value": "b"}],
            {ENTERPRISE: {"department": "QA", "badge": "b"}},
        ),
        (
            [{"op": "replace", "value": {ENTERPRISE: {"role": "admin", "department": "IT"}}}],
            {ENTERPRISE: {"department": "IT", "role": "admin"}},
        ),
        (
            [{"op": "add", "path": ENTERPRISE, "value": {"role": "admin"}}],
            {ENTERPRISE: {"department": "QA", "role": "admin"}},
        ),
        (
            [
                {"op": "add", "path": f"{ENTERPRISE}:role", "value": "admin"},
                {"op": "remove", "path": ENTERPRISE},
            ],
            {ENTERPRISE: None, "schemas": [USER, CUSTOM]},
        ),
        ([{"op": "add", "path": "name", "value": {"nick": "B"}}], {"name": {"nick": "B"}}),
        ([{"op": "remove", "path": CUSTOM}], {CUSTOM: None, "schemas": [USER, ENTERPRISE]}),
        ([{"op": "remove", "path": f"{CUSTOM}:level"}], {CUSTOM: None, "schemas": [USER, ENTERPRISE]}),
        ([{"op": "replace", "path": CUSTOM, "value": {"floor": "2"}}], {CUSTOM: {"level": "3", "floor": "2"}}),
        ([{"op": "remove", "path": "urn:example:none:2.0:User:x"}], {}),
        ([{"op": "add", "path": "profile.level", "value": 1}], {"profile": {"level": 1}}),
        ([{"op": "replace", "path": "password", "value": "secret"}], {}),
        ([{"op": "replace", "value": {"id": "mem_1"}}], {}),
        (
            [{"op": "remove", "path": f"{ENTERPRISE}:department"}],
            {ENTERPRISE: None, "schemas": [USER, CUSTOM]},
        ),
        (
            [{"op": "replace", "path": 'emails[type eq "work"].value', "value": "b@x.test"}],
            {"emails": [{"value": "b@x.test", "type": "work", "primary": True}]},
        ),
    ],
)
def test_a_patch_changes_what_it_names_and_nothing_else(
    operations: list[dict[str, Any]], changes: dict[str, Any]
) -> None:
    expected = {key: value for key, value in {**STORED, **changes}.items() if value is not None}

    assert patched(*operations) == expected


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "move", "path": "planetscale_role", "value": "x"}, "invalid_value"),
        ({"op": "add", "path": "planetscale_role.sub", "value": "x"}, "invalid_path"),
        ({"op": "replace", "value": {"groups": [{"value": "team_1"}]}}, "mutability"),
        ({"op": "replace", "path": "name", "value": "Bo"}, "invalid_value"),
        ({"op": "add", "path": "planetscale_role"}, "invalid_value"),
        ({"op": "remove", "value": {"planetscale_role": "x"}}, "no_target"),
        ({"op": "replace", "path": "title.short", "value": "x"}, "invalid_path"),
        ({"op": "replace", "path": "emails.since", "value": "x"}, "invalid_path"),
        ({"op": "replace", "path": 'badges[type eq "x"].value', "value": "x"}, "invalid_path"),
    ],
)
def test_a_patch_that_cannot_be_applied_is_refused(operation: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        patched(operation)
    assert refused.value.code == code
