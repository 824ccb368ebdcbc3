"""Groups of one organization's directory, each of them a team, and who is in them (R44, R45)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scim2_models import Group
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, given
from ostiary.adapters.db.repositories.directory_pages import Branch, Kind, Tenant, next_of, paged, total_of
from ostiary.adapters.db.repositories.directory_rows import directory_group_values, read_directory_group
from ostiary.adapters.db.repositories.directory_users import IS_UNMANAGED
from ostiary.adapters.db.repositories.shapes import Statements, shaped
from ostiary.adapters.db.tables import (
    directory_group_members,
    directory_group_reservations,
    directory_groups,
    directory_users,
    members,
    team_members,
)
from ostiary.adapters.db.tables.base import TypeId
from ostiary.adapters.scim.filters import Relation, Source
from ostiary.domain import ids
from ostiary.domain.directory import DirectoryGroup, DirectoryUser
from ostiary.services.ports.provisioning import Listing, ListQuery, Resolved, StoredGroup


def _source(organization_id: Tenant) -> Source:
    groups = directory_groups.c
    rows = (
        select(literal(1))
        .select_from(directory_group_members)
        .where(
            directory_group_members.c.organization_id == organization_id,
            directory_group_members.c.group_id == groups.id,
        )
    )
    return Source(
        model=Group,
        document=groups.document,
        columns={
            "id": groups.id,
            "displayname": groups.display_name,
            "externalid": groups.external_id,
            "meta.created": groups.created_at,
            "meta.lastmodified": groups.modified_at,
            "meta.resourcetype": literal("Group"),
        },
        relations={"members": Relation(rows, {"value": directory_group_members.c.member_id})},
    )


def group_branch(organization_id: Tenant) -> Branch:
    """The pushed groups."""
    groups = directory_groups.c
    rows = select(groups.id, groups.document, groups.version, groups.created_at, groups.modified_at).where(
        groups.organization_id == organization_id
    )
    return Branch(rows, groups.id, _source(organization_id), Kind.GROUP)


def _one(organization_id: str, group_id: str) -> ColumnElement[bool]:
    return (directory_groups.c.organization_id == organization_id) & (directory_groups.c.id == group_id)


def _member_ids(values: Sequence[str]) -> ColumnElement[Any]:
    # One array, not one parameter each: a push may name tens of thousands.
    return literal(list(values), ARRAY(TypeId(ids.MEMBER)))


_ORGANIZATION_ID = given(directory_groups.c.organization_id)
_MEMBER_IDS = bindparam("member_ids", type_=ARRAY(TypeId(ids.MEMBER)))
_LOCK = Prepared(
    select(directory_groups)
    .where(
        directory_groups.c.organization_id == _ORGANIZATION_ID, directory_groups.c.id == given(directory_groups.c.id)
    )
    .with_for_update(key_share=True)
)
_SAVE = Prepared(
    update(directory_groups)
    .where(
        directory_groups.c.organization_id == given(directory_groups.c.organization_id, "its_organization_id"),
        directory_groups.c.id == given(directory_groups.c.id, "its_id"),
    )
    .values(
        all_given(column for column in directory_groups.c if column.key not in {"organization_id", "id", "created_at"})
    )
)
_EXISTING = Prepared(
    select(directory_users.c.id).where(
        directory_users.c.organization_id == _ORGANIZATION_ID, directory_users.c.id == any_(_MEMBER_IDS)
    )
)
# SHARE waits for whoever is just changing the user, and so sees whether it is a member afterwards (R63).
_ADD_MEMBERS = Prepared(
    pg_insert(directory_group_members)
    .from_select(
        ["organization_id", "group_id", "member_id"],
        select(directory_users.c.organization_id, given(directory_group_members.c.group_id), directory_users.c.id)
        .where(directory_users.c.organization_id == _ORGANIZATION_ID, directory_users.c.id == any_(_MEMBER_IDS))
        .with_for_update(read=True),
    )
    .on_conflict_do_nothing()
    .returning(directory_group_members.c.member_id)
)


def _into_teams(team_id: ColumnElement[str], who: ColumnElement[bool]) -> Prepared:
    present = (
        select(members.c.organization_id, team_id, members.c.id, given(team_members.c.added_at))
        .where(members.c.organization_id == _ORGANIZATION_ID, who)
        .with_for_update(read=True, key_share=True, of=members)
    )
    return Prepared(
        pg_insert(team_members)
        .from_select(["organization_id", "team_id", "member_id", "added_at"], present)
        .on_conflict_do_nothing()
    )


_INTO_TEAM = _into_teams(given(team_members.c.team_id), members.c.id == any_(_MEMBER_IDS))
_INTO_ITS_TEAMS = _into_teams(
    directory_group_members.c.group_id,
    (members.c.id == given(team_members.c.member_id))
    & (directory_group_members.c.organization_id == _ORGANIZATION_ID)
    & (directory_group_members.c.member_id == members.c.id),
)


def _out_of_group(who: ColumnElement[bool]) -> Prepared:
    of_group = directory_group_members.c
    return Prepared(
        delete(directory_group_members)
        .where(of_group.organization_id == _ORGANIZATION_ID, of_group.group_id == given(of_group.group_id), who)
        .returning(of_group.member_id)
    )


_OUT_OF_GROUP = _out_of_group(directory_group_members.c.member_id == any_(_MEMBER_IDS))
_OTHERS_OUT_OF_GROUP = _out_of_group(directory_group_members.c.member_id != all_(_MEMBER_IDS))
_OUT_OF_TEAM = Prepared(
    delete(team_members).where(
        team_members.c.organization_id == given(team_members.c.organization_id),
        team_members.c.team_id == given(team_members.c.team_id),
        team_members.c.member_id == any_(_MEMBER_IDS),
    )
)
_reserved = directory_group_reservations.c.value
_OF_GROUP = (
    directory_group_reservations.c.organization_id == _ORGANIZATION_ID,
    directory_group_reservations.c.group_id == given(directory_group_reservations.c.group_id),
)
_RELEASE_ALL = Prepared(delete(directory_group_reservations).where(*_OF_GROUP))
_RELEASE = Prepared(
    delete(directory_group_reservations).where(*_OF_GROUP, _reserved == any_(bindparam("values", type_=ARRAY(Text))))
)
_CLAIM = Prepared(
    delete(directory_group_reservations)
    .where(
        directory_group_reservations.c.organization_id == _ORGANIZATION_ID,
        or_(
            func.lower(_reserved) == func.lower(given(directory_users.c.user_name)),
            and_(
                func.lower(_reserved) == any_(bindparam("lowered", type_=ARRAY(Text))),
                _reserved == any_(bindparam("exact", type_=ARRAY(Text))),
            ),
        ),
    )
    .returning(directory_group_reservations.c.group_id)
)


class DirectoryGroups(Repository):
    """Groups of one organization's directory; their ids are teams' ids."""

    async def find(self, organization_id: str, group_id: str, *, joined: bool) -> StoredGroup | None:
        """A pushed group."""
        row = await self._first(select(directory_groups).where(_one(organization_id, group_id)))
        return None if row is None else (await self._stored(organization_id, [row], joined=joined))[0]

    async def list(self, organization_id: str, query: ListQuery) -> Listing[StoredGroup]:
        """Pushed groups; raises `invalid_filter`, `invalid_path`, `invalid_cursor`."""
        found, strings = shaped(query, _page)
        parameters = found.parameters(organization_id, query, strings)
        rows: Sequence[Row[Any]] = ()
        if query.count:
            rows = (await self._execute(found.statements.rows, parameters)).all()
        total = total_of(query, rows)
        if total is None:
            total = await self._scalar(found.statements.total, parameters)
        groups = await self._stored(organization_id, rows[: query.count], joined=query.joined)
        return Listing(total, groups, next_of(query, rows))

    async def find_all(
        self, organization_id: str, group_ids: Sequence[str], *, joined: bool
    ) -> tuple[StoredGroup, ...]:
        """The groups with these ids, in the order of their ids."""
        branch, wanted = group_branch(organization_id), literal(list(group_ids), ARRAY(TypeId(ids.TEAM)))
        rows = await self._execute(branch.rows.where(branch.row_id == any_(wanted)).order_by(branch.row_id))
        return await self._stored(organization_id, rows.all(), joined=joined)

    async def _stored(self, organization_id: str, rows: Sequence[Row[Any]], *, joined: bool) -> tuple[StoredGroup, ...]:
        found: dict[str, list[str]] = {row.id: [] for row in rows}
        if joined and found:
            of_group = directory_group_members.c
            entries = await self._execute(
                select(of_group.group_id, of_group.member_id)
                .where(of_group.organization_id == organization_id, of_group.group_id.in_(list(found)))
                .order_by(of_group.group_id, of_group.member_id)
            )
            for entry in entries:
                found[entry.group_id].append(entry.member_id)
        return tuple(
            StoredGroup(
                id=row.id,
                document=row.document,
                version=row.version,
                created_at=row.created_at,
                modified_at=row.modified_at,
                members=tuple(found[row.id]) if joined else None,
            )
            for row in rows
        )

    async def lock(self, organization_id: str, group_id: str) -> DirectoryGroup | None:
        """The pushed group, its row locked."""
        row = await self._first(_LOCK, {"organization_id": organization_id, "id": group_id})
        return None if row is None else read_directory_group(row)

    async def add(self, group: DirectoryGroup) -> None:
        """Store a new group, whose team is there already."""
        await self._execute(
            insert(directory_groups).values(
                organization_id=group.organization_id,
                id=group.id,
                created_at=group.created_at,
                **directory_group_values(group),
            )
        )

    async def save(self, group: DirectoryGroup) -> None:
        """Store a group read before."""
        named = {"its_organization_id": group.organization_id, "its_id": group.id}
        await self._defer(_SAVE, {**named, **directory_group_values(group)})

    async def resolve(self, organization_id: str, values: Sequence[str]) -> Resolved:
        """Whom the values name: by id, else by userName, else by an externalId that one user alone has."""
        by_id = [value for value in values if ids.decode(ids.MEMBER, value) is not None]
        users = {found: found for found in await self._existing(organization_id, by_id)} if by_id else {}
        missing = [value for value in by_id if value not in users]
        unmanaged = await self._unmanaged(organization_id, missing) if missing else frozenset[str]()
        known_ids = {*by_id}
        if names := [value for value in values if value not in known_ids]:
            users.update(await self._named(organization_id, names))
        return Resolved(
            users=users,
            unmanaged=unmanaged,
            unknown=tuple(value for value in values if value not in users and value not in unmanaged),
        )

    async def _existing(self, organization_id: str, member_ids: Sequence[str]) -> frozenset[str]:
        rows = await self._execute(_EXISTING, {"organization_id": organization_id, "member_ids": list(member_ids)})
        return frozenset(row.id for row in rows)

    async def _unmanaged(self, organization_id: str, member_ids: Sequence[str]) -> frozenset[str]:
        rows = await self._execute(
            select(members.c.id).where(
                members.c.organization_id == organization_id,
                members.c.id == any_(_member_ids(member_ids)),
                IS_UNMANAGED,
            )
        )
        return frozenset(row.id for row in rows)

    async def _named(self, organization_id: str, names: Sequence[str]) -> dict[str, str]:
        user_name = func.lower(directory_users.c.user_name)
        rows = await self._execute(
            select(directory_users.c.id, user_name.label("user_name"), directory_users.c.external_id).where(
                directory_users.c.organization_id == organization_id,
                or_(
                    user_name == any_(literal([name.lower() for name in names], ARRAY(Text))),
                    directory_users.c.external_id == any_(literal(list(names), ARRAY(Text))),
                ),
            )
        )
        by_user_name: dict[str, str] = {}
        by_external_id: dict[str, list[str]] = {}
        for row in rows:
            by_user_name[row.user_name] = row.id
            by_external_id.setdefault(row.external_id, []).append(row.id)
        alone = {external_id: found[0] for external_id, found in by_external_id.items() if len(found) == 1}
        return {
            name: found for name in names if (found := by_user_name.get(name.lower()) or alone.get(name)) is not None
        }

    async def add_members(
        self, organization_id: str, group_id: str, member_ids: Sequence[str], at: datetime
    ) -> tuple[str, ...]:
        """Put users into the group, and those with a membership into its team; answers who is new."""
        where: dict[str, Any] = {"organization_id": organization_id}
        named = {**where, "group_id": group_id, "member_ids": list(member_ids)}
        added = tuple(row.member_id for row in await self._execute(_ADD_MEMBERS, named))
        if added:
            await self._defer(_INTO_TEAM, {**where, "team_id": group_id, "member_ids": list(added), "added_at": at})
        return added

    async def remove_members(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> tuple[str, ...]:
        """Take users out of the group, not yet of its team; answers who was in it."""
        return await self._take_out(_OUT_OF_GROUP, organization_id, group_id, member_ids)

    async def keep_only(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> tuple[str, ...]:
        """Take everybody else out of the group, not yet of its team; answers who was."""
        return await self._take_out(_OTHERS_OUT_OF_GROUP, organization_id, group_id, member_ids)

    async def _take_out(
        self, statement: Prepared, organization_id: str, group_id: str, member_ids: Sequence[str]
    ) -> tuple[str, ...]:
        named = {"organization_id": organization_id, "group_id": group_id, "member_ids": list(member_ids)}
        return tuple(row.member_id for row in await self._execute(statement, named))

    async def leave_team(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> None:
        """Take members out of the group's team."""
        named = {"organization_id": organization_id, "team_id": group_id, "member_ids": list(member_ids)}
        await self._defer(_OUT_OF_TEAM, named)

    async def reserve(self, organization_id: str, group_id: str, values: Sequence[str]) -> None:
        """Keep places for those not yet provisioned (R45)."""
        await self._execute(
            pg_insert(directory_group_reservations).on_conflict_do_nothing(),
            [{"organization_id": organization_id, "group_id": group_id, "value": value} for value in values],
        )

    async def release(self, organization_id: str, group_id: str, values: Sequence[str] | None) -> None:
        """Give up places kept; all of the group's with None."""
        named = {"organization_id": organization_id, "group_id": group_id}
        if values is None:
            await self._defer(_RELEASE_ALL, named)
        else:
            await self._defer(_RELEASE, {**named, "values": list(values)})

    async def claim(self, organization_id: str, user: DirectoryUser) -> tuple[str, ...]:
        """Put the user into the groups that keep a place for it (R45); answers which."""
        exact = [user.id] if user.external_id is None else [user.id, user.external_id]
        result = await self._execute(
            _CLAIM,
            {
                "organization_id": organization_id,
                "user_name": user.user_name,
                "lowered": [text.lower() for text in exact],
                "exact": exact,
            },
        )
        groups = tuple(dict.fromkeys(row.group_id for row in result))
        if groups:
            await self._execute(
                pg_insert(directory_group_members).on_conflict_do_nothing(),
                [{"organization_id": organization_id, "group_id": group, "member_id": user.id} for group in groups],
            )
        return groups

    async def join_teams(self, organization_id: str, member_id: str, at: datetime) -> None:
        """Put a member who joined or came back into the teams of the user's groups (R43, R44)."""
        named = {"organization_id": organization_id, "member_id": member_id, "added_at": at}
        await self._defer(_INTO_ITS_TEAMS, named)


def _page(query: ListQuery) -> Statements:
    page = paged(_ORGANIZATION_ID, query, [group_branch(_ORGANIZATION_ID)])
    return Statements(page.rows, page.total)
