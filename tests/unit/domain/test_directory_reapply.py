"""Reading stored users anew: what it changes, and the one administrator who stays (R46, R47, R61)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ostiary.domain.directory import Directory, DirectoryUser
from ostiary.domain.directory_reapply import Reread, keeping_an_administrator, needs_rereading, reread
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source

NOW = datetime(2026, 1, 2, tzinfo=UTC)
GIVEN = Provenance(Source.PERSON, "usr_1", NOW)
DIRECTORY = Directory("dir_1", "org_1", enabled=True, created_at=NOW, manage_roles=True)


def member(number: int, role: Role, status: MemberStatus = MemberStatus.ACTIVE) -> Member:
    return Member(
        id=f"mem_{number}",
        organization_id="org_1",
        account_id=None,
        email="bo@acme.test",
        name="Bo",
        role=role,
        status=status,
        managed_by=ManagedBy.DIRECTORY,
        awaiting_first_sso_sign_in=False,
        joined_at=NOW,
        provenance=GIVEN,
        role_provenance=GIVEN,
    )


def user(number: int, **attributes: str) -> DirectoryUser:
    document = {"userName": "bo@acme.test", "displayName": "Bo", **attributes}
    return DirectoryUser(
        id=f"mem_{number}",
        organization_id="org_1",
        user_name="bo@acme.test",
        external_id=None,
        email=None,
        display_name="Bo",
        active=True,
        role_value=attributes.get("role"),
        document=document,
        version=1,
        created_at=NOW,
        modified_at=NOW,
    )


def demoted(number: int, status: MemberStatus = MemberStatus.ACTIVE) -> Reread:
    return reread(DIRECTORY, user(number, role="member"), member(number, Role.ADMINISTRATOR, status), NOW)


@pytest.mark.parametrize(
    ("after", "needed"),
    [
        (replace(DIRECTORY, manage_roles=True), True),
        (replace(DIRECTORY, manage_roles=False, role_attribute="other"), True),
        (replace(DIRECTORY, manage_roles=False, attribute_map={"nickName": "name"}), True),
        (replace(DIRECTORY, manage_roles=False, lenient_members=False), False),
        (replace(DIRECTORY, enabled=False), False),
    ],
)
def test_R46_R47_what_roles_and_names_are_read_from_calls_for_it(after: Directory, *, needed: bool) -> None:
    assert needs_rereading(replace(DIRECTORY, manage_roles=False), after) is needed


def test_R46_a_stored_word_sets_the_role_and_none_takes_nothing_away() -> None:
    raised = reread(DIRECTORY, user(1, role="administrator"), member(1, Role.MEMBER), NOW)
    assert raised.member is not None
    assert (raised.member.role, raised.member.role_provenance.source) == (Role.ADMINISTRATOR, Source.DIRECTORY)
    silent = reread(DIRECTORY, user(1), member(1, Role.ADMINISTRATOR), NOW)
    assert silent.member == silent.member_before


def test_R47_the_map_gives_another_name_and_leaves_whom_it_does_not_manage() -> None:
    mapped = replace(DIRECTORY, attribute_map={"nickName": "name"})
    changed = reread(mapped, user(1, nickName="Bobo"), member(1, Role.MEMBER), NOW)
    assert changed.member is not None
    assert changed.member.name == "Bobo"
    unmanaged = replace(member(1, Role.MEMBER), managed_by=ManagedBy.MANUAL)
    assert reread(mapped, user(1, nickName="Bobo"), unmanaged, NOW).member == unmanaged


def test_R61_of_all_administrators_who_would_lose_it_the_first_member_stays() -> None:
    settled, kept = keeping_an_administrator([demoted(2), demoted(1)], 2)
    assert kept == "mem_1"
    assert [each.member.role for each in settled if each.member] == [Role.MEMBER, Role.ADMINISTRATOR]


def test_R61_nobody_stays_while_somebody_else_can_administer() -> None:
    assert keeping_an_administrator([demoted(1)], 2)[1] is None
    raised = reread(DIRECTORY, user(2, role="admin"), member(2, Role.MEMBER), NOW)
    assert keeping_an_administrator([demoted(1), raised], 1)[1] is None
    # Somebody suspended administers nothing, before or after.
    suspended = reread(DIRECTORY, user(2, role="admin"), member(2, Role.MEMBER, MemberStatus.SUSPENDED), NOW)
    assert keeping_an_administrator([demoted(1), suspended], 1)[1] == "mem_1"
    assert keeping_an_administrator([demoted(1, MemberStatus.SUSPENDED)], 1)[1] is None
