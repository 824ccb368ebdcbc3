"""Setup links: somebody who is no member configures one thing that is not in use yet (R7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.connection import Connection
from ostiary.domain.directory import Directory
from ostiary.domain.domain_name import DomainStatus, EmailDomain
from ostiary.domain.errors import conflict, invalid, not_found
from ostiary.domain.membership import Member

MAX_LIFETIME = timedelta(days=7)
MIN_LIFETIME = timedelta(minutes=5)
MAX_SETUP_LINKS = 50


class SetupIntent(StrEnum):
    """What a link is for: a connection, the directory, or a domain."""

    SSO = "sso"
    DIRECTORY = "directory"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class SetupLink:
    """One link. `connection_id` or `domain_id` is what it names; None until the bearer has made it.

    The directory needs no naming: an organization has one. `created_by` is the member who made the link.
    """

    id: str
    organization_id: str
    intent: SetupIntent
    created_by: str
    created_by_email: str
    created_at: datetime
    expires_at: datetime
    connection_id: str | None = None
    domain_id: str | None = None
    last_used_at: datetime | None = None

    def is_alive(self, creator: Member | None, now: datetime) -> bool:
        """Whether it opens anything: before its end, and while its creator vouches for it."""
        return now < self.expires_at and self.is_vouched_for(creator)

    def is_vouched_for(self, creator: Member | None) -> bool:
        """Whether the creator is the administrator they were (R7).

        One who was demoted and made administrator again since is another one: the link stays dead.
        """
        return (
            creator is not None
            and creator.id == self.created_by
            and creator.is_active_administrator
            and creator.role_provenance.at <= self.created_at
        )


def checked_lifetime(seconds: int) -> timedelta:
    """How long a link may live; raises `invalid_lifetime`."""
    lifetime = timedelta(seconds=seconds)
    if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
        raise invalid(
            "invalid_lifetime",
            f"A setup link lives {int(MIN_LIFETIME.total_seconds())} to {int(MAX_LIFETIME.total_seconds())} seconds.",
            pointer="/expires_in",
        )
    return lifetime


def ensure_names_fit(intent: SetupIntent, connection_id: str | None, domain_id: str | None) -> None:
    """Refuse a name that is not of the intent's kind; raises `invalid_setup_link`."""
    for given, fitting, pointer in (
        (connection_id, SetupIntent.SSO, "/connection_id"),
        (domain_id, SetupIntent.DOMAIN, "/domain_id"),
    ):
        if given is not None and intent is not fitting:
            raise invalid(
                "invalid_setup_link",
                f"Only a link with the intent {fitting} names this. Leave it out.",
                pointer=pointer,
            )


def ensure_connection_is_draft(connection: Connection) -> None:
    """Refuse what people sign in through, or did; raises `connection_in_use` (409)."""
    if not connection.is_draft:
        raise conflict(
            "connection_in_use",
            "This connection has been activated, so a setup link changes nothing of it. Ask an administrator.",
        )


def ensure_domain_is_pending(domain: EmailDomain) -> None:
    """Refuse what has been proven; raises `domain_in_use` (409)."""
    if domain.status is not DomainStatus.PENDING:
        raise conflict(
            "domain_in_use", "This domain has been verified, so a setup link changes nothing of it. You are done."
        )


def ensure_directory_is_off(directory: Directory) -> None:
    """Refuse what is on; raises `directory_in_use` (409)."""
    if directory.enabled:
        raise conflict(
            "directory_in_use",
            "Directory Sync has been enabled, so a setup link changes nothing of it. Ask an administrator.",
        )


def ensure_sees_connection(link: SetupLink | None, connection_id: str) -> None:
    """A link's bearer sees the connection it names and no other: 404. Callers without a link pass."""
    if link is not None and link.connection_id != connection_id:
        raise not_found("connection")


def ensure_edits_connection(link: SetupLink | None, connection: Connection) -> None:
    """A link's bearer edits the connection it names, while it is a draft."""
    ensure_sees_connection(link, connection.id)
    if link is not None:
        ensure_connection_is_draft(connection)


def ensure_sees_domain(link: SetupLink | None, domain_id: str) -> None:
    """A link's bearer sees the domain it names and no other: 404. Callers without a link pass."""
    if link is not None and link.domain_id != domain_id:
        raise not_found("domain")


def ensure_proves_domain(link: SetupLink | None, domain: EmailDomain) -> None:
    """A link's bearer proves the domain it names, while it is pending."""
    ensure_sees_domain(link, domain.id)
    if link is not None:
        ensure_domain_is_pending(domain)


def ensure_edits_directory(link: SetupLink | None, directory: Directory) -> None:
    """A link's bearer edits the directory while it is off."""
    if link is not None:
        ensure_directory_is_off(directory)


def ensure_may_make(link: SetupLink | None) -> None:
    """A link's bearer makes the one thing it is for, once; raises `setup_link_names_another` (409)."""
    if link is not None and (link.connection_id or link.domain_id) is not None:
        raise conflict(
            "setup_link_names_another",
            "This setup link is for one that is there already: GET /v1/setup says which. Change that one.",
        )
