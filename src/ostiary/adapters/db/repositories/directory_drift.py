"""Finding and mending what differs between a directory and its organization, in set-based statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Row,
    Table,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.repositories.directory_groups import group_branch
from ostiary.adapters.db.repositories.directory_rows import read_directory_user
from ostiary.adapters.db.repositories.directory_users import user_branches
from ostiary.adapters.db.repositories.member_rows import member_values
from ostiary.adapters.db.tables import (
    directory_counts,
    directory_group_members,
    directory_group_reservations,
    directory_groups,
    directory_held_members,
    directory_users,
    identities,
    members,
    one_time_codes,
    sessions,
    team_members,
    teams,
)
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Role
from ostiary.services.ports.directory_drift import MendedCount, MendedMember, MendedTeam


def _its(table: Table, column: Column[str], *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the member of the statement has a row in the table."""
    there = select(literal(1)).where(
        table.c.organization_id == members.c.organization_id, column == members.c.id, *more
    )
    return exists(there.correlate(members))


_HELD = _its(directory_held_members, directory_held_members.c.member_id)
_PUSHED = _its(directory_users, directory_users.c.id)
_PUSHED_ACTIVE = _its(directory_users, directory_users.c.id, directory_users.c.active)
_HAS_ACCESS = members.c.status == MemberStatus.ACTIVE


def _mended(row: Row[tuple[object, ...]]) -> MendedMember:
    return MendedMember(row.id, row.email, Role(row.role), MemberStatus(row.status), row.is_pushed)


class DirectoryDrift(Repository):
    """One organization, under its exclusive lock or in a snapshot."""

    async def suspend(self, organization_id: str, at: datetime) -> Sequence[MendedMember]:
        """Suspend active members whom the directory deactivated, or as whose it has no user; their access ends."""
        is_wrong = and_(
            members.c.organization_id == organization_id,
            _HAS_ACCESS,
            not_(_HELD),
            not_(_PUSHED_ACTIVE),
            or_(_PUSHED, members.c.managed_by == ManagedBy.DIRECTORY),
        )
        accounts = select(members.c.account_id).where(is_wrong)
        for table in (sessions, one_time_codes):
            await self._execute(
                delete(table).where(table.c.organization_id == organization_id, table.c.account_id.in_(accounts))
            )
        await self._execute(
            update(identities)
            .where(
                identities.c.organization_id == organization_id,
                identities.c.removed_at.is_(None),
                identities.c.account_id.in_(accounts),
            )
            .values(removed_at=at)
        )
        return await self._mend(is_wrong, status=MemberStatus.SUSPENDED, awaiting_first_sso_sign_in=False)

    async def reactivate(self, organization_id: str) -> Sequence[MendedMember]:
        """Reactivate suspended members whose users are active."""
        is_wrong = and_(members.c.organization_id == organization_id, not_(_HAS_ACCESS), not_(_HELD), _PUSHED_ACTIVE)
        return await self._mend(is_wrong, status=MemberStatus.ACTIVE)

    async def manage(self, organization_id: str) -> Sequence[MendedMember]:
        """Make members the directory's who are its users."""
        is_wrong = and_(
            members.c.organization_id == organization_id,
            members.c.managed_by != ManagedBy.DIRECTORY,
            not_(_HELD),
            _PUSHED,
        )
        return await self._mend(is_wrong, managed_by=ManagedBy.DIRECTORY)

    async def _mend(self, wrong: ColumnElement[bool], **values: object) -> Sequence[MendedMember]:
        rows = await self._execute(
            update(members)
            .where(wrong)
            .values(values)
            .returning(members.c.id, members.c.email, members.c.role, members.c.status, _PUSHED.label("is_pushed"))
        )
        return [_mended(row) for row in rows]

    async def without_membership(self, organization_id: str) -> Sequence[DirectoryUser]:
        """Active users who are no members."""
        is_member = exists(
            select(literal(1)).where(
                members.c.organization_id == directory_users.c.organization_id, members.c.id == directory_users.c.id
            )
        )
        rows = await self._execute(
            select(directory_users)
            .where(directory_users.c.organization_id == organization_id, directory_users.c.active, not_(is_member))
            .order_by(directory_users.c.id)
        )
        return [read_directory_user(row) for row in rows]

    async def add_members(self, joining: Sequence[Member]) -> None:
        """Store new members."""
        await self._execute(insert(members), [member_values(member) for member in joining])

    async def delete_stray_teams(self, organization_id: str) -> Sequence[MendedTeam]:
        """Delete teams that belong to no group."""
        rows = await self._execute(
            delete(teams)
            .where(teams.c.organization_id == organization_id, not_(_of_team(directory_groups.c.id)))
            .returning(teams.c.id, teams.c.name)
        )
        return [MendedTeam(row.id, row.name, row.name) for row in rows]

    async def restate_teams(self, organization_id: str) -> Sequence[MendedTeam]:
        """Name and manage teams as their groups say."""
        before = teams.alias()
        group = directory_groups.c
        rows = await self._execute(
            update(teams)
            .where(
                teams.c.organization_id == organization_id,
                before.c.organization_id == organization_id,
                before.c.id == teams.c.id,
                group.organization_id == organization_id,
                group.id == teams.c.id,
                or_(teams.c.name != group.display_name, teams.c.managed_by != ManagedBy.DIRECTORY),
            )
            .values(name=group.display_name, managed_by=ManagedBy.DIRECTORY)
            .returning(teams.c.id, before.c.name, teams.c.name.label("name_after"))
        )
        return [MendedTeam(row.id, row.name, row.name_after) for row in rows]

    async def reservations(self, organization_id: str) -> Mapping[str, Sequence[str]]:
        """The values for which places are kept, by group."""
        reserved = directory_group_reservations.c
        rows = await self._execute(
            select(reserved.group_id, reserved.value).where(reserved.organization_id == organization_id)
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.group_id, []).append(row.value)
        return found

    async def fill_teams(self, organization_id: str, at: datetime) -> Sequence[tuple[str, str]]:
        """Put members of groups into their teams; answers team and member of each who was missing."""
        grouped = directory_group_members.c
        # Looked for, not only left to the conflict, so that nothing is written for those who are there.
        is_there = exists(
            select(literal(1)).where(
                team_members.c.organization_id == grouped.organization_id,
                team_members.c.team_id == grouped.group_id,
                team_members.c.member_id == grouped.member_id,
            )
        )
        wanted = (
            select(grouped.organization_id, grouped.group_id, grouped.member_id, literal(at))
            .join(
                members, and_(members.c.organization_id == grouped.organization_id, members.c.id == grouped.member_id)
            )
            .where(grouped.organization_id == organization_id, not_(is_there))
        )
        rows = await self._execute(
            pg_insert(team_members)
            .from_select(["organization_id", "team_id", "member_id", "added_at"], wanted)
            .on_conflict_do_nothing()
            .returning(team_members.c.team_id, team_members.c.member_id)
        )
        return [(row.team_id, row.member_id) for row in rows]

    async def clear_teams(self, organization_id: str) -> Sequence[tuple[str, str]]:
        """Take members out of teams in whose groups they are not; answers team and member."""
        grouped = directory_group_members.c
        is_grouped = exists(
            select(literal(1)).where(
                grouped.organization_id == team_members.c.organization_id,
                grouped.group_id == team_members.c.team_id,
                grouped.member_id == team_members.c.member_id,
            )
        )
        # Whom the directory deleted and who stays suspended, held back or the last administrator, keeps the teams: they
        # are given back with the access (R61).
        counts = exists(
            select(members.c.id).where(
                members.c.organization_id == team_members.c.organization_id,
                members.c.id == team_members.c.member_id,
                not_(_HELD),
                or_(_HAS_ACCESS, _PUSHED),
            )
        )
        rows = await self._execute(
            delete(team_members)
            .where(team_members.c.organization_id == organization_id, not_(is_grouped), counts)
            .returning(team_members.c.team_id, team_members.c.member_id)
        )
        return [(row.team_id, row.member_id) for row in rows]

    async def recount(self, organization_id: str) -> Sequence[MendedCount]:
        """Count again what lists say there is in all."""
        there = union_all(
            *(
                select(literal(branch.kind.value).label("kind"), func.count().label("there")).select_from(
                    branch.rows.subquery()
                )
                for branch in (*user_branches(organization_id), group_branch(organization_id))
            )
        ).subquery("there")
        said = func.coalesce(func.sum(directory_counts.c.n), 0)
        rows = await self._execute(
            select(there.c.kind, there.c.there, cast(said, BigInteger).label("said"))
            .outerjoin(
                directory_counts,
                and_(directory_counts.c.organization_id == organization_id, directory_counts.c.kind == there.c.kind),
            )
            .group_by(there.c.kind, there.c.there)
            .having(said != there.c.there)
            .order_by(there.c.kind)
        )
        found = [MendedCount(row.kind, row.said, row.there) for row in rows]
        for count in found:
            tenant = literal(organization_id, directory_counts.c.organization_id.type)
            await self._execute(select(func.add_to_directory_count(tenant, count.kind, count.there - count.said)))
        return found


def _of_team(group_id: Column[str]) -> ColumnElement[bool]:
    return exists(
        select(literal(1)).where(directory_groups.c.organization_id == teams.c.organization_id, group_id == teams.c.id)
    )
