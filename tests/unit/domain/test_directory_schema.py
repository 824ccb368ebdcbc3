"""Which attributes anybody announced."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from scim2_models import Attribute

from ostiary.api.scim.models import EnterpriseUser, Group, User
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import Directory, UnknownAttributes
from ostiary.domain.directory_schema import (
    ENTERPRISE_ATTRIBUTES,
    ENTERPRISE_SCHEMA,
    GROUP_ATTRIBUTES,
    USER_ATTRIBUTES,
    Attributes,
    newly_unknown,
    unknown_in_group,
    unknown_in_user,
)
from ostiary.domain.errors import DomainError

LENIENT = Directory("dir_1", "org_1", enabled=True, created_at=datetime(2026, 1, 1, tzinfo=UTC))
STRICT = replace(LENIENT, unknown_attributes=UnknownAttributes.STRICT)


@pytest.mark.parametrize(
    ("announced", "declared"),
    [
        (User.to_schema().attributes, USER_ATTRIBUTES),
        (Group.to_schema().attributes, GROUP_ATTRIBUTES),
        (EnterpriseUser.to_schema().attributes, ENTERPRISE_ATTRIBUTES),
    ],
    ids=["user", "group", "enterprise"],
)
def test_what_discovery_announces_is_known(announced: list[Attribute], declared: Attributes) -> None:
    for attribute in announced:
        subs = declared[str(attribute.name).lower()]
        names = {str(sub.name).lower() for sub in attribute.sub_attributes or []}
        assert names <= (subs or frozenset())
        assert bool(names) is (subs is not None)


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        ({"userName": "a", "NAME": {"givenName": "A"}, "externalId": "1", "schemas": []}, set[str]()),
        ({"planetscale_role": "admin"}, {"planetscale_role"}),
        ({"name": {"nick": "x"}, "emails": [{"value": "v", "verified": True}]}, {"name.nick", "emails.verified"}),
        ({ENTERPRISE_SCHEMA.lower(): {"department": "d", "badge": "1"}}, {f"{ENTERPRISE_SCHEMA.lower()}:badge"}),
        ({"urn:acme:User": {"badge": "1", "a": {"b": 1}}}, {"urn:acme:User:badge", "urn:acme:User:a"}),
        ({"urn:acme:badge": "1"}, {"urn:acme:badge"}),
        ({"role": "admin", "urn:acme:User": {"Role": "admin"}}, set[str]()),
    ],
)
def test_what_no_schema_declares_is_found_by_its_path(document: dict[str, JsonValue], unknown: set[str]) -> None:
    assert set(unknown_in_user(document, LENIENT)) == unknown


@pytest.mark.parametrize(
    ("mapped", "document"),
    [
        ("planetscale_role", {"planetscale_role": "admin"}),
        ("urn:ietf:params:scim:schemas:core:2.0:User:planetscale_role", {"planetscale_role": "admin"}),
        ("urn:acme:User:badge", {"urn:acme:User": {"badge": "1"}}),
        ("badge", {"urn:acme:User": {"badge": {"value": "1"}}}),
        ("name.nick", {"name": {"nick": "x", "givenName": "A"}}),
        ("badge.number", {"badge": {"number": "1"}}),
        ("urn:acme:badge", {"urn:acme:badge": "1"}),
    ],
)
def test_R47_what_the_attribute_map_names_is_known(mapped: str, document: dict[str, JsonValue]) -> None:
    assert unknown_in_user(document, LENIENT)
    assert not unknown_in_user(document, replace(LENIENT, attribute_map={mapped: "role"}))


def test_groups_have_attributes_of_their_own() -> None:
    assert set(unknown_in_group({"displayName": "E", "userName": "x"})) == {"userName"}


def test_a_strict_directory_refuses_what_is_new_and_lets_be_what_was_there() -> None:
    assert newly_unknown(LENIENT, {}, {"a": 1}) == ("a",)
    assert newly_unknown(STRICT, {"a": 1}, {"a": 1}) == ()
    for before in ({}, {"a": 2}):
        with pytest.raises(DomainError, match="a is no attribute of the schema") as refused:
            newly_unknown(STRICT, before, {"a": 1})
        assert refused.value.code == "unknown_attribute"
