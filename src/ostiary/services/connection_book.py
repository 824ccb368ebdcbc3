"""Connections as every service on them reads, checks, shows and stores them."""

from dataclasses import asdict, dataclass

from ostiary.domain.audit import JsonValue
from ostiary.domain.connection import Connection
from ostiary.domain.connection_warnings import warnings
from ostiary.domain.errors import not_found
from ostiary.domain.idp_metadata import MetadataChange, StagedMetadata, changes_to_confirm
from ostiary.domain.operation import Operation
from ostiary.domain.provider_setup import OurSide, ProviderSetup, setup_of
from ostiary.domain.setup_link import ensure_edits_connection
from ostiary.domain.sso_policy import ensure_sso_stays_usable, sign_in_footing
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.key_ring import KeyRing, keys_of, ring_of
from ostiary.services.ports.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class StagedView:
    """Metadata that waits for an administrator, where it is read, and what it would change."""

    staged: StagedMetadata
    metadata_url: str | None
    changes: tuple[MetadataChange, ...]


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection with our side of it, what waits for an answer, what to do there, and what to look at here."""

    connection: Connection
    sp_certificate_pem: str
    next_sp_certificate_pem: str | None
    setup: ProviderSetup
    staged: StagedView | None
    warnings: tuple[str, ...]


class ConnectionBook:
    """Reads, checks and stores the connections of an organization, inside its user's transaction."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def ensure_admitted(
        self, caller: Caller, reference: str, operation: Operation, connection_id: str | None = None
    ) -> None:
        """Refuse strangers before anything is fetched for them."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, operation)
            if connection_id is not None:
                await self.editable(uow, admitted, connection_id)

    async def existing(self, uow: UnitOfWork, admitted: Admitted, connection_id: str) -> Connection:
        """The connection; raises `connection_not_found`."""
        connection = await uow.connections.get(admitted.organization.id, connection_id)
        if connection is None:
            raise not_found("connection")
        return connection

    async def editable(self, uow: UnitOfWork, admitted: Admitted, connection_id: str) -> Connection:
        """The connection, if the caller may change it: a setup link's bearer only the one it names (R7)."""
        connection = await self.existing(uow, admitted, connection_id)
        ensure_edits_connection(admitted.link, connection)
        return connection

    async def staged(self, uow: UnitOfWork, connection: Connection) -> StagedView | None:
        """What waits for an administrator; None too where nothing of it differs from the connection any more."""
        found = await uow.staged_metadata.get(connection.organization_id, connection.id)
        return self._waiting(connection, found)

    async def view(self, uow: UnitOfWork, connection: Connection) -> ConnectionView:
        """The connection as its administrators see it."""
        return self._view(connection, await keys_of(uow, connection), await self.staged(uow, connection))

    async def views(
        self, uow: UnitOfWork, organization_id: str, connections: tuple[Connection, ...]
    ) -> tuple[ConnectionView, ...]:
        """The same of many, in two statements."""
        if not connections:
            return ()
        keys = await uow.sp_keys.all(organization_id)
        staged = await uow.staged_metadata.all(organization_id)
        return tuple(
            self._view(item, ring_of(item, keys), self._waiting(item, staged.get(item.id))) for item in connections
        )

    async def ensure_seen(self, uow: UnitOfWork, caller: Caller, connection: Connection) -> None:
        """Refuse to change what is no longer what the caller saw; raises `version_mismatch`."""
        if caller.seen is not None:
            caller.ensure_seen(await self.view(uow, connection))

    async def others(self, uow: UnitOfWork, connection: Connection) -> tuple[Connection, ...]:
        """The organization's other connections."""
        found = await uow.connections.all(connection.organization_id)
        return tuple(other for other in found if other.id != connection.id)

    async def ensure_usable(
        self, uow: UnitOfWork, admitted: Admitted, before: tuple[Connection, ...], after: tuple[Connection, ...]
    ) -> None:
        """Refuse to take away what signing in stands on while SSO is on (R4); raises `sso_in_use`."""
        domains, now = await uow.domains.all(admitted.organization.id), self._kit.clock.now()
        ensure_sso_stays_usable(
            admitted.organization,
            before=sign_in_footing(before, domains, now),
            after=sign_in_footing(after, domains, now),
        )

    async def store(
        self, uow: UnitOfWork, admitted: Admitted, before: Connection, after: Connection, action: str
    ) -> ConnectionView:
        """Store a changed connection with its audit event, and commit; raises `sso_in_use` (R4)."""
        if after != before:
            others = await self.others(uow, before)
            await self.ensure_usable(uow, admitted, (*others, before), (*others, after))
            await uow.connections.save(after)
            await Journal.of(self._kit, uow, admitted).write(
                action, "connection", after.id, before=audited(before), after=audited(after)
            )
        view = await self.view(uow, after)
        await uow.commit()
        return view

    def _waiting(self, connection: Connection, found: StagedMetadata | None) -> StagedView | None:
        if found is None or found.discarded_at is not None:
            return None
        changes = changes_to_confirm(connection.idp, found.idp, self._kit.clock.now())
        return StagedView(found, connection.metadata_url, changes) if changes else None

    def _view(self, connection: Connection, keys: KeyRing, staged: StagedView | None) -> ConnectionView:
        urls, id_ = self._kit.urls, connection.id
        ours = OurSide(urls.sp_entity_id(id_), urls.acs(id_), urls.slo(id_), metadata_url=urls.sp_entity_id(id_))
        return ConnectionView(
            connection,
            keys.signing.certificate_pem,
            keys.next.certificate_pem if keys.next else None,
            setup_of(connection, ours),
            staged,
            warnings(connection, staged.changes if staged else (), self._kit.clock.now()),
        )


def audited(connection: Connection) -> dict[str, JsonValue]:
    """What the audit keeps of a connection: never a key."""
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
