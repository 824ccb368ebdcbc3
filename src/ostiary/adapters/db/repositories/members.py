"""Members of one organization, and what their access hangs on."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, any_, bindparam, delete, exists, func, insert, or_, select, update

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, given, page_of
from ostiary.adapters.db.repositories.member_order import cursor_of, in_order
from ostiary.adapters.db.repositories.member_rows import member_values, read_member
from ostiary.adapters.db.tables import (
    all_database_administrators,
    database_administrators,
    databases,
    logout_flows,
    members,
    one_time_codes,
    recovery_links,
    sessions,
    sign_in_flows,
    team_members,
    teams,
)
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Role
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import MemberDetails, MemberFilter

_BY_ID = select(members).where(
    members.c.organization_id == given(members.c.organization_id), members.c.id == given(members.c.id)
)
_BY_ACCOUNT = select(members).where(
    members.c.organization_id == given(members.c.organization_id), members.c.account_id == given(members.c.account_id)
)
_READ_BY_ID, _LOCK_BY_ID = Prepared(_BY_ID), Prepared(_BY_ID.with_for_update(key_share=True))
_READ_BY_ACCOUNT, _LOCK_BY_ACCOUNT = Prepared(_BY_ACCOUNT), Prepared(_BY_ACCOUNT.with_for_update(key_share=True))
_ADD = Prepared(insert(members).values(all_given(members.c)))
_SAVE = Prepared(
    update(members)
    .where(
        members.c.organization_id == given(members.c.organization_id, "its_organization_id"),
        members.c.id == given(members.c.id, "its_id"),
    )
    .values(all_given(column for column in members.c if column.key not in {"organization_id", "id"}))
)
_WITHOUT_ACCOUNT = Prepared(
    select(members)
    .where(
        members.c.organization_id == given(members.c.organization_id),
        members.c.email == given(members.c.email),
        members.c.account_id.is_(None),
    )
    # Two people may have been pushed with one address.
    .order_by(members.c.status, members.c.id)
    .limit(1)
    .with_for_update(key_share=True)
)
_REMOVE = Prepared(
    delete(members).where(
        members.c.organization_id == given(members.c.organization_id), members.c.id == given(members.c.id)
    )
)
_ORGANIZATION_ID = given(members.c.organization_id)
_MEMBER_IDS = any_(bindparam("member_ids", type_=ARRAY(members.c.id.type)))
_TEAMS = Prepared(
    select(team_members.c.member_id, teams.c.id, teams.c.name)
    .join(
        teams,
        (teams.c.organization_id == team_members.c.organization_id) & (teams.c.id == team_members.c.team_id),
    )
    .where(team_members.c.organization_id == _ORGANIZATION_ID, team_members.c.member_id == _MEMBER_IDS)
    .order_by(teams.c.name, teams.c.id)
)
_DATABASES = Prepared(
    select(database_administrators.c.member_id, databases.c.id, databases.c.name)
    .join(
        databases,
        (databases.c.organization_id == database_administrators.c.organization_id)
        & (databases.c.id == database_administrators.c.database_id),
    )
    .where(
        database_administrators.c.organization_id == _ORGANIZATION_ID,
        database_administrators.c.member_id == _MEMBER_IDS,
    )
    .order_by(databases.c.name, databases.c.id)
)
_OF_ALL_DATABASES = Prepared(
    select(all_database_administrators.c.member_id).where(
        all_database_administrators.c.organization_id == _ORGANIZATION_ID,
        all_database_administrators.c.member_id == _MEMBER_IDS,
    )
)


class Members(Repository):
    """Members of one organization."""

    async def add(self, member: Member) -> None:
        """Store a new member; raises `already_member`."""
        await self._defer(_ADD, member_values(member))

    async def add_each(self, added: Sequence[Member]) -> None:
        """Store many new members; raises `already_member`."""
        await self._execute_many(_ADD, [member_values(member) for member in added])

    async def get(self, organization_id: str, member_id: str, *, lock: bool = False) -> Member | None:
        """The member, its row locked if asked."""
        statement = _LOCK_BY_ID if lock else _READ_BY_ID
        row = await self._first(statement, {"organization_id": organization_id, "id": member_id})
        return None if row is None else read_member(row)

    async def by_account(self, organization_id: str, account_id: str, *, lock: bool = False) -> Member | None:
        """The account's membership, its row locked if asked."""
        statement = _LOCK_BY_ACCOUNT if lock else _READ_BY_ACCOUNT
        row = await self._first(statement, {"organization_id": organization_id, "account_id": account_id})
        return None if row is None else read_member(row)

    async def rename_manual(self, account_id: str, name: str) -> None:
        """Rename the account's memberships that are kept by hand, over all organizations: the person is one."""
        await self._execute(
            update(members)
            .where(members.c.account_id == account_id, members.c.managed_by == ManagedBy.MANUAL)
            .values(name=name)
        )

    async def readdress_manual(self, account_id: str, email: str) -> None:
        """Change the address of the account's memberships that are kept by hand, over all organizations."""
        await self._execute(
            update(members)
            .where(members.c.account_id == account_id, members.c.managed_by == ManagedBy.MANUAL)
            .values(email=email)
        )

    async def without_account(self, organization_id: str, email: str) -> Member | None:
        """The member of a checked address who never signed in, its row locked."""
        row = await self._first(_WITHOUT_ACCOUNT, {"organization_id": organization_id, "email": email})
        return None if row is None else read_member(row)

    async def save(self, member: Member) -> None:
        """Store every changeable field of a member read before."""
        values = member_values(member)
        named = {"its_organization_id": values.pop("organization_id"), "its_id": values.pop("id")}
        await self._defer(_SAVE, {**named, **values})

    async def remove(self, organization_id: str, member_id: str) -> None:
        """Delete the membership, and with it its teams and database roles (R13, R14)."""
        await self._execute(_REMOVE, {"organization_id": organization_id, "id": member_id})

    async def count_active_administrators(self, organization_id: str, *, excluding: str | None = None) -> int:
        """How many administrators could act, without the one named (R61)."""
        statement = (
            select(func.count())
            .select_from(members)
            .where(
                members.c.organization_id == organization_id,
                members.c.role == Role.ADMINISTRATOR,
                members.c.status == MemberStatus.ACTIVE,
            )
        )
        if excluding is not None:
            statement = statement.where(members.c.id != excluding)
        return await self._scalar(statement)

    async def administrator_emails(self, organization_id: str) -> tuple[str, ...]:
        """The addresses of the administrators who could act, for what all of them are told."""
        rows = await self._execute(
            select(members.c.email)
            .where(
                members.c.organization_id == organization_id,
                members.c.role == Role.ADMINISTRATOR,
                members.c.status == MemberStatus.ACTIVE,
            )
            .order_by(members.c.id)
        )
        return tuple(row.email for row in rows)

    async def is_database_administrator(self, organization_id: str, member_id: str, database_id: str) -> bool:
        """Whether the member administers the database, or all there are."""
        of_it = select(database_administrators.c.member_id).where(
            database_administrators.c.organization_id == organization_id,
            database_administrators.c.member_id == member_id,
            database_administrators.c.database_id == database_id,
        )
        # Of one that is there: whose administrators they are is not asked of what is not theirs to know.
        of_all = (
            select(all_database_administrators.c.member_id)
            .join(databases, databases.c.organization_id == all_database_administrators.c.organization_id)
            .where(
                all_database_administrators.c.organization_id == organization_id,
                all_database_administrators.c.member_id == member_id,
                databases.c.id == database_id,
            )
        )
        return await self._first(of_it.union_all(of_all).limit(1)) is not None

    async def details(self, organization_id: str, member_id: str) -> MemberDetails | None:
        """The member as the API shows it."""
        member = await self.get(organization_id, member_id)
        return None if member is None else (await self._detailed(organization_id, [member]))[0]

    async def list(self, organization_id: str, matching: MemberFilter, page: PageRequest) -> Page[MemberDetails]:
        """Members as the API shows them, in the order asked for."""
        statement = select(members).where(members.c.organization_id == organization_id, *_conditions(matching))
        rows = (await self._execute(in_order(statement, matching.order, page))).all()
        found = page_of(rows, page, read_member, cursor_of(matching.order))
        return Page(tuple(await self._detailed(organization_id, found.items)), found.next_cursor)

    async def _detailed(self, organization_id: str, found: Sequence[Member]) -> Sequence[MemberDetails]:
        """Teams and databases of all the members, in one statement each."""
        member_ids = [member.id for member in found]
        named = {"organization_id": organization_id, "member_ids": member_ids}
        team_rows = await self._execute(_TEAMS, named)
        database_rows = await self._execute(_DATABASES, named)
        all_rows = await self._execute(_OF_ALL_DATABASES, named)
        of_all = {row.member_id for row in all_rows}
        teams_of, databases_of = _grouped(team_rows.all()), _grouped(database_rows.all())
        return [
            MemberDetails(
                member,
                tuple(teams_of.get(member.id, ())),
                tuple(databases_of.get(member.id, ())),
                member.id in of_all,
            )
            for member in found
        ]


def _grouped(rows: Sequence[Row[Any]]) -> dict[str, list[tuple[str, str]]]:
    grouped: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row.member_id, []).append((row.id, row.name))
    return grouped


def _conditions(matching: MemberFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if matching.role is not None:
        conditions.append(members.c.role == matching.role)
    if matching.unmatched:
        conditions.append(members.c.managed_by != ManagedBy.DIRECTORY)
    if matching.status is not None:
        conditions.append(members.c.status == matching.status)
    if matching.managed_by is not None:
        conditions.append(members.c.managed_by == matching.managed_by)
    if matching.team_id is not None:
        conditions.append(
            exists(
                select(team_members.c.member_id).where(
                    team_members.c.organization_id == members.c.organization_id,
                    team_members.c.team_id == matching.team_id,
                    team_members.c.member_id == members.c.id,
                )
            )
        )
    if matching.q:
        conditions.append(
            or_(
                members.c.name.icontains(matching.q, autoescape=True),
                members.c.email.icontains(matching.q, autoescape=True),
            )
        )
    return conditions


class Access(Repository):
    """Ends what a person's access to one organization hangs on."""

    async def end_access(self, organization_id: str, account_id: str) -> dict[str, int]:
        """End the account's sessions and one-time codes of this organization (R17, R43); answers how many of each."""
        ended_sessions = await self._execute(
            delete(sessions).where(sessions.c.organization_id == organization_id, sessions.c.account_id == account_id)
        )
        ended_codes = await self._execute(
            delete(one_time_codes).where(
                one_time_codes.c.organization_id == organization_id, one_time_codes.c.account_id == account_id
            )
        )
        return {"sessions": ended_sessions.rowcount, "one_time_codes": ended_codes.rowcount}

    async def end_all_access(self, organization_id: str) -> dict[str, int]:
        """End everybody's sessions, sign-ins and links of this organization; answers how many sessions."""
        ended = await self._execute(delete(sessions).where(sessions.c.organization_id == organization_id))
        for begun in (one_time_codes, sign_in_flows, logout_flows, recovery_links):
            await self._execute(delete(begun).where(begun.c.organization_id == organization_id))
        return {"sessions_ended": ended.rowcount}
