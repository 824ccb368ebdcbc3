"""Teams made by hand; while Directory Sync is on they follow the directory's groups (R40)."""

from dataclasses import replace

from ostiary.domain import ids
from ostiary.domain.account import checked_name
from ostiary.domain.errors import not_found
from ostiary.domain.membership import ManagedBy, Member
from ostiary.domain.operation import Operation
from ostiary.domain.team import Team, ensure_teams_are_manual
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


class TeamService:
    """Teams of an organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def create(self, caller: Caller, reference: str, name: str) -> Team:
        """Make a team; raises `team_name_taken`, `directory_managed` (R40)."""
        checked = checked_name(name)
        async with self._kit.uow() as uow:
            admitted = await self._change(uow, caller, reference, Operation.CREATE_TEAM)
            team = Team(
                id=self._kit.ids.new(ids.TEAM),
                organization_id=admitted.organization.id,
                name=checked,
                managed_by=ManagedBy.MANUAL,
                created_at=self._kit.clock.now(),
            )
            await uow.teams.add(team)
            await Journal.of(self._kit, uow, admitted).write("team.created", "team", team.id, after={"name": team.name})
            await uow.commit()
        return team

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[Team]:
        """The teams, oldest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_TEAMS)
            return await uow.teams.list(admitted.organization.id, page)

    async def get(self, caller: Caller, reference: str, team_id: str) -> Team:
        """One team; raises `team_not_found`."""
        async with self._kit.uow() as uow:
            return await self._team(
                uow, await admit(uow, self._kit.urls, caller, reference, Operation.GET_TEAM), team_id
            )

    async def rename(self, caller: Caller, reference: str, team_id: str, name: str) -> Team:
        """Change the name; raises `team_name_taken`, `directory_managed` (R40)."""
        checked = checked_name(name)
        async with self._kit.uow() as uow:
            admitted = await self._change(uow, caller, reference, Operation.UPDATE_TEAM)
            team = await self._team(uow, admitted, team_id, lock=True)
            caller.ensure_seen(team)
            if checked != team.name:
                await uow.teams.rename(team.organization_id, team.id, checked)
                await Journal.of(self._kit, uow, admitted).write(
                    "team.renamed", "team", team.id, before={"name": team.name}, after={"name": checked}
                )
            await uow.commit()
        return replace(team, name=checked)

    async def delete(self, caller: Caller, reference: str, team_id: str) -> None:
        """Delete the team; its members stay members of the organization. Raises `directory_managed` (R40)."""
        async with self._kit.uow() as uow:
            admitted = await self._change(uow, caller, reference, Operation.DELETE_TEAM)
            team = await self._team(uow, admitted, team_id, lock=True)
            caller.ensure_seen(team)
            await uow.teams.delete(team.organization_id, team.id)
            await Journal.of(self._kit, uow, admitted).write(
                "team.deleted", "team", team.id, before={"name": team.name}
            )
            await uow.commit()

    async def add_member(self, caller: Caller, reference: str, team_id: str, member_id: str) -> None:
        """Put a member into the team; harmless where they are in it. Raises `directory_managed` (R40)."""
        async with self._kit.uow() as uow:
            admitted = await self._change(uow, caller, reference, Operation.ADD_TEAM_MEMBER)
            team, member = await self._team(uow, admitted, team_id), await self._member(uow, admitted, member_id)
            if await uow.teams.add_member(team.organization_id, team.id, member.id, self._kit.clock.now()):
                await Journal.of(self._kit, uow, admitted).write(
                    "team.member_added", "team", team.id, after={"member_id": member.id, "email": member.email}
                )
            await uow.commit()

    async def remove_member(self, caller: Caller, reference: str, team_id: str, member_id: str) -> None:
        """Take a member out of the team; harmless where they are not in it. Raises `directory_managed` (R40)."""
        async with self._kit.uow() as uow:
            admitted = await self._change(uow, caller, reference, Operation.REMOVE_TEAM_MEMBER)
            team = await self._team(uow, admitted, team_id, lock=True)
            member = await self._member(uow, admitted, member_id)
            if await uow.teams.remove_member(team.organization_id, team.id, member.id):
                await Journal.of(self._kit, uow, admitted).write(
                    "team.member_removed", "team", team.id, before={"member_id": member.id, "email": member.email}
                )
            await uow.commit()

    async def _change(self, uow: UnitOfWork, caller: Caller, reference: str, operation: Operation) -> Admitted:
        # Shared: the directory cannot be switched on between this look and the commit.
        admitted = await admit(uow, self._kit.urls, caller, reference, operation, lock=Lock.SHARED)
        directory = await uow.directories.get(admitted.organization.id)
        ensure_teams_are_manual(directory is not None and directory.enabled)
        return admitted

    async def _team(self, uow: UnitOfWork, admitted: Admitted, team_id: str, *, lock: bool = False) -> Team:
        """The team; locked, so that what is told of it is so until the commit (R60, R63)."""
        team = await uow.teams.get(admitted.organization.id, team_id, lock=lock)
        if team is None:
            raise not_found("team")
        return team

    async def _member(self, uow: UnitOfWork, admitted: Admitted, member_id: str) -> Member:
        member = await uow.members.get(admitted.organization.id, member_id)
        if member is None:
            raise not_found("member")
        return member
