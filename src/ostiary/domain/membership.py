"""Membership: a person in an organization, the role held there, and where both came from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ostiary.domain.errors import conflict


class Role(StrEnum):
    """What a member may do in the organization."""

    MEMBER = "member"
    ADMINISTRATOR = "administrator"


class MemberStatus(StrEnum):
    """suspended: visible, without any access (R43)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class ManagedBy(StrEnum):
    """Who keeps the membership: people by hand, SSO at sign-in, or the directory."""

    MANUAL = "manual"
    SSO = "sso"
    DIRECTORY = "directory"


class Source(StrEnum):
    """Who gave a membership or a role."""

    FOUNDER = "founder"
    PERSON = "person"
    SERVICE_ACCOUNT = "service_account"
    INVITATION = "invitation"
    SAML = "saml"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who gave it, through what, and when; `by` is the acting person's, invitation's or connection's id."""

    source: Source
    by: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A membership. `account_id` is None while a provisioned person has never signed in (R41)."""

    id: str
    organization_id: str
    account_id: str | None
    email: str
    name: str
    role: Role
    status: MemberStatus
    managed_by: ManagedBy
    awaiting_first_sso_sign_in: bool
    joined_at: datetime
    provenance: Provenance
    role_provenance: Provenance
    last_signed_in_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether the member has access at all."""
        return self.status is MemberStatus.ACTIVE

    @property
    def is_active_administrator(self) -> bool:
        """Whether the member can administer the organization today."""
        return self.role is Role.ADMINISTRATOR and self.is_active


def requires_sso(sso_enabled: bool, awaiting_first_sso_sign_in: bool) -> bool:
    """Whether a membership opens to SSO sessions only (R12)."""
    return sso_enabled and not awaiting_first_sso_sign_in


def ensure_an_administrator_remains(other_active_administrators: int) -> None:
    """Refuse to take the last administrator's role, access or membership away (R61)."""
    if other_active_administrators < 1:
        raise conflict(
            "last_administrator",
            "This is the organization's last administrator. Make somebody else administrator first.",
        )


def ensure_removable(member: Member) -> None:
    """Refuse to remove an active member whom the directory keeps: it would bring them back (R49)."""
    if member.managed_by is ManagedBy.DIRECTORY and member.is_active:
        raise conflict(
            "directory_managed",
            "Your identity provider's directory keeps this member. Unassign the person there.",
        )


def ensure_suspension_is_manual(member: Member) -> None:
    """Refuse to suspend or reactivate by hand a member whom the directory keeps (R43)."""
    if member.managed_by is ManagedBy.DIRECTORY:
        raise conflict(
            "directory_managed",
            "Your identity provider's directory keeps this member. Deactivate or activate the person there.",
        )


def ensure_sso_can_be_required(sso_enabled: bool, member: Member, acting_member_id: str | None) -> None:
    """Refuse to end awaiting where SSO is off, and to end one's own (R12).

    Whoever requires it of others keeps a way in, so no chain of these calls can lock everybody out.
    """
    if not sso_enabled:
        raise conflict("sso_not_enabled", "Members sign in by password while single sign-on is off. Enable it first.")
    if member.id == acting_member_id:
        raise conflict(
            "own_membership",
            "Another administrator can require single sign-on of you. Signing in through your identity provider once "
            "does the same.",
        )
