"""Letting go of members whom the directory does not know (R22)."""

from ostiary.domain.directory_policy import UnmatchedEffects, administrator_to_keep
from ostiary.domain.errors import conflict
from ostiary.domain.operation import Operation
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


class UnmatchedMemberService:
    """Members from before Directory Sync: they may sign in until an administrator removes them."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def preview(self, caller: Caller, reference: str) -> UnmatchedEffects:
        """What removing them would do: the same path, with the last step left out. Raises `directory_not_enabled`."""
        async with self._kit.uow() as uow:
            _, effects = await self._effects(uow, caller, reference, Operation.PREVIEW_REMOVE_UNMATCHED)
        return effects

    async def remove(self, caller: Caller, reference: str) -> UnmatchedEffects:
        """Remove them all at once, but for the one administrator who must stay (R61)."""
        async with self._kit.uow() as uow:
            admitted, effects = await self._effects(uow, caller, reference, Operation.REMOVE_UNMATCHED)
            organization_id, journal = admitted.organization.id, Journal.of(self._kit, uow, admitted)
            removed = await uow.unmatched.remove(organization_id, effects.administrator_kept, self._kit.clock.now())
            await journal.write_each(
                "member.removed",
                "member",
                {
                    who.id: ({"email": who.email, "role": who.role, "status": who.status}, {"unmatched": True})
                    for who in removed
                },
            )
            await journal.write(
                "directory.unmatched_removed",
                "organization",
                organization_id,
                after={
                    "members_removed": effects.members_removed,
                    "database_administrators_revoked": effects.database_administrators_revoked,
                    "sessions_ended": effects.sessions_ended,
                    "administrator_kept": effects.administrator_kept,
                },
            )
            await uow.commit()
        return effects

    async def _effects(
        self, uow: UnitOfWork, caller: Caller, reference: str, operation: Operation
    ) -> tuple[Admitted, UnmatchedEffects]:
        admitted = await admit(uow, self._kit.urls, caller, reference, operation, lock=Lock.EXCLUSIVE)
        organization_id = admitted.organization.id
        directory = await uow.directories.get(organization_id)
        if directory is None or not directory.enabled:
            raise conflict(
                "directory_not_enabled", "Directory Sync is off, so there is no directory to match members against."
            )
        known, unknown = await uow.unmatched.administrators(organization_id)
        keep = administrator_to_keep(known, unknown, admitted.member.id if admitted.member else None)
        return admitted, await uow.unmatched.effects(organization_id, keep)
