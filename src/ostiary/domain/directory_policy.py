"""What Directory Sync means (R5, R40–R50, R55): decisions as values."""

from dataclasses import dataclass
from enum import StrEnum

from ostiary.domain.directory import Directory, OnDeactivate
from ostiary.domain.errors import conflict, forbidden
from ostiary.domain.membership import Member, MemberStatus, Role
from ostiary.domain.organization import Organization
from ostiary.domain.sign_in_policy import ROLE_WORDS
from ostiary.domain.sso_policy import ensure_entitled


@dataclass(frozen=True, slots=True)
class DirectoryEnablementEffects:
    """What enabling Directory Sync does (R40): every team made by hand is cleared."""

    teams_cleared: int
    team_memberships_removed: int
    members_to_match: int


def ensure_can_enable(organization: Organization) -> None:
    """Refuse Directory Sync without SSO, without the entitlement, or while the operator holds it back (R2, R5)."""
    ensure_entitled(organization)
    if organization.directory_held_back:
        raise forbidden(
            "directory_sync_not_entitled",
            "Directory Sync is not yet available to this organization. Ask support for it.",
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
            "Roles are managed by your identity provider. Change the person's role there, or switch role management off.",
        )


class Departure(StrEnum):
    """What happens to the member of a person the directory takes away."""

    REMOVE = "remove"
    SUSPEND = "suspend"


def decide_departure(
    directory: Directory, member: Member, *, deleted: bool, other_active_administrators: int
) -> Departure:
    """Remove or suspend a deactivated or deleted person (R43); the last administrator is only suspended (R61)."""
    if member.role is Role.ADMINISTRATOR and other_active_administrators < 1:
        return Departure.SUSPEND
    if deleted or directory.on_deactivate is OnDeactivate.REMOVE:
        return Departure.REMOVE
    return Departure.SUSPEND


def role_from_directory(
    directory: Directory, role_value: str | None, member: Member, *, other_active_administrators: int
) -> Role | None:
    """The role the directory sets at once (R46), or None where it stays; the last administrator keeps it (R61)."""
    if not directory.manage_roles:
        return None
    wanted = Role.MEMBER if not role_value else ROLE_WORDS.get(role_value.strip().lower())
    if wanted is None or wanted is member.role:
        return None
    demotes = member.role is Role.ADMINISTRATOR and member.status is MemberStatus.ACTIVE
    if demotes and wanted is Role.MEMBER and other_active_administrators < 1:
        return None
    return wanted
