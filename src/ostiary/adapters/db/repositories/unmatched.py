"""Members whom the directory does not know: counted and removed in as many statements however many they are (R22)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, not_, select, update

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.tables import (
    all_database_administrators,
    credentials,
    database_administrators,
    directory_held_members,
    identities,
    members,
    one_time_codes,
    sessions,
    team_members,
)
from ostiary.domain.directory_policy import UnmatchedEffects
from ostiary.domain.membership import ManagedBy, MemberStatus, Role
from ostiary.services.ports.unmatched import RemovedMember


def is_unmatched(organization_id: str) -> ColumnElement[bool]:
    """Whether a member is from before; whom the breaker holds back waits for an administrator's word."""
    held_back = exists(
        select(directory_held_members.c.member_id).where(
            directory_held_members.c.organization_id == members.c.organization_id,
            directory_held_members.c.member_id == members.c.id,
        )
    )
    return (
        (members.c.organization_id == organization_id) & (members.c.managed_by != ManagedBy.DIRECTORY) & not_(held_back)
    )


def _to_remove(organization_id: str, keep: str | None) -> ColumnElement[bool]:
    unmatched = is_unmatched(organization_id)
    return unmatched if keep is None else unmatched & (members.c.id != keep)


class Unmatched(Repository):
    """Members from before whom the directory has not taken over, but for those its breaker holds back."""

    async def administrators(self, organization_id: str) -> tuple[int, tuple[str, ...]]:
        """How many active administrators the directory knows, and the ids of those it does not, oldest first."""
        rows = await self._execute(
            select(members.c.id, is_unmatched(organization_id).label("is_unmatched"))
            .where(
                members.c.organization_id == organization_id,
                members.c.role == Role.ADMINISTRATOR,
                members.c.status == MemberStatus.ACTIVE,
            )
            .order_by(members.c.id)
        )
        found = rows.all()
        unmatched = tuple(row.id for row in found if row.is_unmatched)
        return len(found) - len(unmatched), unmatched

    async def effects(self, organization_id: str, keep: str | None) -> UnmatchedEffects:
        """What removing them would do, without the member to keep."""
        gone = select(members.c.id).where(_to_remove(organization_id, keep))
        accounts_gone = select(members.c.account_id).where(_to_remove(organization_id, keep))
        row = await self._first(
            select(
                *(
                    select(func.count())
                    .select_from(table)
                    .where(table.c.organization_id == organization_id, condition)
                    .scalar_subquery()
                    .label(label)
                    for label, table, condition in (
                        ("members", members, members.c.id.in_(gone)),
                        ("teams", team_members, team_members.c.member_id.in_(gone)),
                        ("databases", database_administrators, database_administrators.c.member_id.in_(gone)),
                        (
                            "all_databases",
                            all_database_administrators,
                            all_database_administrators.c.member_id.in_(gone),
                        ),
                        ("sessions", sessions, sessions.c.account_id.in_(accounts_gone)),
                        (
                            "credentials",
                            credentials,
                            credentials.c.created_by.in_(accounts_gone) & credentials.c.revoked_at.is_(None),
                        ),
                    )
                )
            )
        )
        assert row is not None
        databases = row.databases + row.all_databases
        return UnmatchedEffects(row.members, row.teams, databases, row.sessions, row.credentials, keep)

    async def remove(self, organization_id: str, keep: str | None, at: datetime) -> Sequence[RemovedMember]:
        """Remove them with sessions, one-time codes, links, teams and database roles; credentials stay (R13–R15)."""
        accounts_gone = select(members.c.account_id).where(_to_remove(organization_id, keep))
        for table in (sessions, one_time_codes):
            await self._execute(
                delete(table).where(table.c.organization_id == organization_id, table.c.account_id.in_(accounts_gone))
            )
        await self._execute(
            update(identities)
            .where(
                identities.c.organization_id == organization_id,
                identities.c.removed_at.is_(None),
                identities.c.account_id.in_(accounts_gone),
            )
            .values(removed_at=at)
        )
        rows = await self._execute(
            delete(members)
            .where(_to_remove(organization_id, keep))
            .returning(members.c.id, members.c.email, members.c.role, members.c.status)
        )
        return [RemovedMember(row.id, row.email, Role(row.role), MemberStatus(row.status)) for row in rows]
