"""Invitations: a mailed secret that makes its addressee a member."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.errors import conflict, forbidden
from ostiary.domain.membership import Role

INVITATION_LIFETIME = timedelta(days=7)


class InvitationStatus(StrEnum):
    """Only a pending invitation can be accepted."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation into one organization, with the role and teams it gives."""

    id: str
    organization_id: str
    email: str
    role: Role
    team_ids: tuple[str, ...]
    status: InvitationStatus
    invited_by: str
    created_at: datetime
    expires_at: datetime

    def at(self, now: datetime) -> "Invitation":
        """The invitation as it stands at the moment: a pending one whose time has passed is an expired one."""
        lapsed = self.status is InvitationStatus.PENDING and now >= self.expires_at
        return replace(self, status=InvitationStatus.EXPIRED) if lapsed else self

    def renewed(self, now: datetime) -> "Invitation":
        """The same invitation for another seven days; raises `invitation_not_pending` where it was used or revoked."""
        if self.status not in {InvitationStatus.PENDING, InvitationStatus.EXPIRED}:
            raise conflict(
                "invitation_not_pending",
                f"This invitation was {self.status}. If the person is to join, POST a new one to /invitations.",
            )
        return replace(self, status=InvitationStatus.PENDING, expires_at=now + INVITATION_LIFETIME)


def ensure_pending(invitation: Invitation, now: datetime) -> None:
    """Refuse what can no longer be accepted or revoked."""
    if invitation.at(now).status is not InvitationStatus.PENDING:
        raise conflict(
            "invitation_not_pending",
            "This invitation was used, revoked or has expired. Ask an administrator to invite you again.",
        )


def ensure_invitations_are_open(sso_enabled: bool) -> None:
    """Refuse to invite while memberships come through SSO (R16)."""
    if sso_enabled:
        raise conflict(
            "invitations_disabled_by_sso",
            "Members join by signing in through your identity provider while SSO is on. Assign the person there and "
            "send them the organization's sign-in URL.",
        )


def ensure_acceptable(invitation: Invitation, account_email: str, sso_enabled: bool, now: datetime) -> None:
    """Refuse an invitation that is used, revoked, expired, or meant for another address."""
    ensure_invitations_are_open(sso_enabled)
    ensure_pending(invitation, now)
    if invitation.email != account_email:
        raise forbidden(
            "invitation_email_mismatch",
            "This invitation was sent to another e-mail address. Sign in with the account of that address.",
        )
