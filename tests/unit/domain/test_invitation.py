"""What can be accepted, by whom, and until when (R16)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.errors import DomainError
from ostiary.domain.invitation import (
    INVITATION_LIFETIME,
    Invitation,
    InvitationStatus,
    ensure_acceptable,
    ensure_invitations_are_open,
    ensure_pending,
)
from ostiary.domain.membership import Role

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INVITATION = Invitation(
    id="inv",
    organization_id="org",
    email="bo@acme.test",
    role=Role.MEMBER,
    team_ids=(),
    status=InvitationStatus.PENDING,
    invited_by="usr",
    created_at=NOW,
    expires_at=NOW + INVITATION_LIFETIME,
)
LAST_MOMENT = INVITATION.expires_at - timedelta(microseconds=1)


def test_an_invitation_lives_for_seven_days_to_the_moment() -> None:
    assert timedelta(days=7) == INVITATION_LIFETIME
    assert INVITATION.at(LAST_MOMENT) is INVITATION
    assert INVITATION.at(INVITATION.expires_at).status is InvitationStatus.EXPIRED


@pytest.mark.parametrize("status", [InvitationStatus.ACCEPTED, InvitationStatus.REVOKED])
def test_what_became_of_an_invitation_stays_after_its_time(status: InvitationStatus) -> None:
    settled = replace(INVITATION, status=status)
    assert settled.at(INVITATION.expires_at).status is status


@pytest.mark.parametrize("status", list(InvitationStatus))
def test_only_a_pending_invitation_can_be_accepted_or_revoked(status: InvitationStatus) -> None:
    invitation = replace(INVITATION, status=status)
    if status is InvitationStatus.PENDING:
        ensure_pending(invitation, LAST_MOMENT)
        ensure_acceptable(invitation, "bo@acme.test", sso_enabled=False, now=LAST_MOMENT)
        return
    with pytest.raises(DomainError, match="invitation_not_pending"):
        ensure_pending(invitation, NOW)
    with pytest.raises(DomainError, match="invitation_not_pending"):
        ensure_acceptable(invitation, "bo@acme.test", sso_enabled=False, now=NOW)


def test_an_invitation_past_its_time_is_refused() -> None:
    with pytest.raises(DomainError, match="invitation_not_pending"):
        ensure_acceptable(INVITATION, "bo@acme.test", sso_enabled=False, now=INVITATION.expires_at)


def test_an_invitation_is_for_one_address() -> None:
    with pytest.raises(DomainError, match="invitation_email_mismatch"):
        ensure_acceptable(INVITATION, "eve@evil.test", sso_enabled=False, now=NOW)


def test_R16_no_invitation_counts_while_sso_is_on() -> None:
    ensure_invitations_are_open(sso_enabled=False)
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        ensure_invitations_are_open(sso_enabled=True)
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        ensure_acceptable(INVITATION, "bo@acme.test", sso_enabled=True, now=NOW)
