"""The breaker of one organization's directory: departures, and members held back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, given
from ostiary.adapters.db.tables import (
    directories,
    directory_departures,
    directory_group_members,
    directory_groups,
    directory_held_members,
    directory_users,
    identities,
    members,
    team_members,
)
from ostiary.domain import ids
from ostiary.domain.directory_breaker import Departures, HeldMember, Measure
from ostiary.domain.membership import ManagedBy, MemberStatus, Role
from ostiary.services.paging import Page, PageRequest

_held = directory_held_members.c


class DirectoryBreaker(Repository):
    """Departures and held members of one organization's directory."""

    async def departures(self, organization_id: str, member_id: str, since: datetime) -> Departures:
        """Who went since, the member included or not. Others who take somebody away wait until this is over (R63)."""
        # No row is there to lock that other writes would not queue up at.
        await self._execute(_ALONE, {"key": "departures:" + organization_id})
        row = await self._first(_LOOK, {"organization_id": organization_id, "member_id": member_id, "since": since})
        assert row is not None
        return Departures(
            is_tripped=row.tripped_at is not None,
            gone=row.last - row.first + 1 if row.first is not None else 0,
            includes_member=row.went_at is not None,
            last=row.last or 0,
            measure=None if row.measured_at is None else Measure(row.members, row.measured_at),
            last_at=row.last_at,
        )

    async def count_active_members(self, organization_id: str) -> int:
        """How many members have access."""
        return await self._scalar(
            select(func.count())
            .select_from(members)
            .where(members.c.organization_id == organization_id, members.c.status == MemberStatus.ACTIVE)
        )

    async def note_departure(
        self, organization_id: str, member_id: str, number: int, at: datetime, measure: Measure | None
    ) -> None:
        """Remember that the member went."""
        values = {
            "organization_id": organization_id,
            "member_id": member_id,
            "number": number,
            "at": at,
            "members": None if measure is None else measure.members,
            "measured_at": None if measure is None else measure.at,
        }
        await self._execute(_NOTE, values)

    async def trip(self, organization_id: str, at: datetime) -> None:
        """Hold back everybody from now on."""
        await self._execute(
            update(directories).where(directories.c.organization_id == organization_id).values(breaker_tripped_at=at)
        )

    async def hold_back(
        self, organization_id: str, member_id: str, at: datetime, *, is_removal: bool, deleted: bool
    ) -> None:
        """Remember a member as held back; of one `deleted` also the pushed user and its groups, before they go."""
        values: dict[str, Any] = {
            "organization_id": organization_id,
            "member_id": member_id,
            "held_at": at,
            "is_removal": is_removal,
        }
        if deleted:
            values["pushed_user"] = _pushed_user(organization_id, member_id)
            values["group_ids"] = _groups(organization_id, member_id)
        statement = pg_insert(directory_held_members).values(**values)
        changes = {name: statement.excluded[name] for name in values if name not in ("organization_id", "member_id")}
        await self._execute(
            statement.on_conflict_do_update(index_elements=[*directory_held_members.primary_key], set_=changes)
        )

    async def let_go(self, organization_id: str, member_id: str) -> None:
        """Forget that a member is held back, because the directory brought them back; groups deleted return."""
        who = {"organization_id": organization_id, "member_id": member_id}
        await self._defer(_INTO_GROUPS, who)
        await self._defer(_LET_GO, who)

    async def leave_group(
        self, organization_id: str, group_id: str, values: Sequence[str], *, others: bool
    ) -> tuple[str, ...]:
        """Forget that deleted users were in the group; answers who is to leave its team.

        Those whom `values` name, by id, userName or externalId; with `others` everybody else.
        """
        named = {
            "its_organization_id": organization_id,
            "group_id": group_id,
            "member_ids": [value for value in values if ids.decode(ids.MEMBER, value) is not None],
            "user_names": [value.lower() for value in values],
            "external_ids": list(values),
        }
        return tuple(row.member_id for row in await self._execute(_OTHERS_LEAVE if others else _LEAVE, named))

    async def held(self, organization_id: str, page: PageRequest | None = None) -> Page[HeldMember]:
        """Who is held back, oldest member first; everybody without a page."""
        statement = (
            select(members, _held.held_at, _held.is_removal)
            .join(members, _is_held(organization_id))
            .order_by(_held.member_id)
        )
        if page is not None:
            statement = statement.limit(page.limit + 1)
            if page.after is not None:
                statement = statement.where(_held.member_id > page.after)
        found = [_held_member(row) for row in await self._execute(statement)]
        if page is None or len(found) <= page.limit:
            return Page(tuple(found), None)
        return Page(tuple(found[: page.limit]), page.cursor(found[page.limit - 1].member_id))

    async def restore(self, organization_id: str, at: datetime) -> None:
        """Make everybody held back active again, with what the directory deleted of them."""
        await self._execute(_deleted_users_again(organization_id, at))
        await self._execute(
            update(directory_users)
            .where(
                directory_users.c.organization_id == organization_id,
                directory_users.c.active.is_(False),
                _held.organization_id == organization_id,
                _held.member_id == directory_users.c.id,
            )
            .values(**_active(directory_users.c, at))
        )
        await self._execute(_into_groups(_held.organization_id == organization_id))
        is_known = exists(
            select(directory_users.c.id).where(
                directory_users.c.organization_id == members.c.organization_id, directory_users.c.id == members.c.id
            )
        )
        await self._execute(
            update(members)
            .where(_is_held(organization_id))
            .values(
                status=MemberStatus.ACTIVE,
                managed_by=case((is_known, ManagedBy.DIRECTORY.value), else_=ManagedBy.MANUAL.value),
            )
        )

    async def remove(self, organization_id: str, at: datetime, *, keep_administrators: bool) -> None:
        """Remove who is held back and was to be removed; the links of all of them end (R35, R43)."""
        await self._execute(
            update(identities)
            .where(
                identities.c.organization_id == organization_id,
                identities.c.removed_at.is_(None),
                _is_held(organization_id),
                identities.c.account_id == members.c.account_id,
            )
            .values(removed_at=at)
        )
        statement = delete(members).where(_is_held(organization_id), _held.is_removal)
        if keep_administrators:
            statement = statement.where(members.c.role != Role.ADMINISTRATOR)
        await self._execute(statement)

    async def close(self, organization_id: str, *, start_anew: bool) -> None:
        """Nobody is held back any more; `start_anew` also forgets who went so far."""
        for table in (directory_held_members, *((directory_departures,) if start_anew else ())):
            await self._execute(delete(table).where(table.c.organization_id == organization_id))
        await self._execute(
            update(directories).where(directories.c.organization_id == organization_id).values(breaker_tripped_at=None)
        )


def _look() -> Select[*tuple[Any, ...]]:
    """The breaker's state, the first number in the window, the last row of all, and the member's own."""
    of = directory_departures.c
    here = of.organization_id == given(of.organization_id)
    since = given(of.at, "since")
    first = select(of.number).where(here, of.at > since).order_by(of.at, of.number).limit(1).scalar_subquery()
    went_at = select(of.at).where(here, of.member_id == given(of.member_id), of.at > since).scalar_subquery()
    last = (
        select(of.number, of.at, of.members, of.measured_at).where(here).order_by(of.number.desc()).limit(1).subquery()
    )
    return (
        select(
            directories.c.breaker_tripped_at.label("tripped_at"),
            first.label("first"),
            went_at.label("went_at"),
            last.c.number.label("last"),
            last.c.at.label("last_at"),
            last.c.members,
            last.c.measured_at,
        )
        .outerjoin(last, literal(value=True))
        .where(directories.c.organization_id == given(of.organization_id))
    )


def _is_held(organization_id: str) -> ColumnElement[bool]:
    return (
        (_held.organization_id == organization_id)
        & (members.c.organization_id == organization_id)
        & (members.c.id == _held.member_id)
    )


def _leave(*, others: bool) -> Prepared:
    """Take deleted users out of a group: those a push names, or all others."""
    pushed, no = cast(_held.pushed_user, JSONB), literal(value=False)
    named = or_(
        _held.member_id == any_(bindparam("member_ids", type_=ARRAY(_held.member_id.type))),
        func.coalesce(func.lower(pushed["user_name"].astext) == any_(bindparam("user_names", type_=ARRAY(Text))), no),
        func.coalesce(pushed["external_id"].astext == any_(bindparam("external_ids", type_=ARRAY(Text))), no),
    )
    group_id = given(team_members.c.team_id, "group_id")
    return Prepared(
        update(directory_held_members)
        .where(
            _held.organization_id == given(_held.organization_id, "its_organization_id"),
            group_id == func.any(_held.group_ids),
            ~named if others else named,
        )
        .values(group_ids=func.array_remove(_held.group_ids, group_id))
        .returning(_held.member_id)
    )


def _held_member(row: Row[Any]) -> HeldMember:
    return HeldMember(
        member_id=row.id,
        account_id=row.account_id,
        email=row.email,
        name=row.name,
        is_administrator=row.role == Role.ADMINISTRATOR,
        held_at=row.held_at,
        is_removal=row.is_removal,
    )


def _pushed_user(organization_id: str, member_id: str) -> Any:
    return (
        select(func.to_jsonb(literal_column(directory_users.name)))
        .where(directory_users.c.organization_id == organization_id, directory_users.c.id == member_id)
        .scalar_subquery()
    )


def _groups(organization_id: str, member_id: str) -> Any:
    of = directory_group_members.c
    ids: ColumnElement[Any] = func.array_agg(of.group_id)
    group_ids = select(ids).where(of.organization_id == organization_id, of.member_id == member_id)
    return func.coalesce(group_ids.scalar_subquery(), literal_column("'{}'::uuid[]"))


def _active(of: Any, at: datetime) -> dict[str, Any]:
    is_active = literal({"active": True}, JSONB)
    return {
        "active": True,
        "document": cast(of.document, JSONB).op("||")(is_active),
        "version": of.version + 1,
        "modified_at": at,
    }


def _deleted_users_again(organization_id: str, at: datetime) -> Any:
    """The pushed users the directory deleted, unless it has pushed somebody of that userName since."""
    columns = [column(each.name, each.type) for each in directory_users.c]
    of_row = func.jsonb_populate_record(literal_column(f"NULL::{directory_users.name}"), _held.pushed_user)
    pushed = of_row.table_valued(*columns, name="pushed")
    values = {each.name: pushed.c[each.name] for each in directory_users.c} | {
        name: literal(value, directory_users.c[name].type) if name in ("active", "modified_at") else value
        for name, value in _active(pushed.c, at).items()
    }
    rows = (
        select(*values.values())
        .select_from(directory_held_members)
        .join(pushed, literal(value=True))
        .where(_held.organization_id == organization_id, func.jsonb_typeof(_held.pushed_user) == "object")
    )
    return pg_insert(directory_users).from_select(list(values), rows).on_conflict_do_nothing()


def _into_groups(who: ColumnElement[bool]) -> Any:
    """Put those the directory deleted back into the groups that are still there."""
    rows = (
        select(directory_groups.c.organization_id, directory_groups.c.id, _held.member_id)
        .join(
            directory_held_members,
            (_held.organization_id == directory_groups.c.organization_id)
            & (directory_groups.c.id == func.any(_held.group_ids)),
        )
        .join(
            directory_users,
            (directory_users.c.organization_id == _held.organization_id) & (directory_users.c.id == _held.member_id),
        )
        .where(who)
    )
    names = ["organization_id", "group_id", "member_id"]
    return pg_insert(directory_group_members).from_select(names, rows).on_conflict_do_nothing()


_KEY = func.hashtextextended(bindparam("key", type_=Text), 0)
_ALONE = Prepared(select(func.pg_advisory_xact_lock(_KEY).label("locked")))
_LOOK = Prepared(_look())
_NOTED = pg_insert(directory_departures).values(all_given(directory_departures.c))
_NOTE = Prepared(
    _NOTED.on_conflict_do_update(
        index_elements=[*directory_departures.primary_key],
        set_={name: _NOTED.excluded[name] for name in ("number", "at", "members", "measured_at")},
    )
)
_THIS_ONE = (_held.organization_id == given(_held.organization_id)) & (_held.member_id == given(_held.member_id))
_INTO_GROUPS = Prepared(_into_groups(_THIS_ONE))
_LEAVE, _OTHERS_LEAVE = _leave(others=False), _leave(others=True)
_LET_GO = Prepared(delete(directory_held_members).where(_THIS_ONE))
