"""Invitations: a mailed secret that makes its addressee a member."""

from dataclasses import dataclass
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
    if invitation.status is not InvitationStatus.PENDING or now >= invitation.expires_at:
        raise conflict(
            "invitation_not_pending",
            "This invitation was used, revoked or has expired. Ask an administrator to invite you again.",
        )
    if invitation.email != account_email:
        raise forbidden(
            "invitation_email_mismatch",
            "This invitation was sent to another e-mail address. Sign in with the account of that address.",
        )
