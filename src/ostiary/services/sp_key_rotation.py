"""Giving a connection another key of ours, so that no sign-in fails in between."""

from dataclasses import replace

from ostiary.domain.connection import Connection, KeyRotationStep, ensure_key_waits
from ostiary.domain.operation import Operation
from ostiary.services.connection_book import ConnectionBook, ConnectionView
from ostiary.services.context import Caller, Journal, Kit, admit
from ostiary.services.key_ring import keys_of
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.sp_keys import SpKeys

_ACTIONS = {
    KeyRotationStep.BEGIN: "connection.key_rotation_begun",
    KeyRotationStep.COMPLETE: "connection.key_rotation_completed",
    KeyRotationStep.CANCEL: "connection.key_rotation_cancelled",
}


class SpKeyRotationService:
    """Begins, completes and cancels rotations."""

    def __init__(self, kit: Kit, keys: SpKeys) -> None:
        self._kit = kit
        self._book = ConnectionBook(kit)
        self._keys = keys

    async def rotate(self, caller: Caller, reference: str, connection_id: str, step: KeyRotationStep) -> ConnectionView:
        """Take the step; beginning what was begun changes nothing. Raises `no_key_rotation`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.ROTATE_SP_KEY, lock=Lock.EXCLUSIVE)
            before = await self._book.existing(uow, admitted, connection_id)
            await self._book.ensure_seen(uow, caller, before)
            after = await self._after(uow, before, step)
            if after != before:
                now = self._kit.clock.now()
                await uow.connections.save(after)
                await uow.sp_keys.retire_unused(before.organization_id, now)
                await Journal.of(self._kit, uow, admitted).write(
                    _ACTIONS[step],
                    "connection",
                    after.id,
                    before={"sp_key_id": before.sp_key_id, "next_sp_key_id": before.next_sp_key_id},
                    after={"sp_key_id": after.sp_key_id, "next_sp_key_id": after.next_sp_key_id},
                )
            view = await self._book.view(uow, after)
            await uow.commit()
            return view

    async def _after(self, uow: UnitOfWork, connection: Connection, step: KeyRotationStep) -> Connection:
        match step:
            case KeyRotationStep.BEGIN if connection.next_sp_key_id is not None:
                return connection
            case KeyRotationStep.BEGIN:
                return replace(connection, next_sp_key_id=await self._newer(uow, connection))
            case KeyRotationStep.COMPLETE:
                return replace(connection, sp_key_id=ensure_key_waits(connection), next_sp_key_id=None)
            case KeyRotationStep.CANCEL:
                ensure_key_waits(connection)
                return replace(connection, next_sp_key_id=None)

    async def _newer(self, uow: UnitOfWork, connection: Connection) -> str:
        """A newer key of the organization, if another connection has one already, so that all end with the same."""
        ring = await keys_of(uow, connection)
        newest = await self._keys.ensure(uow, connection.organization_id)
        if newest.created_at <= ring.signing.created_at:
            newest = await self._keys.make(uow, connection.organization_id)
        return newest.id
