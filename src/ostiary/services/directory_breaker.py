"""What administrators do about a breaker that tripped: look, undo, confirm."""

from dataclasses import dataclass

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_breaker import HeldMember
from ostiary.domain.errors import conflict, not_found
from ostiary.domain.membership import MemberStatus, Role
from ostiary.domain.operation import Operation
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class BreakerDecided:
    """What became of those who were held back."""

    reactivated: int = 0
    removed: int = 0
    suspended: int = 0


class DirectoryBreakerService:
    """The breaker of an organization's directory."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def held(self, caller: Caller, reference: str, page: PageRequest) -> Page[HeldMember]:
        """Who is held back, oldest member first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_HELD_MEMBERS)
            return await uow.breaker.held(admitted.organization.id, page)

    async def undo(self, caller: Caller, reference: str) -> BreakerDecided:
        """Give everybody held back their access again, with all they had; raises `breaker_not_tripped`.

        Who went before it tripped still counts, so a directory that goes on at once is stopped at once.
        """
        async with self._kit.uow() as uow:
            admitted, directory_id = await self._tripped(uow, caller, reference, Operation.UNDO_BREAKER)
            organization_id, journal = admitted.organization.id, Journal.of(self._kit, uow, admitted)
            held = (await uow.breaker.held(organization_id)).items
            await uow.breaker.restore(organization_id, self._kit.clock.now())
            await uow.breaker.close(organization_id, start_anew=False)
            await journal.write_each(
                "member.reactivated",
                "member",
                {who.member_id: ({"status": MemberStatus.SUSPENDED}, {"email": who.email}) for who in held},
            )
            await journal.write("directory.breaker_undone", "directory", directory_id, after={"reactivated": len(held)})
            await uow.commit()
        return BreakerDecided(reactivated=len(held))

    async def confirm(self, caller: Caller, reference: str) -> BreakerDecided:
        """Let the directory have its way with everybody held back (R43), and count anew.

        An administrator stays suspended while there is no other who could act (R61). Raises `breaker_not_tripped`.
        """
        async with self._kit.uow() as uow:
            admitted, directory_id = await self._tripped(uow, caller, reference, Operation.CONFIRM_BREAKER)
            organization_id, journal = admitted.organization.id, Journal.of(self._kit, uow, admitted)
            held = (await uow.breaker.held(organization_id)).items
            nobody_else = await uow.members.count_active_administrators(organization_id) == 0
            removed = [who for who in held if who.is_removal and not (nobody_else and who.is_administrator)]
            await uow.breaker.remove(organization_id, self._kit.clock.now(), keep_administrators=nobody_else)
            await uow.breaker.close(organization_id, start_anew=True)
            await journal.write_each(
                "member.removed", "member", {who.member_id: (_audited(who), {"confirmed": True}) for who in removed}
            )
            kept = [who for who in held if who.is_removal and nobody_else and who.is_administrator]
            await journal.write_each(
                "member.last_administrator_kept",
                "member",
                {who.member_id: ({}, {"email": who.email, "role": Role.ADMINISTRATOR}) for who in kept},
            )
            decided = BreakerDecided(removed=len(removed), suspended=len(held) - len(removed))
            await journal.write(
                "directory.breaker_confirmed",
                "directory",
                directory_id,
                after={"removed": decided.removed, "suspended": decided.suspended},
            )
            await uow.commit()
        return decided

    async def _tripped(
        self, uow: UnitOfWork, caller: Caller, reference: str, operation: Operation
    ) -> tuple[Admitted, str]:
        admitted = await admit(uow, self._kit.urls, caller, reference, operation, lock=Lock.EXCLUSIVE)
        directory = await uow.directories.get(admitted.organization.id)
        if directory is None:
            raise not_found("directory")
        if directory.breaker_tripped_at is None:
            raise conflict("breaker_not_tripped", "The directory's breaker has not tripped: nobody is held back.")
        return admitted, directory.id


def _audited(who: HeldMember) -> dict[str, JsonValue]:
    role = Role.ADMINISTRATOR if who.is_administrator else Role.MEMBER
    return {"email": who.email, "role": role, "status": MemberStatus.SUSPENDED}
