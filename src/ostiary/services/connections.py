"""SAML connections: from metadata or by hand, changed, activated, deleted."""

from dataclasses import dataclass, replace
from datetime import timedelta

from ostiary.domain import ids
from ostiary.domain.account import checked_name
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
)
from ostiary.domain.errors import conflict, invalid
from ostiary.domain.idp_metadata import described
from ostiary.domain.operation import Operation
from ostiary.domain.setup_link import ensure_may_make, ensure_sees_connection
from ostiary.domain.sso_policy import ensure_entitled
from ostiary.services.connection_book import ConnectionBook, ConnectionView, audited
from ostiary.services.connection_sources import IdpDescriber, IdpSource
from ostiary.services.context import Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
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


class ConnectionService:
    """The connections of an organization."""

    def __init__(self, kit: Kit, keys: SpKeys, describer: IdpDescriber) -> None:
        self._kit = kit
        self._book = ConnectionBook(kit)
        self._keys = keys
        self._describer = describer

    async def create(self, caller: Caller, reference: str, draft: ConnectionDraft) -> ConnectionView:
        """Make a connection, at once also without an identity provider (a draft); needs the entitlement (R2)."""
        name = checked_name(draft.name)
        await self._book.ensure_admitted(caller, reference, Operation.CREATE_CONNECTION)
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
                domain_ids=await self._usable_domains(uow, organization_id, draft.domain_ids),
                attribute_mapping=draft.attribute_mapping,
                name_id_format=draft.name_id_format,
                allow_idp_initiated=draft.allow_idp_initiated,
                sign_requests=draft.sign_requests,
                want_assertions_encrypted=draft.want_assertions_encrypted,
                allow_sha1=draft.allow_sha1,
                allow_aes_cbc=draft.allow_aes_cbc,
                clock_skew=draft.clock_skew,
            )
            if idp is not None and draft.idp is not None:
                connection = described(connection, idp, draft.idp.metadata_url, now)
            key = await self._keys.ensure(uow, organization_id)
            connection = replace(connection, status=status_after_edit(connection), sp_key_id=key.id)
            await uow.connections.add(connection)
            if admitted.link is not None:
                await uow.setup_links.name(replace(admitted.link, connection_id=connection.id))
            await Journal.of(self._kit, uow, admitted).write(
                "connection.created", "connection", connection.id, after=audited(connection)
            )
            view = await self._book.view(uow, connection)
            await uow.commit()
        return view

    async def get(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """One connection."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_CONNECTION)
            ensure_sees_connection(admitted.link, connection_id)
            return await self._book.view(uow, await self._book.existing(uow, admitted, connection_id))

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[ConnectionView]:
        """The organization's connections."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_CONNECTIONS)
            found = await uow.connections.list(admitted.organization.id, page)
            return Page(await self._book.views(uow, admitted.organization.id, found.items), found.next_cursor)

    async def update(
        self, caller: Caller, reference: str, connection_id: str, change: ConnectionChange
    ) -> ConnectionView:
        """Change a connection; raises `sso_in_use` where nobody could sign in afterwards (R4)."""
        await self._book.ensure_admitted(caller, reference, Operation.UPDATE_CONNECTION, connection_id)
        idp = await self._describer.describe(change.idp) if change.idp else None
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.UPDATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            before = await self._book.editable(uow, admitted, connection_id)
            await self._book.ensure_seen(uow, caller, before)
            after = await self._changed(uow, before, change, idp)
            if change.idp is not None:
                await uow.staged_metadata.delete(before.organization_id, before.id)
            return await self._book.store(uow, admitted, before, after, "connection.updated")

    async def activate(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Let people sign in through it; raises `connection_incomplete` naming what is missing."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.ACTIVATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            before = await self._book.existing(uow, admitted, connection_id)
            await self._book.ensure_seen(uow, caller, before)
            ensure_can_activate(before, self._kit.clock.now())
            after = replace(before, status=ConnectionStatus.ACTIVE)
            return await self._book.store(uow, admitted, before, after, "connection.activated")

    async def deactivate(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Switch it off; raises `sso_in_use` for the last one while SSO is on (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DEACTIVATE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            before = await self._book.existing(uow, admitted, connection_id)
            await self._book.ensure_seen(uow, caller, before)
            after = replace(before, status=ConnectionStatus.INACTIVE)
            return await self._book.store(uow, admitted, before, after, "connection.deactivated")

    async def delete(self, caller: Caller, reference: str, connection_id: str) -> None:
        """Delete it with its identities and sessions; raises `sso_in_use` for the last one while SSO is on (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DELETE_CONNECTION, lock=Lock.EXCLUSIVE
            )
            connection = await self._book.existing(uow, admitted, connection_id)
            await self._book.ensure_seen(uow, caller, connection)
            others = await self._book.others(uow, connection)
            await self._book.ensure_usable(uow, admitted, (*others, connection), others)
            await uow.connections.delete(connection.organization_id, connection.id)
            await Journal.of(self._kit, uow, admitted).write(
                "connection.deleted", "connection", connection.id, before=audited(connection)
            )
            await uow.commit()

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
            after = described(after, idp, change.idp.metadata_url, now)
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
