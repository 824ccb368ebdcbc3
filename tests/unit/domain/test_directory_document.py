"""What a pushed user's document says (R41, R42, R46, R47)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ostiary.domain.account import MAX_NAME_LENGTH
from ostiary.domain.directory import Directory
from ostiary.domain.directory_document import MAX_IDENTIFIER_LENGTH, attribute, group_name, read_user
from ostiary.domain.errors import DomainError

DIRECTORY = Directory("dir_1", "org_1", enabled=True, created_at=datetime(2026, 1, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    ("emails", "email"),
    [
        (
            [{"value": "a@x.test"}, {"value": "b@x.test", "type": "work"}, {"value": "c@x.test", "primary": True}],
            "c@x.test",
        ),
        ([{"value": "a@x.test"}, {"value": "b@x.test", "type": "work"}], "b@x.test"),
        ([{"value": "a@x.test"}, {"value": "b@x.test"}], "a@x.test"),
        ([{"value": ""}, {"value": " Bo@X.Test "}], "bo@x.test"),
        ([{"type": "work"}], None),
        ([], None),
        (None, None),
        ([{"value": "no address"}], "no address"),
        ([{"value": "bo@bücher.test"}], "bo@xn--bcher-kva.test"),
    ],
)
def test_R42_the_primary_address_is_the_members_else_the_one_for_work_else_the_first(
    emails: Any, email: str | None
) -> None:
    assert read_user({"userName": "bo", "emails": emails}, DIRECTORY).email == email


@pytest.mark.parametrize(
    ("names", "display_name"),
    [
        ({"displayName": "Bo N.", "name": {"formatted": "Bo Ng"}}, "Bo N."),
        ({"name": {"formatted": "Bo Ng", "givenName": "B"}}, "Bo Ng"),
        ({"name": {"givenName": "Bo", "familyName": "Ng"}}, "Bo Ng"),
        ({"name": {"familyName": "Ng"}}, "Ng"),
        ({"displayName": "  "}, "bo"),
        ({}, "bo"),
        ({"displayName": "x" * 500}, "x" * MAX_NAME_LENGTH),
    ],
)
def test_R42_a_name_is_found_in_what_there_is(names: Any, display_name: str) -> None:
    assert read_user({"userName": "bo", **names}, DIRECTORY).display_name == display_name


@pytest.mark.parametrize("active", [True, False, None])
def test_active_is_told_from_silence(active: bool | None) -> None:
    document = {"userName": "bo"} if active is None else {"userName": "bo", "active": active}

    assert read_user(document, DIRECTORY).active is active


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"userName": "  "},
        {"userName": "x" * (MAX_IDENTIFIER_LENGTH + 1)},
        {"userName": "bo", "externalId": "x" * (MAX_IDENTIFIER_LENGTH + 1)},
    ],
)
def test_a_user_without_a_usable_identifier_is_refused(document: Any) -> None:
    with pytest.raises(DomainError, match="invalid_value"):
        read_user(document, DIRECTORY)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "Tester"),
        ("TITLE", "Tester"),
        ("name.givenName", "Bo"),
        ("level", "3"),
        ("urn:example:db:2.0:User:level", "3"),
        ("URN:EXAMPLE:DB:2.0:USER:Level", "3"),
        ("urn:example:db:2.0:User:team.name", "Core"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", "Tester"),
        ("urn:example:other:2.0:User:level", None),
        ("salary", None),
        ("title.sub", "Tester"),
    ],
)
def test_R46_an_attribute_is_found_by_name_in_the_core_schema_and_in_extensions(path: str, value: str | None) -> None:
    document: dict[str, Any] = {
        "title": "Tester",
        "name": {"givenName": "Bo"},
        "urn:example:db:2.0:User": {"level": "3", "team": {"name": "Core"}},
    }

    assert attribute(document, path) == value


@pytest.mark.parametrize(
    "sent", ["admin", {"value": "admin"}, ["admin"], [{"value": "x"}, {"value": "admin", "primary": True}]]
)
def test_R46_a_role_comes_as_text_as_an_object_or_as_one_of_several(sent: Any) -> None:
    assert read_user({"userName": "bo", "role": sent}, DIRECTORY).role_value == "admin"


def test_R47_the_map_says_which_of_the_directorys_attributes_are_ours() -> None:
    mapping = replace(
        DIRECTORY,
        role_attribute="access",
        attribute_map={"planetscale_role": "access", "mail": "email", "nick": "name"},
    )
    document = {"userName": "bo", "planetscale_role": "admin", "mail": "Bo@X.test", "nick": "Beau", "displayName": "Bo"}

    facts = read_user(document, mapping)

    assert (facts.role_value, facts.email, facts.display_name) == ("admin", "bo@x.test", "Beau")
    assert read_user({**document, "planetscale_role": ""}, mapping).role_value is None


def test_a_group_needs_a_name() -> None:
    assert group_name({"displayName": " Engineering ", "externalId": "e1"}) == ("Engineering", "e1")
    with pytest.raises(DomainError, match="invalid_value"):
        group_name({"displayName": ""})
