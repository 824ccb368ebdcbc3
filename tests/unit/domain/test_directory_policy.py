"""What Directory Sync means, decided without I/O (R41, R43, R46, R50, R61)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ostiary.domain.directory import Directory, GroupChange, OnDeactivate
from ostiary.domain.directory_policy import (
    Departure,
    Transition,
    administrator_to_keep,
    decide_departure,
    decide_transition,
    ensure_can_enable,
    ensure_one_role_source,
    role_from_directory,
)
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.domain.organization import Organization, Plan, SsoSettings

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DIRECTORY = Directory("dir_1", "org_1", enabled=True, created_at=NOW)
GIVEN = Provenance(Source.DIRECTORY, "dir_1", NOW)
MEMBER = Member(
    id="mem_1",
    organization_id="org_1",
    account_id=None,
    email="bo@acme.test",
    name="Bo",
    role=Role.MEMBER,
    status=MemberStatus.ACTIVE,
    managed_by=ManagedBy.DIRECTORY,
    awaiting_first_sso_sign_in=False,
    joined_at=NOW,
    provenance=GIVEN,
    role_provenance=GIVEN,
)
SUSPENDED = replace(MEMBER, status=MemberStatus.SUSPENDED)
ADMINISTRATOR = replace(MEMBER, role=Role.ADMINISTRATOR)


@pytest.mark.parametrize(
    ("member", "active", "transition"),
    [
        (None, True, Transition.JOIN),
        (None, False, Transition.STAY),
        (MEMBER, True, Transition.STAY),
        (MEMBER, False, Transition.DEPART),
        (SUSPENDED, True, Transition.REACTIVATE),
        (SUSPENDED, False, Transition.STAY),
    ],
)
def test_R41_R43_active_decides_whether_somebody_joins_comes_back_or_leaves(
    member: Member | None, active: bool, transition: Transition
) -> None:
    assert decide_transition(member, active=active) is transition


@pytest.mark.parametrize(
    ("on_deactivate", "deleted", "departure"),
    [
        (OnDeactivate.REMOVE, False, Departure.REMOVE),
        (OnDeactivate.REMOVE, True, Departure.REMOVE),
        (OnDeactivate.SUSPEND, False, Departure.SUSPEND),
        (OnDeactivate.SUSPEND, True, Departure.REMOVE),
    ],
)
def test_R43_who_leaves_is_removed_or_suspended_and_who_is_deleted_is_removed(
    on_deactivate: OnDeactivate, deleted: bool, departure: Departure
) -> None:
    directory = replace(DIRECTORY, on_deactivate=on_deactivate)

    for member in (MEMBER, ADMINISTRATOR):
        decided = decide_departure(directory, member, deleted=deleted, other_active_administrators=1)
        assert decided is departure


@pytest.mark.parametrize("deleted", [True, False])
def test_R61_the_last_administrator_is_only_suspended(deleted: bool) -> None:
    decided = decide_departure(DIRECTORY, ADMINISTRATOR, deleted=deleted, other_active_administrators=0)

    assert decided is Departure.SUSPEND_LAST_ADMINISTRATOR


@pytest.mark.parametrize(
    ("present", "value", "before", "role"),
    [
        (Role.MEMBER, "admin", None, Role.ADMINISTRATOR),
        (Role.MEMBER, " Administrator ", "member", Role.ADMINISTRATOR),
        (Role.ADMINISTRATOR, "member", "admin", Role.MEMBER),
        (Role.ADMINISTRATOR, None, "admin", Role.MEMBER),
        (Role.ADMINISTRATOR, None, None, Role.ADMINISTRATOR),
        (Role.ADMINISTRATOR, "owner", "admin", Role.ADMINISTRATOR),
    ],
)
def test_R46_a_word_sets_the_role_and_a_cleared_one_returns_to_member(
    present: Role, value: str | None, before: str | None, role: Role
) -> None:
    managing = replace(DIRECTORY, manage_roles=True)

    assert role_from_directory(managing, present, value=value, value_before=before) is role
    assert role_from_directory(DIRECTORY, present, value=value, value_before=before) is present


def test_R50_two_sources_of_roles_are_refused() -> None:
    with pytest.raises(DomainError, match="role_source_conflict"):
        ensure_one_role_source(manage_roles_via_sso=True, manage_roles_via_directory=True)
    ensure_one_role_source(manage_roles_via_sso=True, manage_roles_via_directory=False)


def test_R2_R5_directory_sync_needs_the_entitlement_the_operators_leave_and_sso() -> None:
    ready = Organization(
        "org_1", "acme", "Acme", Plan.ENTERPRISE, NOW, sso=SsoSettings(enabled=True, enabled_at=NOW, enabled_by="usr_1")
    )
    ensure_can_enable(ready)

    for organization, code in (
        (replace(ready, plan=Plan.HOBBY), "sso_not_entitled"),
        (replace(ready, directory_held_back=True), "directory_sync_not_entitled"),
        (replace(ready, sso=SsoSettings()), "sso_not_enabled"),
    ):
        with pytest.raises(DomainError, match=code):
            ensure_can_enable(organization)


def test_a_group_change_that_changes_nothing_is_none() -> None:
    assert not GroupChange()
    assert GroupChange(replaces=True)
    assert GroupChange(added=("mem_1",))
    assert GroupChange(removed=("mem_1",))


@pytest.mark.parametrize(
    ("known", "unknown", "caller", "kept"),
    [
        (1, ("mem_1", "mem_2"), "mem_2", None),
        (0, ("mem_1", "mem_2"), "mem_2", "mem_2"),
        (0, ("mem_1", "mem_2"), None, "mem_1"),
        (0, ("mem_1", "mem_2"), "mem_3", "mem_1"),
        (0, (), "mem_3", None),
    ],
)
def test_R22_R61_who_asks_stays_where_the_directory_knows_no_administrator(
    known: int, unknown: tuple[str, ...], caller: str | None, kept: str | None
) -> None:
    assert administrator_to_keep(known, unknown, caller) == kept


@pytest.mark.parametrize(
    ("order", "coming", "going"),
    [
        (("mem_1", "bo"), [], ["mem_1"]),
        (("bo", "mem_1"), ["mem_1"], []),
        ((), ["mem_1"], []),
    ],
)
def test_R45_of_two_names_for_one_person_the_later_has_the_last_word(
    order: tuple[str, ...], coming: list[str], going: list[str]
) -> None:
    change = GroupChange(added=("mem_1",), removed=("bo",), order=order)

    assert change.settled({"mem_1": "mem_1"}, {"bo": "mem_1"}) == (coming, going)


def test_names_of_different_people_come_and_go_as_they_were_named() -> None:
    change = GroupChange(("mem_1", "cy"), ("mem_2",), order=("mem_2", "cy", "mem_1"))

    assert change.settled({"mem_1": "mem_1", "cy": "mem_3"}, {"mem_2": "mem_2"}) == (["mem_1", "mem_3"], ["mem_2"])
