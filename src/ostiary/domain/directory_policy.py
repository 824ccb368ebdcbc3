"""What Directory Sync means (R5, R40–R50, R55): decisions as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ostiary.domain.directory import Directory, OnDeactivate
from ostiary.domain.errors import conflict, forbidden
from ostiary.domain.membership import Member, Role
from ostiary.domain.organization import Organization
from ostiary.domain.sign_in_policy import ROLE_WORDS
from ostiary.domain.sso_policy import ensure_entitled


@dataclass(frozen=True, slots=True)
class DirectoryEnablementEffects:
    """What enabling Directory Sync does (R40): every team made by hand is cleared."""

    teams_cleared: int
    team_memberships_removed: int
    members_to_match: int


@dataclass(frozen=True, slots=True)
class UnmatchedEffects:
    """What removing the members whom the directory does not know does (R22).

    `administrator_kept` is the id of the one who stays, because nobody else could administer the organization (R61).
    """

    members_removed: int
    team_memberships_removed: int
    database_administrators_revoked: int
    sessions_ended: int
    credentials_kept: int
    administrator_kept: str | None


def administrator_to_keep(known: int, unknown: Sequence[str], caller: str | None) -> str | None:
    """Who stays though the directory does not know them: an administrator, where it knows no active one (R22, R61).

    That is who asks, if they are one of them, else who was a member longest.
    """
    if known or not unknown:
        return None
    return caller if caller in unknown else unknown[0]


def ensure_can_enable(organization: Organization) -> None:
    """Refuse Directory Sync without SSO, without the entitlement, or while the operator holds it back (R2, R5)."""
    ensure_entitled(organization)
    if organization.directory_held_back:
        raise forbidden(
            "directory_sync_not_entitled",
            "Directory Sync is not yet available to this organization. Ask support.",
        )
    if not organization.sso.enabled:
        raise conflict("sso_not_enabled", "Directory Sync needs single sign-on. Enable single sign-on first.")


def ensure_one_role_source(manage_roles_via_sso: bool, manage_roles_via_directory: bool) -> None:
    """Refuse two identity-provider sources for roles (R50)."""
    if manage_roles_via_sso and manage_roles_via_directory:
        raise conflict(
            "role_source_conflict",
            "Roles come either from the SSO profile or from the directory. Switch the other one off first.",
        )


def ensure_role_is_manual(organization: Organization, directory: Directory | None) -> None:
    """Refuse to set a role by hand while an identity provider sets roles (R40)."""
    via_directory = directory is not None and directory.enabled and directory.manage_roles
    if (organization.sso.enabled and organization.sso.manage_roles) or via_directory:
        raise conflict(
            "directory_managed",
            "Roles are managed by your identity provider. Change the person's role there, or switch that off.",
        )


class Transition(StrEnum):
    """What a directory user's `active` does to the membership."""

    JOIN = "join"
    REACTIVATE = "reactivate"
    DEPART = "depart"
    STAY = "stay"


def decide_transition(member: Member | None, *, active: bool) -> Transition:
    """Whether the person joins, comes back, leaves, or stays as they are (R41, R43)."""
    if member is None:
        return Transition.JOIN if active else Transition.STAY
    if member.is_active is active:
        return Transition.STAY
    return Transition.REACTIVATE if active else Transition.DEPART


class Departure(StrEnum):
    """What happens to the member of a person the directory takes away."""

    REMOVE = "remove"
    SUSPEND = "suspend"
    HOLD_BACK = "hold_back"
    SUSPEND_LAST_ADMINISTRATOR = "suspend_last_administrator"


def decide_departure(
    directory: Directory, member: Member, *, deleted: bool, other_active_administrators: int, is_tripped: bool = False
) -> Departure:
    """Remove or suspend a deactivated or deleted person (R43); the last administrator is only suspended (R61).

    Once the breaker has tripped nobody is removed: they are held back, until an administrator decides.
    """
    if member.role is Role.ADMINISTRATOR and other_active_administrators < 1:
        return Departure.SUSPEND_LAST_ADMINISTRATOR
    if is_tripped:
        return Departure.HOLD_BACK
    return Departure.REMOVE if is_removal(directory, deleted=deleted) else Departure.SUSPEND


def is_removal(directory: Directory, *, deleted: bool) -> bool:
    """Whether a departure costs the membership, the last administrator's aside (R43)."""
    return deleted or directory.on_deactivate is OnDeactivate.REMOVE


def role_from_directory(directory: Directory, present: Role, *, value: str | None, value_before: str | None) -> Role:
    """The role the directory gives at once (R46): by its word, `member` when a word is cleared, else the present one.

    A word never sent takes nothing away, and an unknown word changes nothing. Whether a demotion may happen is the
    caller's to ask (R61).
    """
    if not directory.manage_roles:
        return present
    if value:
        return ROLE_WORDS.get(value.strip().lower(), present)
    return Role.MEMBER if value_before else present
