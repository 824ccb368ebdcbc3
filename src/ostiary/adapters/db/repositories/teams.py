"""Teams of one organization, and who is in them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Row, Select, delete, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.repositories.base import Repository, page_of
from ostiary.adapters.db.tables import directory_groups, team_members, teams
from ostiary.adapters.db.tables.base import TypeId
from ostiary.domain import ids
from ostiary.domain.membership import ManagedBy
from ostiary.domain.team import Team
from ostiary.services.paging import Page, PageRequest


def _team(row: Row[Any]) -> Team:
    return Team(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        managed_by=ManagedBy(row.managed_by),
        created_at=row.created_at,
        external_id=row.external_id,
    )


def _teams(organization_id: str) -> Select[Any]:
    """Teams with what the directory calls the group behind each."""
    return (
        select(teams, directory_groups.c.external_id)
        .outerjoin(
            directory_groups,
            (directory_groups.c.organization_id == teams.c.organization_id) & (directory_groups.c.id == teams.c.id),
        )
        .where(teams.c.organization_id == organization_id)
    )


def _one(organization_id: str, team_id: str) -> ColumnElement[bool]:
    return (teams.c.organization_id == organization_id) & (teams.c.id == team_id)


class Teams(Repository):
    """Teams of one organization, and who is in them."""

    async def add(self, team: Team) -> None:
        """Store a new team; raises `team_name_taken`."""
        await self._execute(
            insert(teams).values(
                organization_id=team.organization_id,
                id=team.id,
                name=team.name,
                managed_by=team.managed_by,
                created_at=team.created_at,
            )
        )

    async def get(self, organization_id: str, team_id: str, *, lock: bool = False) -> Team | None:
        """The team, its row locked if asked."""
        statement = _teams(organization_id).where(teams.c.id == team_id)
        row = await self._first(statement.with_for_update(key_share=True, of=teams) if lock else statement)
        return None if row is None else _team(row)

    async def list(self, organization_id: str, page: PageRequest) -> Page[Team]:
        """Teams, oldest first."""
        statement = _teams(organization_id)
        if page.after is not None:
            statement = statement.where(teams.c.id > page.after)
        rows = (await self._execute(statement.order_by(teams.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _team, lambda row: row.id)

    async def existing(self, organization_id: str, team_ids: Collection[str]) -> frozenset[str]:
        """Which of the ids are teams of the organization."""
        rows = await self._execute(
            select(teams.c.id).where(teams.c.organization_id == organization_id, teams.c.id.in_(team_ids))
        )
        return frozenset(row[0] for row in rows)

    async def rename(self, organization_id: str, team_id: str, name: str) -> None:
        """Change the name; raises `team_name_taken`."""
        await self._execute(update(teams).where(_one(organization_id, team_id)).values(name=name))

    async def delete(self, organization_id: str, team_id: str) -> None:
        """Delete the team, and its memberships with it."""
        await self._execute(delete(teams).where(_one(organization_id, team_id)))

    async def add_member(self, organization_id: str, team_id: str, member_id: str, at: datetime) -> bool:
        """Put the member into the team; False where they were in it. Raises `team_not_found`, `member_not_found`."""
        result = await self._execute(
            pg_insert(team_members)
            .values(organization_id=organization_id, team_id=team_id, member_id=member_id, added_at=at)
            .on_conflict_do_nothing()
        )
        return result.rowcount > 0

    async def join(
        self, organization_id: str, member_id: str, team_ids: Collection[str], at: datetime
    ) -> tuple[str, ...]:
        """Put a new member into those of the teams that still exist; answers which."""
        # Held against deletion, so that a team that goes at the same moment is one that is not joined.
        still_there = (
            select(
                teams.c.organization_id,
                teams.c.id,
                literal(member_id, TypeId(ids.MEMBER)),
                literal(at, DateTime(timezone=True)),
            )
            .where(teams.c.organization_id == organization_id, teams.c.id.in_(team_ids))
            .with_for_update(read=True, key_share=True)
        )
        rows = await self._execute(
            insert(team_members)
            .from_select(["organization_id", "team_id", "member_id", "added_at"], still_there)
            .returning(team_members.c.team_id)
        )
        return tuple(sorted(row[0] for row in rows))

    async def remove_member(self, organization_id: str, team_id: str, member_id: str) -> bool:
        """Take the member out of the team; False where they were not in it."""
        result = await self._execute(
            delete(team_members).where(
                team_members.c.organization_id == organization_id,
                team_members.c.team_id == team_id,
                team_members.c.member_id == member_id,
            )
        )
        return result.rowcount > 0
