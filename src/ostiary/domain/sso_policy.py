"""What enabling and disabling SSO mean (R1–R18, R55–R57): decisions as values, applied by the services."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.domain.connection import Connection, ConnectionStatus
from ostiary.domain.domain_name import EmailDomain
from ostiary.domain.errors import conflict, forbidden
from ostiary.domain.membership import Role
from ostiary.domain.organization import Organization

# R10 and R11: whom enablement removes, and whom it keeps as awaiting their first SSO sign-in.
ROLES_REMOVED = frozenset({Role.MEMBER})
ROLES_KEPT = frozenset({Role.ADMINISTRATOR})

RECOVERY_CODE_COUNT = 10
# R56: so long without an SSO sign-in, and disabling points the member out.
DORMANT_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class AdministratorOutlook:
    """What enablement means for one administrator: kept by R11, but able to use SSO only from an allowed domain."""

    member_id: str
    email: str
    in_allowed_domain: bool


@dataclass(frozen=True, slots=True)
class EnablementEffects:
    """What enabling does, in counts; `administrators` names those who stay and whether their address can use SSO."""

    members_removed: int
    team_memberships_removed: int
    database_administrators_revoked: int
    invitations_revoked: int
    administrators_kept: int
    credentials_kept: int
    administrators: tuple[AdministratorOutlook, ...] = ()


@dataclass(frozen=True, slots=True)
class DisablementEffects:
    """What disabling does: who would get back in by password, and who has no account to do so with (R56, R57)."""

    directory_disabled: bool
    sessions_ended: int
    members_without_account: tuple[str, ...]
    dormant_member_ids: tuple[str, ...]


def ensure_entitled(organization: Organization) -> None:
    """Refuse without the entitlement (R2)."""
    if not organization.sso_entitled():
        raise forbidden(
            "sso_not_entitled",
            "Single sign-on is part of the enterprise plan and an add-on of scaler_pro. Ask us to add it.",
        )


def allowed_domains(
    connections: tuple[Connection, ...], domains: tuple[EmailDomain, ...], now: datetime
) -> frozenset[str]:
    """The e-mail domains people can sign in from: on an active, ready connection and admitting today (R3, R21)."""
    admitting = {domain.id: domain.name for domain in domains if domain.admits(now)}
    return frozenset(
        admitting[domain_id]
        for connection in connections
        if connection.carries_sso(now)
        for domain_id in connection.domain_ids
        if domain_id in admitting
    )


def ensure_ready(
    organization: Organization,
    connections: tuple[Connection, ...],
    domains: tuple[EmailDomain, ...],
    now: datetime,
    *,
    acknowledge_untested: bool,
) -> None:
    """Refuse to enable SSO nobody could sign in with (R2, R4)."""
    ensure_entitled(organization)
    if not any(domain.admits(now) for domain in domains):
        raise conflict("sso_not_ready", "Verify at least one e-mail domain first.")
    carrying = [connection for connection in connections if connection.carries_sso(now)]
    if not carrying:
        raise conflict(
            "sso_not_ready",
            "Activate a connection that has an issuer, an SSO URL and a currently valid certificate first.",
        )
    if not allowed_domains(connections, domains, now):
        raise conflict("sso_not_ready", "Put a verified domain on the active connection first.")
    if not acknowledge_untested and not any(connection.is_tested() for connection in carrying):
        raise conflict(
            "connection_untested",
            "Nobody has completed a test sign-in through this connection since it last changed. Run one, or send "
            "acknowledge_untested: true to go on without.",
        )


def sign_in_domains(connection: Connection, domains: tuple[EmailDomain, ...]) -> frozenset[str]:
    """The e-mail domains whose members a connection signs in: a lapsed domain shuts out new people alone (R3, R21)."""
    return frozenset(domain.name for domain in domains if domain.lets_members_in and domain.id in connection.domain_ids)


def sign_in_footing(
    connections: tuple[Connection, ...], domains: tuple[EmailDomain, ...], now: datetime
) -> frozenset[str]:
    """What signing in stands on at the moment: an active connection, with a domain, with a valid certificate (R4)."""
    active = [connection for connection in connections if connection.status is ConnectionStatus.ACTIVE]
    reached = [connection for connection in active if sign_in_domains(connection, domains)]
    return frozenset(
        name
        for name, stands in (
            ("active connection", active),
            ("verified domain on an active connection", reached),
            ("valid certificate", [connection for connection in active if connection.is_ready(now)]),
            ("connection people can sign in through", [item for item in reached if item.is_ready(now)]),
        )
        if stands
    )


def ensure_sso_stays_usable(organization: Organization, *, before: frozenset[str], after: frozenset[str]) -> None:
    """Refuse to remove what signing in stands on while SSO is on (R4); `before` and `after` are `sign_in_footing`.

    What was missing already may stay missing, so that a broken connection can be repaired step by step.
    """
    if organization.sso.enabled and (lost := sorted(before - after)):
        raise conflict(
            "sso_in_use",
            f"Single sign-on is on and this takes its last {lost[0]} away. Add another first, or disable single "
            "sign-on.",
        )
