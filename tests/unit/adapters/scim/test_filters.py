"""Filters become SQL that a hostile one cannot leave; what has no meaning is refused."""

import pytest
from scim2_models import EnterpriseUser, User
from sqlalchemy import Column, MetaData, Table, Text, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from ostiary.adapters.db.tables.base import TypeId, moment
from ostiary.adapters.scim.filters import Relation, Source, condition
from ostiary.domain import ids
from ostiary.domain.errors import DomainError

TABLE = Table(
    "users",
    MetaData(),
    Column("id", TypeId(ids.MEMBER)),
    Column("user_name", Text),
    Column("document", JSONB),
    moment("created_at"),
)
GROUPS = Table("groups", MetaData(), Column("member_id", TypeId(ids.MEMBER)), Column("id", TypeId(ids.TEAM)))
SOURCE = Source(
    model=User[EnterpriseUser],
    document=TABLE.c.document,
    columns={"id": TABLE.c.id, "username": TABLE.c.user_name, "meta.created": TABLE.c.created_at},
    relations={"groups": Relation(select(GROUPS.c.id).where(GROUPS.c.member_id == TABLE.c.id), {"value": GROUPS.c.id})},
)


def sql(text: str) -> str:
    return " ".join(str(condition(text, SOURCE).compile(dialect=postgresql.dialect())).split())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def test_an_equal_user_name_can_use_the_index() -> None:
    assert sql('userName eq "bo"') == "lower(users.user_name) = lower(%(param_1)s::VARCHAR)"


def test_values_are_parameters_and_never_text_of_the_statement() -> None:
    hostile = "'; DROP TABLE users; --"

    for text in (
        f'userName eq "{hostile}"',
        f'title co "{hostile}"',
        f'emails[value sw "{hostile}"]',
        f'badge eq "{hostile}"',
    ):
        assert "DROP" not in sql(text)


def test_a_negation_matches_what_is_unknown() -> None:
    assert sql('not (userName eq "bo")').startswith("NOT coalesce(")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        'userName near "x"',
        "active gt true",
        'active eq "perhaps"',
        'active co "t"',
        'id co "mem"',
        'id gt "mem_1"',
        'meta.created eq "yesterday"',
        'meta.created co "2026"',
        'meta.version eq "1"',
        'meta.location eq "x"',
        'groups.type eq "direct"',
        'groups[type eq "direct"]',
        'groups[value eq "a"].value.x eq "y"',
        "emails[primary gt true]",
        'groups.value sw "team"',
    ],
)
def test_what_has_no_meaning_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(DomainError, match="invalid_filter") as refused:
        condition(text, SOURCE)
    assert "userName eq" in refused.value.detail
