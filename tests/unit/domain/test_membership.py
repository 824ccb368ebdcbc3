"""Membership, teams and roles kept by hand or by an identity provider (R12, R40, R49, R61)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ostiary.domain.directory import Directory
from ostiary.domain.directory_policy import ensure_role_is_manual
from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.membership import (
    ManagedBy,
    Member,
    MemberStatus,
    Provenance,
    Role,
    Source,
    ensure_an_administrator_remains,
    ensure_removable,
    ensure_sso_can_be_required,
    ensure_suspension_is_manual,
    requires_sso,
)
from ostiary.domain.organization import Organization, Plan, SsoSettings
from ostiary.domain.team import ensure_teams_are_manual

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GIVEN = Provenance(Source.PERSON, "usr", NOW)


def member(
    role: Role = Role.MEMBER,
    status: MemberStatus = MemberStatus.ACTIVE,
    managed_by: ManagedBy = ManagedBy.MANUAL,
) -> Member:
    return Member(
        id="mem",
        organization_id="org",
        account_id="usr",
        email="bo@acme.test",
        name="Bo",
        role=role,
        status=status,
        managed_by=managed_by,
        awaiting_first_sso_sign_in=False,
        joined_at=NOW,
        provenance=GIVEN,
        role_provenance=GIVEN,
    )


@pytest.mark.parametrize(
    ("role", "status", "counts"),
    [
        (Role.ADMINISTRATOR, MemberStatus.ACTIVE, True),
        (Role.ADMINISTRATOR, MemberStatus.SUSPENDED, False),
        (Role.MEMBER, MemberStatus.ACTIVE, False),
    ],
)
def test_R61_only_active_administrators_count(role: Role, status: MemberStatus, counts: bool) -> None:
    assert member(role, status).is_active_administrator is counts


def test_R61_the_last_administrator_is_refused_and_the_last_but_one_is_not() -> None:
    ensure_an_administrator_remains(1)
    with pytest.raises(DomainError, match="last_administrator") as refused:
        ensure_an_administrator_remains(0)
    assert refused.value.kind is Kind.CONFLICT


@pytest.mark.parametrize(
    ("sso_enabled", "awaiting", "required"),
    [(False, False, False), (False, True, False), (True, True, False), (True, False, True)],
)
def test_R12_sso_is_required_of_all_but_those_who_await_their_first_sign_in(
    sso_enabled: bool, awaiting: bool, required: bool
) -> None:
    assert requires_sso(sso_enabled, awaiting) is required


def test_R12_sso_can_be_required_of_others_while_it_is_on() -> None:
    ensure_sso_can_be_required(sso_enabled=True, member=member(), acting_member_id="mem_other")
    with pytest.raises(DomainError, match="own_membership"):
        ensure_sso_can_be_required(sso_enabled=True, member=member(), acting_member_id="mem")
    with pytest.raises(DomainError, match="sso_not_enabled"):
        ensure_sso_can_be_required(sso_enabled=False, member=member(), acting_member_id="mem_other")


@pytest.mark.parametrize("managed_by", list(ManagedBy))
@pytest.mark.parametrize("status", list(MemberStatus))
def test_R49_an_active_member_of_the_directory_is_the_only_one_not_removed_by_hand(
    managed_by: ManagedBy, status: MemberStatus
) -> None:
    if managed_by is ManagedBy.DIRECTORY and status is MemberStatus.ACTIVE:
        with pytest.raises(DomainError, match="directory_managed"):
            ensure_removable(member(status=status, managed_by=managed_by))
    else:
        ensure_removable(member(status=status, managed_by=managed_by))


def test_R43_only_the_directory_suspends_and_reactivates_its_members() -> None:
    ensure_suspension_is_manual(member(managed_by=ManagedBy.SSO))
    ensure_suspension_is_manual(member(managed_by=ManagedBy.MANUAL))
    with pytest.raises(DomainError, match="directory_managed"):
        ensure_suspension_is_manual(member(managed_by=ManagedBy.DIRECTORY))


ACME = Organization("org", "acme", "Acme", Plan.ENTERPRISE, NOW)
DIRECTORY = Directory("dir", "org", enabled=True, created_at=NOW)


@pytest.mark.parametrize(
    ("sso", "directory", "manual"),
    [
        (SsoSettings(), None, True),
        (SsoSettings(enabled=True), DIRECTORY, True),
        (SsoSettings(enabled=True, manage_roles=True), None, False),
        (SsoSettings(enabled=False, manage_roles=True), None, True),
        (SsoSettings(enabled=True), replace(DIRECTORY, manage_roles=True), False),
        (SsoSettings(enabled=True), replace(DIRECTORY, manage_roles=True, enabled=False), True),
    ],
)
def test_R40_roles_are_set_by_hand_unless_an_identity_provider_sets_them(
    sso: SsoSettings, directory: Directory | None, manual: bool
) -> None:
    organization = replace(ACME, sso=sso)
    if manual:
        ensure_role_is_manual(organization, directory)
    else:
        with pytest.raises(DomainError, match="directory_managed"):
            ensure_role_is_manual(organization, directory)


def test_R40_teams_are_changed_by_hand_unless_the_directory_keeps_them() -> None:
    ensure_teams_are_manual(directory_enabled=False)
    with pytest.raises(DomainError, match="directory_managed"):
        ensure_teams_are_manual(directory_enabled=True)
