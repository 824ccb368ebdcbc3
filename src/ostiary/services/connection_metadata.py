"""Reading an identity provider's metadata again, and what of it waits for an administrator."""

from dataclasses import replace

from ostiary.domain.audit import JsonValue
from ostiary.domain.connection import Connection, IdentityProvider
from ostiary.domain.errors import conflict, not_found
from ostiary.domain.idp_metadata import (
    MetadataChange,
    StagedMetadata,
    changes_to_confirm,
    read_again,
    with_identity_provider,
)
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.domain.setup_link import ensure_sees_connection
from ostiary.services import mails
from ostiary.services.connection_book import ConnectionBook, ConnectionView, StagedView
from ostiary.services.connection_sources import IdpDescriber, IdpSource
from ostiary.services.context import Caller, Journal, Kit, admit
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


class ConnectionMetadataService:
    """What an administrator does about metadata."""

    def __init__(self, kit: Kit, describer: IdpDescriber) -> None:
        self._kit = kit
        self._book = ConnectionBook(kit)
        self._describer = describer

    async def refresh(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Read the metadata URL again and take over what it says.

        What would send people elsewhere or lock them out is staged: the view says what it changes. Raises
        `no_metadata_url`, `connection_changed`, `metadata_not_accessible` and `invalid_metadata`.
        """
        operation = Operation.REFRESH_CONNECTION_METADATA
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, operation)
            asked = await self._book.editable(uow, admitted, connection_id)
        if asked.metadata_url is None:
            raise conflict(
                "no_metadata_url",
                "This connection was described by hand. Give it a metadata URL, or change it by PATCH.",
            )
        described = await self._describer.describe(IdpSource(metadata_url=asked.metadata_url))
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, operation, lock=Lock.EXCLUSIVE)
            before = await self._book.editable(uow, admitted, connection_id)
            if before.metadata_url != asked.metadata_url:
                raise conflict(
                    "connection_changed",
                    "The metadata URL was changed while the old one was read. Nothing was taken over: refresh again.",
                )
            after = read_again(before, described, self._kit.clock.now())
            await stage(self._kit, uow, Journal.of(self._kit, uow, admitted), admitted.organization, after, described)
            return await self._book.store(uow, admitted, before, after, "connection.metadata_refreshed")

    async def staged(self, caller: Caller, reference: str, connection_id: str) -> StagedView:
        """What waits for an administrator; raises `staged_metadata_not_found` where nothing does."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_STAGED_METADATA)
            ensure_sees_connection(admitted.link, connection_id)
            return await self._existing(uow, await self._book.existing(uow, admitted, connection_id))

    async def apply(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Take the staged metadata over as it is; raises `sso_in_use` where nobody could sign in afterwards (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.APPLY_STAGED_METADATA, lock=Lock.EXCLUSIVE
            )
            before = await self._book.editable(uow, admitted, connection_id)
            waiting = await self._existing(uow, before)
            caller.ensure_seen(waiting)
            await uow.staged_metadata.delete(before.organization_id, before.id)
            after = with_identity_provider(before, waiting.staged.idp, self._kit.clock.now())
            return await self._book.store(uow, admitted, before, after, "connection.metadata_applied")

    async def discard(self, caller: Caller, reference: str, connection_id: str) -> ConnectionView:
        """Leave the connection as it is; the same document is not reported again."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DISCARD_STAGED_METADATA, lock=Lock.EXCLUSIVE
            )
            connection = await self._book.editable(uow, admitted, connection_id)
            waiting = await self._existing(uow, connection)
            caller.ensure_seen(waiting)
            await uow.staged_metadata.put(replace(waiting.staged, discarded_at=self._kit.clock.now()))
            await Journal.of(self._kit, uow, admitted).write(
                "connection.metadata_discarded", "connection", connection.id, before=_told(waiting.changes)
            )
            view = await self._book.view(uow, connection)
            await uow.commit()
            return view

    async def _existing(self, uow: UnitOfWork, connection: Connection) -> StagedView:
        waiting = await self._book.staged(uow, connection)
        if waiting is None:
            raise not_found("staged_metadata")
        return waiting


async def stage(
    kit: Kit,
    uow: UnitOfWork,
    journal: Journal,
    organization: Organization,
    connection: Connection,
    described: IdentityProvider,
) -> None:
    """Keep what a refresh did not take over for an administrator, and tell them of it once.

    `connection` is the one after the refresh. What would break sign-in is mailed; a certificate that is no longer
    listed goes on working until it ends, and is only shown.
    """
    now = kit.clock.now()
    changes = changes_to_confirm(connection.idp, described, now)
    known = await uow.staged_metadata.get(organization.id, connection.id)
    if not changes:
        if known is not None:
            await uow.staged_metadata.delete(organization.id, connection.id)
        return
    if known is not None and known.idp == described:
        return
    await uow.staged_metadata.put(StagedMetadata(organization.id, connection.id, described, now))
    await journal.write("connection.metadata_staged", "connection", connection.id, after=_told(changes))
    if any(change.is_breaking for change in changes):
        for address in await uow.members.administrator_emails(organization.id):
            await uow.outbox.mail(mails.metadata_staged(address, organization, connection, changes, kit.urls.base_url))


def _told(changes: tuple[MetadataChange, ...]) -> dict[str, JsonValue]:
    return {"changes": [{"kind": item.kind, "before": item.before, "after": item.after} for item in changes]}
