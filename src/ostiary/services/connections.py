"""SAML connections: from metadata or by hand, tested, activated, refreshed."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from ostiary.domain import ids
from ostiary.domain.access import Operation
from ostiary.domain.account import checked_name
from ostiary.domain.audit import JsonValue
from ostiary.domain.connection import (
    DEFAULT_CLOCK_SKEW,
    AttributeMapping,
    Connection,
    ConnectionStatus,
    IdentityProvider,
    NameIdFormat,
    Provider,
    ensure_can_activate,
    status_after_edit,
    warnings,
)
from ostiary.domain.errors import DomainError, Kind, conflict, invalid, not_found
from ostiary.domain.provider_setup import OurSide, ProviderSetup, setup_of
from ostiary.domain.setup_link import ensure_edits_connection, ensure_may_make, ensure_sees_connection
from ostiary.domain.sso_policy import ensure_entitled, ensure_sso_stays_usable, sign_in_footing
from ostiary.services.connection_sources import (
    IdpDescriber,
    IdpSource,
    ensure_safe_refresh,
    keeping_living_certificates,
)
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.sso import StoredSpKey
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.sp_keys import SpKeys

MAX_CONNECTIONS = 50


@dataclass(frozen=True, slots=True)
class ConnectionDraft:
    """What a new connection is made of."""

    name: str
    provider: Provider
    domain_ids: tuple[str, ...] = ()
    idp: IdpSource | None = None
    attribute_mapping: AttributeMapping = AttributeMapping()
    name_id_format: NameIdFormat | None = None
    allow_idp_initiated: bool = False
    sign_requests: bool = True
    want_assertions_encrypted: bool = False
    allow_sha1: bool = False
    allow_aes_cbc: bool = False
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """What changes of a connection; None stays as it is."""

    name: str | None = None
    domain_ids: tuple[str, ...] | None = None
    idp: IdpSource | None = None
    attribute_mapping: AttributeMapping | None = None
    name_id_format: NameIdFormat | None = None
    allow_idp_initiated: bool | None = None
    sign_requests: bool | None = None
    want_assertions_encrypted: bool | None = None
    allow_sha1: bool | None = None
    allow_aes_cbc: bool | None = None
    clock_skew: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection with our side of it, what to do at the identity provider, and what to look at here."""

    connection: Connection
    sp_certificate_pem: str
    setup: ProviderSetup
    warnings: tuple[str, ...]


class ConnectionService:
    """The connections of an organization."""

    def __init__(self, kit: Kit, keys: SpKeys, describer: IdpDescriber) -> None:
        self._kit = kit
        self._keys = keys
        self._describer = describer

    async def create(self, caller: Caller, reference: str, draft: ConnectionDraft) -> ConnectionView:
        """Make a connection, at once also without an identity provider (a draft); needs the entitlement (R2)."""
        name = checked_name(draft.name)
        await self._ensure_admitted(caller, reference, Operation.CREATE_CONNECTION)
        idp = await self._describer.describe(draft.idp) if draft.idp else None
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            # Exclusive, because the first connection makes the organization's key.
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            ensure_entitled(admitted.organization)
            ensure_may_make(admitted.link)
            organization_id = admitted.organization.id
            if len(await uow.connections.all(organization_id)) >= MAX_CONNECTIONS:
                raise conflict("too_many_connections", f"An organization has at most {MAX_CONNECTIONS} connections.")
            connection = Connection(
                id=self._kit.ids.new(ids.CONNECTION),
                organization_id=organization_id,
                name=name,
                provider=draft.provider,
                status=ConnectionStatus.DRAFT,
                created_at=now,
                idp=idp,
                metadata_url=draft.idp.metadata_url if draft.idp else None,
                metadata_refreshed_at=now if draft.idp and draft.idp.metadata_url else None,
                domain_ids=await self._usable_domains(uow, organization_id, draft.domain_ids),
                attribute_mapping=draft.attribute_mapping,
                name_id_format=draft.name_id_format,
                allow_idp_initiated=draft.allow_idp_initiated,
                sign_requests=draft.sign_requests,
                want_assertions_encrypted=draft.want_assertions_encrypted,
                allow_sha1=draft.allow_sha1,
                allow_aes_cbc=draft.allow_aes_cbc,
                clock_skew=draft.clock_skew,
                idp_changed_at=now if idp else None,
            )
            connection = replace(connection, status=status_after_edit(connection))
            await uow.connections.add(connection)
            if admitted.link is not None:
                await uow.setup_links.name(replace(admitted.link, connection_id=connection.id))
            key = await self._keys.ensure(uow, organization_id)
            await Journal.of(self._kit, uow, admitted).write(
                "connection.created", "connection", connection.id, after=_audited(connection)
            )
            await uow.commit()
        return self._view(connection, key.certificate_pem)

    async def get(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """One connection."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_CONNECTION)
            ensure_sees_connection(admitted.link, connection_id)
            connection = await self._existing(uow, admitted, connection_id)
            return self._view(connection, (await self._key(uow, admitted)).certificate_pem)

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[ConnectionView]:
        """The organization's connections."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_CONNECTIONS)
            found = await uow.connections.list(admitted.organization.id, page)
            if not found.items:
                return Page(())
            certificate = (await self._key(uow, admitted)).certificate_pem
            return Page(tuple(self._view(item, certificate) for item in found.items), found.next_cursor)

    async def update(
        self, caller: Caller, reference: str, connection_id: str, change: ConnectionChange
    ) -> ConnectionView:
        """Change a connection; raises `sso_in_use` where nobody could sign in afterwards (R4)."""
        await self._ensure_admitted(caller, reference, Operation.UPDATE_CONNECTION, connection_id)
        idp = await self._describer.describe(change.idp) if change.idp else None
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.UPDATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            before = await self._existing(uow, admitted, connection_id)
            ensure_edits_connection(admitted.link, before)
            await self._ensure_seen(uow, caller, admitted, before)
            after = await self._changed(uow, before, change, idp)
            return await self._store(uow, admitted, before, after, "connection.updated")

    async def refresh_metadata(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Read the metadata URL again and take over what it says.

        A new issuer or SSO host, or no certificate valid today, is refused: it would send people elsewhere or lock them
        out. Raises `metadata_change_not_applied` (409) naming what changed.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.REFRESH_CONNECTION_METADATA)
            asked = await self._existing(uow, admitted, connection_id)
            ensure_edits_connection(admitted.link, asked)
        if asked.metadata_url is None:
            raise conflict(
                "no_metadata_url",
                "This connection was described by hand. Give it a metadata URL, or change it by PATCH.",
            )
        described = await self._describer.describe(IdpSource(metadata_url=asked.metadata_url))
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REFRESH_CONNECTION_METADATA, lock=Lock.EXCLUSIVE
            )
            before = await self._existing(uow, admitted, connection_id)
            ensure_edits_connection(admitted.link, before)
            now = self._kit.clock.now()
            ensure_safe_refresh(before.idp, described, now)
            idp = described if before.idp is None else keeping_living_certificates(before.idp, described, now)
            after = replace(
                before,
                idp=idp,
                metadata_refreshed_at=now,
                idp_changed_at=before.idp_changed_at if idp.trusts_the_same_as(before.idp) else now,
            )
            return await self._store(uow, admitted, before, after, "connection.metadata_refreshed")

    async def activate(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Let people sign in through it; raises `connection_incomplete` naming what is missing."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.ACTIVATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            before = await self._existing(uow, admitted, connection_id)
            await self._ensure_seen(uow, caller, admitted, before)
            ensure_can_activate(before, self._kit.clock.now())
            after = replace(before, status=ConnectionStatus.ACTIVE)
            return await self._store(uow, admitted, before, after, "connection.activated")

    async def deactivate(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Switch it off; raises `sso_in_use` for the last one while SSO is on (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DEACTIVATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            before = await self._existing(uow, admitted, connection_id)
            await self._ensure_seen(uow, caller, admitted, before)
            after = replace(before, status=ConnectionStatus.INACTIVE)
            return await self._store(uow, admitted, before, after, "connection.deactivated")

    async def delete(self, caller: Caller, reference: str, connection_id: str) -> None:
        """Delete it with its identities and sessions; raises `sso_in_use` for the last one while SSO is on (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DELETE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            connection = await self._existing(uow, admitted, connection_id)
            await self._ensure_seen(uow, caller, admitted, connection)
            others = await self._others(uow, connection)
            await self._ensure_usable(uow, admitted, (*others, connection), others)
            await uow.connections.delete(connection.organization_id, connection.id)
            await Journal.of(self._kit, uow, admitted).write(
                "connection.deleted", "connection", connection.id, before=_audited(connection)
            )
            await uow.commit()

    def _view(self, connection: Connection, sp_certificate_pem: str) -> ConnectionView:
        urls, id_ = self._kit.urls, connection.id
        ours = OurSide(urls.sp_entity_id(id_), urls.acs(id_), urls.slo(id_), metadata_url=urls.sp_entity_id(id_))
        return ConnectionView(
            connection, sp_certificate_pem, setup_of(connection, ours), warnings(connection, self._kit.clock.now())
        )

    async def _ensure_admitted(
        self, caller: Caller, reference: str, operation: Operation, connection_id: str | None = None
    ) -> None:
        """Refuse strangers before anything is fetched for them."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, operation)
            if connection_id is not None:
                ensure_edits_connection(admitted.link, await self._existing(uow, admitted, connection_id))

    async def _existing(self, uow: UnitOfWork, admitted: Admitted, connection_id: str) -> Connection:
        connection = await uow.connections.get(admitted.organization.id, connection_id)
        if connection is None:
            raise not_found("connection")
        return connection

    async def _ensure_seen(self, uow: UnitOfWork, caller: Caller, admitted: Admitted, connection: Connection) -> None:
        if caller.seen is not None:
            caller.ensure_seen(self._view(connection, (await self._key(uow, admitted)).certificate_pem))

    async def _key(self, uow: UnitOfWork, admitted: Admitted) -> StoredSpKey:
        key = await uow.sp_keys.current(admitted.organization.id)
        if key is None:
            raise DomainError(
                Kind.UNAVAILABLE, "sp_key_missing", "The organization's signing key is missing. Tell support."
            )
        return key

    async def _others(self, uow: UnitOfWork, connection: Connection) -> tuple[Connection, ...]:
        found = await uow.connections.all(connection.organization_id)
        return tuple(other for other in found if other.id != connection.id)

    async def _ensure_usable(
        self, uow: UnitOfWork, admitted: Admitted, before: tuple[Connection, ...], after: tuple[Connection, ...]
    ) -> None:
        domains, now = await uow.domains.all(admitted.organization.id), self._kit.clock.now()
        ensure_sso_stays_usable(
            admitted.organization,
            before=sign_in_footing(before, domains, now),
            after=sign_in_footing(after, domains, now),
        )

    async def _store(
        self, uow: UnitOfWork, admitted: Admitted, before: Connection, after: Connection, action: str
    ) -> ConnectionView:
        if after != before:
            others = await self._others(uow, before)
            await self._ensure_usable(uow, admitted, (*others, before), (*others, after))
            await uow.connections.save(after)
            await Journal.of(self._kit, uow, admitted).write(
                action, "connection", after.id, before=_audited(before), after=_audited(after)
            )
        view = self._view(after, (await self._key(uow, admitted)).certificate_pem)
        await uow.commit()
        return view

    async def _changed(
        self, uow: UnitOfWork, before: Connection, change: ConnectionChange, idp: IdentityProvider | None
    ) -> Connection:
        now = self._kit.clock.now()
        after = replace(
            before,
            name=before.name if change.name is None else checked_name(change.name),
            domain_ids=before.domain_ids
            if change.domain_ids is None
            else await self._usable_domains(uow, before.organization_id, change.domain_ids, before.domain_ids),
            attribute_mapping=change.attribute_mapping or before.attribute_mapping,
            name_id_format=change.name_id_format or before.name_id_format,
            allow_idp_initiated=_either(change.allow_idp_initiated, before.allow_idp_initiated),
            sign_requests=_either(change.sign_requests, before.sign_requests),
            want_assertions_encrypted=_either(change.want_assertions_encrypted, before.want_assertions_encrypted),
            allow_sha1=_either(change.allow_sha1, before.allow_sha1),
            allow_aes_cbc=_either(change.allow_aes_cbc, before.allow_aes_cbc),
            clock_skew=before.clock_skew if change.clock_skew is None else change.clock_skew,
        )
        if idp is not None and change.idp is not None:
            after = replace(
                after,
                idp=idp,
                metadata_url=change.idp.metadata_url,
                metadata_refreshed_at=now if change.idp.metadata_url else None,
                idp_changed_at=before.idp_changed_at if idp.trusts_the_same_as(before.idp) else now,
            )
        return replace(after, status=status_after_edit(after))

    async def _usable_domains(
        self, uow: UnitOfWork, organization_id: str, domain_ids: tuple[str, ...], present: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """The ids, each a verified domain of this organization (R3); raises `domain_not_verified`.

        One that is on the connection already may stay though its record was lost.
        """
        now = self._kit.clock.now()
        known = {domain.id: domain for domain in await uow.domains.all(organization_id)}
        for index, domain_id in enumerate(domain_ids):
            domain = known.get(domain_id)
            if domain is None:
                raise invalid("unknown_domain", "There is no such domain here.", pointer=f"/domain_ids/{index}")
            if domain_id not in present and not domain.admits(now):
                raise conflict("domain_not_verified", f"Verify {domain.name} before you put it on a connection.")
        return tuple(dict.fromkeys(domain_ids))


def _either(wanted: bool | None, present: bool) -> bool:
    return present if wanted is None else wanted


def _audited(connection: Connection) -> dict[str, JsonValue]:
    idp = connection.idp
    return {
        "name": connection.name,
        "provider": connection.provider,
        "status": connection.status,
        "idp_entity_id": idp.entity_id if idp else None,
        "idp_sso_url": idp.sso_url if idp else None,
        "idp_certificates": [item.fingerprint_sha256 for item in idp.certificates] if idp else [],
        "idp_slo_url": idp.slo_url if idp else None,
        "metadata_url": connection.metadata_url,
        "domain_ids": connection.domain_ids,
        "attribute_mapping": {
            name: value for name, value in asdict(connection.attribute_mapping).items() if value is not None
        },
        "name_id_format": connection.name_id_format,
        "allow_idp_initiated": connection.allow_idp_initiated,
        "sign_requests": connection.sign_requests,
        "want_assertions_encrypted": connection.want_assertions_encrypted,
        "allow_sha1": connection.allow_sha1,
        "allow_aes_cbc": connection.allow_aes_cbc,
        "clock_skew_seconds": int(connection.clock_skew.total_seconds()),
    }
