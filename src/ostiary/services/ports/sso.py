"""Repositories of SSO: domains, connections, our keys, and what enabling and disabling do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.connection import Connection
from ostiary.domain.domain_name import EmailDomain
from ostiary.domain.idp_metadata import StagedMetadata
from ostiary.domain.membership import Role
from ostiary.domain.organization import Organization
from ostiary.domain.sso_policy import DisablementEffects, EnablementEffects
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.sign_in import Flow, Trace


class DomainRepository(Protocol):
    """E-mail domains of one organization."""

    async def add(self, domain: EmailDomain) -> None:
        """Store a new domain; raises `domain_exists`."""
        ...

    async def get(self, organization_id: str, domain_id: str, *, lock: bool = False) -> EmailDomain | None:
        """The domain, its row locked if asked."""
        ...

    async def all(self, organization_id: str) -> tuple[EmailDomain, ...]:
        """Every domain of the organization."""
        ...

    async def at_entry(self, organization_id: str) -> tuple[tuple[EmailDomain, ...], bool]:
        """Every domain of the organization, and whether its directory is enabled."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[EmailDomain]:
        """Domains, oldest first."""
        ...

    async def save(self, domain: EmailDomain) -> None:
        """Store the changed state of a domain."""
        ...

    async def delete(self, organization_id: str, domain_id: str) -> None:
        """Delete it, and take it off every connection."""
        ...

    async def is_admitted_elsewhere(self, organization_id: str, name: str, now: datetime) -> bool:
        """Whether another organization has verified the name (R3). Looks over all of them; hold the name first."""
        ...

    async def hold_name(self, organization_id: str, name: str) -> None:
        """Keep other organizations from proving the name, or support from vouching, until this transaction ends."""
        ...

    async def claim_due(self, now: datetime, until: datetime, *, limit: int) -> tuple[EmailDomain, ...]:
        """Domains of all organizations whose record is to be looked for; nobody else is given them `until` then."""
        ...


@dataclass(frozen=True, slots=True)
class DiscoveredConnection:
    """An organization that signs the people of a domain in."""

    organization_id: str
    slug: str
    name: str
    connection_id: str


class ConnectionRepository(Protocol):
    """SAML connections of one organization."""

    async def add(self, connection: Connection) -> None:
        """Store a new connection."""
        ...

    async def get(self, organization_id: str, connection_id: str, *, lock: bool = False) -> Connection | None:
        """The connection, its row locked if asked."""
        ...

    async def whosever(self, connection_id: str) -> Connection | None:
        """The connection of any living organization: browsers and identity providers name the connection alone."""
        ...

    async def arriving(self, connection_id: str, relay_state_hash: bytes | None) -> "Arriving | None":
        """As `whosever`, with what else an answer is looked at with."""
        ...

    async def enter(
        self, organization_id: str, connection_id: str, lock: Lock
    ) -> tuple[Organization, Connection] | None:
        """The connection with its organization, if that is not deleted, as both are under the organization's lock."""
        ...

    async def all(self, organization_id: str) -> tuple[Connection, ...]:
        """Every connection of the organization."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[Connection]:
        """Connections, oldest first."""
        ...

    async def save(self, connection: Connection) -> None:
        """Store every changeable field of a connection read before."""
        ...

    async def delete(self, organization_id: str, connection_id: str) -> None:
        """Delete it, and its identities and sessions with it."""
        ...

    async def claim_metadata(self, now: datetime, until: datetime, *, limit: int) -> tuple[Connection, ...]:
        """Connections of all living organizations whose metadata is due; nobody else is given them `until` then."""
        ...

    async def claim_expiring(self, now: datetime, until: datetime, *, limit: int) -> tuple[Connection, ...]:
        """Active connections of all living organizations of whose certificates' end is to be told, in the same way."""
        ...

    async def mark_tested(self, organization_id: str, connection_id: str, at: datetime) -> None:
        """Remember a passed test sign-in (R4)."""
        ...

    async def discover(self, domain: str, now: datetime) -> tuple[DiscoveredConnection, ...]:
        """The SSO-enabled organizations that verified the domain and sign it in, over all organizations (R26)."""
        ...


class StagedMetadataRepository(Protocol):
    """Metadata that waits for an administrator, at most one document a connection."""

    async def put(self, staged: StagedMetadata) -> None:
        """Store it, in place of what waited before."""
        ...

    async def get(self, organization_id: str, connection_id: str) -> StagedMetadata | None:
        """What waits, or was discarded."""
        ...

    async def all(self, organization_id: str) -> Mapping[str, StagedMetadata]:
        """The same of all the organization's connections, by their ids."""
        ...

    async def delete(self, organization_id: str, connection_id: str) -> None:
        """Forget it."""
        ...


@dataclass(frozen=True, slots=True)
class StoredSpKey:
    """A key of ours for one organization: certificate in clear, private key sealed."""

    id: str
    organization_id: str
    certificate_pem: str
    sealed_private_key: bytes
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arriving:
    """What an answer is looked at with: whose connection it came to, all keys of ours there, newest first; the flow of
    that organization which its relay state names; and the flow's trace, if it was begun for this connection.
    """

    organization: Organization
    connection: Connection
    keys: tuple[StoredSpKey, ...]
    flow: Flow | None
    trace: Trace | None


class SpKeyRepository(Protocol):
    """Our SAML keys, per organization."""

    async def add(self, key: StoredSpKey) -> None:
        """Store a new key."""
        ...

    async def all(self, organization_id: str) -> tuple[StoredSpKey, ...]:
        """The organization's keys, newest first, those retired among them."""
        ...

    async def retire_unused(self, organization_id: str, at: datetime) -> None:
        """Mark the keys no connection signs with or is to sign with."""
        ...


class SsoRepository(Protocol):
    """Set-based statements of enabling and disabling SSO."""

    async def enablement_effects(
        self, organization_id: str, removed_roles: frozenset[Role], allowed_domains: frozenset[str], now: datetime
    ) -> EnablementEffects:
        """What enabling would do now; under the exclusive lock this is what it does (R6)."""
        ...

    async def apply_enablement(self, organization_id: str, removed_roles: frozenset[Role], now: datetime) -> None:
        """Remove the members of those roles, mark the others as awaiting, revoke invitations (R10–R17)."""
        ...

    async def disablement_effects(
        self, organization_id: str, now: datetime, keep_session: str | None
    ) -> DisablementEffects:
        """What disabling would do now (R56, R57)."""
        ...

    async def apply_disablement(
        self, organization_id: str, keep_session: str | None, suspend_member_ids: Sequence[str]
    ) -> None:
        """End SSO sessions, remove members without an account, suspend those named (R56, R57)."""
        ...


class RecoveryLinkRepository(Protocol):
    """Links support had mailed to administrators, at most one for each (R62)."""

    async def put(
        self, organization_id: str, member_id: str, secret_hash: bytes, at: datetime, expires_at: datetime
    ) -> None:
        """Store the member's link, in place of an older one."""
        ...

    async def find(self, secret_hash: bytes, now: datetime) -> tuple[str, str] | None:
        """The organization and the member of a living link: the secret says whose it is."""
        ...

    async def consume(self, organization_id: str, member_id: str, secret_hash: bytes, now: datetime) -> bool:
        """Use the link up; False when there is none any more."""
        ...


class RecoveryCodeRepository(Protocol):
    """Recovery codes of one organization (R62)."""

    async def replace(self, organization_id: str, secret_hashes: Sequence[bytes], at: datetime) -> None:
        """Void every code and store these."""
        ...

    async def consume(self, organization_id: str, secret_hash: bytes, at: datetime) -> bool:
        """Use an unused code up; False when there is none."""
        ...
