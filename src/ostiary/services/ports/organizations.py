"""Repositories of organizations, members and audit events."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from ostiary.domain.audit import AuditEvent
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Role
from ostiary.domain.organization import AddOn, Organization, Plan, SsoSettings
from ostiary.services.paging import Page, PageRequest


class Lock(StrEnum):
    """How a unit of work holds the organization against others.

    shared: memberships may change beside each other; exclusive: what changes the rules for all of them (SSO and
    directory on or off, the last administrator).
    """

    NONE = "none"
    SHARED = "shared"
    EXCLUSIVE = "exclusive"


@dataclass(frozen=True, slots=True)
class Entrance:
    """An organization and what the account asking is in it (`member` None: a stranger)."""

    organization: Organization
    member: Member | None

    @property
    def may_restore(self) -> bool:
        """Whether the account may have a deleted organization back."""
        return self.member is not None and self.member.is_active_administrator


@dataclass(frozen=True, slots=True)
class OrganizationFilter:
    """Which organizations the operator looks for; None leaves a condition out.

    `q` is found in name or slug; the whole id is found too.
    """

    q: str | None = None
    plan: Plan | None = None
    sso_enabled: bool | None = None
    deleted: bool | None = None


class OrganizationRepository(Protocol):
    """Organizations by id or slug."""

    async def add(self, organization: Organization) -> None:
        """Store a new organization; raises `slug_taken`."""
        ...

    async def get(self, reference: str, lock: Lock = Lock.NONE, *, deleted: bool = False) -> Organization | None:
        """The organization by id or slug, if it is not deleted; with `deleted`, if it is."""
        ...

    async def enter(
        self, reference: str, account_id: str, lock: Lock = Lock.NONE, *, deleted: bool = False
    ) -> Entrance | None:
        """As `get`, with the account's membership in it, after the lock was had."""
        ...

    async def of_account(self, account_id: str) -> tuple[Entrance, ...]:
        """The organizations the account is a member of, deleted ones too, by name."""
        ...

    async def rename(self, organization_id: str, *, name: str, slug: str) -> None:
        """Change name and slug; raises `slug_taken`."""
        ...

    async def set_deleted(self, organization_id: str, at: datetime | None) -> None:
        """Delete it, or with None give it back."""
        ...

    async def set_entitlements(
        self, organization_id: str, plan: Plan, add_ons: frozenset[AddOn], directory_held_back: bool
    ) -> None:
        """Set what the organization may use (R2)."""
        ...

    async def set_sso(self, organization_id: str, sso: SsoSettings) -> None:
        """Replace the SSO settings."""
        ...

    async def list_all(self, matching: OrganizationFilter, page: PageRequest) -> Page[Organization]:
        """Organizations of everybody, oldest first: the operator's view."""
        ...


@dataclass(frozen=True, slots=True)
class MemberDetails:
    """A member with what the API shows beside it: teams and databases by id and name."""

    member: Member
    teams: tuple[tuple[str, str], ...]
    database_administrator_of: tuple[tuple[str, str], ...]
    administers_all_databases: bool = False


class MemberOrder(StrEnum):
    """By what members are sorted, from the smallest on, or with a minus from the largest; equal ones by age."""

    JOINED_AT = "joined_at"
    NEWEST = "-joined_at"
    NAME = "name"
    NAME_DOWN = "-name"
    EMAIL = "email"
    EMAIL_DOWN = "-email"
    LAST_SIGNED_IN_AT = "last_signed_in_at"
    LAST_SIGNED_IN_AT_DOWN = "-last_signed_in_at"


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which members to list, in which order; None leaves a condition out. `q` is found in name or e-mail."""

    role: Role | None = None
    status: MemberStatus | None = None
    managed_by: ManagedBy | None = None
    team_id: str | None = None
    q: str | None = None
    unmatched: bool = False
    order: MemberOrder = MemberOrder.JOINED_AT


class MemberRepository(Protocol):
    """Members of one organization."""

    async def add(self, member: Member) -> None:
        """Store a new member; raises `already_member`."""
        ...

    async def add_each(self, added: Sequence[Member]) -> None:
        """Store many new members; raises `already_member`."""
        ...

    async def get(self, organization_id: str, member_id: str, *, lock: bool = False) -> Member | None:
        """The member, its row locked if asked."""
        ...

    async def by_account(self, organization_id: str, account_id: str, *, lock: bool = False) -> Member | None:
        """The account's membership, its row locked if asked."""
        ...

    async def rename_manual(self, account_id: str, name: str) -> None:
        """Rename the account's memberships that are kept by hand, over all organizations: the person is one."""
        ...

    async def readdress_manual(self, account_id: str, email: str) -> None:
        """Change the address of the account's memberships that are kept by hand, over all organizations."""
        ...

    async def without_account(self, organization_id: str, email: str) -> Member | None:
        """The member of a checked address who never signed in, its row locked."""
        ...

    async def save(self, member: Member) -> None:
        """Store every changeable field of a member read before."""
        ...

    async def remove(self, organization_id: str, member_id: str) -> None:
        """Delete the membership, and with it its teams and database roles (R13, R14)."""
        ...

    async def count_active_administrators(self, organization_id: str, *, excluding: str | None = None) -> int:
        """How many administrators could act, without the one named (R61)."""
        ...

    async def administrator_emails(self, organization_id: str) -> tuple[str, ...]:
        """The addresses of the administrators who could act, for what all of them are told."""
        ...

    async def details(self, organization_id: str, member_id: str) -> MemberDetails | None:
        """The member as the API shows it."""
        ...

    async def list(self, organization_id: str, matching: MemberFilter, page: PageRequest) -> Page[MemberDetails]:
        """Members as the API shows them, oldest first."""
        ...

    async def is_database_administrator(self, organization_id: str, member_id: str, database_id: str) -> bool:
        """Whether the member administers the database."""
        ...


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which audit events to list; None leaves a condition out. `since` is inclusive, `until` exclusive."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# Whoever is told the ids of webhooks.
Tell: TypeAlias = Callable[[Sequence[str]], Awaitable[None]]


class AuditRepository(Protocol):
    """Audit events of one organization; they join the transaction they describe (R60)."""

    async def record(self, event: AuditEvent, tell: Tell) -> None:
        """Store an event, and a delivery of it for each webhook that subscribed to it.

        `tell` is given those webhooks' ids if there are any, before the commit.
        """
        ...

    async def record_all(self, events: Sequence[AuditEvent]) -> Sequence[str]:
        """Store many events of one action, as `record` does; answers the ids of the webhooks that subscribed to it."""
        ...

    async def list(self, organization_id: str, matching: AuditFilter, page: PageRequest) -> Page[AuditEvent]:
        """Events, newest first."""
        ...


class SessionReaper(Protocol):
    """Ends what a person's access to one organization hangs on."""

    async def end_access(self, organization_id: str, account_id: str) -> Mapping[str, int]:
        """End the account's sessions and one-time codes of this organization (R17, R43); answers how many of each."""
        ...

    async def end_all_access(self, organization_id: str) -> Mapping[str, int]:
        """End everybody's sessions, sign-ins and links of this organization; answers how many sessions."""
        ...
