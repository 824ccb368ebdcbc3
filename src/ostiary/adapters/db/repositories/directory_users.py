"""Users of one organization's directory: what it pushed, and the members it does not manage yet (R49)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from scim2_models import EnterpriseUser, User
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, given
from ostiary.adapters.db.repositories.directory_pages import Branch, Kind, Rows, Tenant, next_of, paged, total_of
from ostiary.adapters.db.repositories.directory_rows import directory_user_values, read_directory_user
from ostiary.adapters.db.repositories.member_rows import read_member
from ostiary.adapters.db.repositories.shapes import Statements, shaped
from ostiary.adapters.db.tables import (
    directory_group_members,
    directory_group_reservations,
    directory_groups,
    directory_users,
    members,
)
from ostiary.adapters.db.tables.base import TypeId
from ostiary.adapters.scim.filters import Relation, Source
from ostiary.domain import ids
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.directory_document import USER_SCHEMA
from ostiary.domain.membership import ManagedBy, Member, MemberStatus
from ostiary.services.ports.provisioning import Listing, ListQuery, Named, StoredUser

# A member the directory does not manage, as the document it would have.
_MEMBER_DOCUMENT = func.jsonb_build_object(
    "schemas",
    func.jsonb_build_array(USER_SCHEMA),
    "userName",
    members.c.email,
    "displayName",
    members.c.name,
    "name",
    func.jsonb_build_object("formatted", members.c.name),
    "emails",
    func.jsonb_build_array(func.jsonb_build_object("value", members.c.email, "type", "work", "primary", True)),
    "active",
    members.c.status == MemberStatus.ACTIVE,
    type_=JSONB,
)


def _groups_of(organization_id: Tenant, member_id: ColumnElement[str]) -> Relation:
    rows = (
        select(literal(1))
        .select_from(directory_group_members)
        .join(
            directory_groups,
            (directory_groups.c.organization_id == directory_group_members.c.organization_id)
            & (directory_groups.c.id == directory_group_members.c.group_id),
        )
        .where(
            directory_group_members.c.organization_id == organization_id,
            directory_group_members.c.member_id == member_id,
        )
    )
    return Relation(rows, {"value": directory_groups.c.id, "display": directory_groups.c.display_name})


# As the index has them, word by word.
_EMAIL_VALUES: ColumnElement[Any] = literal_column(
    """(lower(jsonb_path_query_array(directory_users.document, '$."emails"[*]."value"')::text)::jsonb)""", JSONB
)


def _pairs(organization_id: Tenant, member_id: ColumnElement[str]) -> ColumnElement[Any]:
    """The groups of a user, each as its id and its name, in the order of the names."""
    name, group_id = directory_groups.c.display_name, directory_groups.c.id
    pairs = func.jsonb_agg(aggregate_order_by(func.jsonb_build_array(group_id, name), name, group_id))
    groups = _groups_of(organization_id, member_id).rows.with_only_columns(pairs).scalar_subquery()
    return func.coalesce(groups, literal([], JSONB), type_=JSONB)


def _has_email(address: ColumnElement[str]) -> ColumnElement[bool]:
    wanted = cast(func.lower(cast(func.jsonb_build_array(address), Text)), JSONB)
    return _EMAIL_VALUES.op("@>", is_comparison=True, return_type=Boolean())(wanted)


def _pushed(organization_id: Tenant) -> Source:
    users = directory_users.c
    return Source(
        model=User[EnterpriseUser],
        document=users.document,
        columns={
            "id": users.id,
            "username": users.user_name,
            "externalid": users.external_id,
            "active": users.active,
            "meta.created": users.created_at,
            "meta.lastmodified": users.modified_at,
            "meta.resourcetype": literal("User"),
        },
        relations={"groups": _groups_of(organization_id, users.id)},
        lookups={"emails.value": _has_email},
    )


def _unmanaged(organization_id: Tenant) -> Source:
    return Source(
        model=User[EnterpriseUser],
        document=_MEMBER_DOCUMENT,
        columns={
            "id": members.c.id,
            "username": members.c.email,
            "externalid": cast(None, Text),
            "active": members.c.status == MemberStatus.ACTIVE,
            "meta.created": members.c.joined_at,
            "meta.lastmodified": members.c.joined_at,
            "meta.resourcetype": literal("User"),
        },
        relations={"groups": _groups_of(organization_id, members.c.id)},
    )


# Written out, not a parameter, so that the index of these members serves. Of the directory's own members, one without
# a pushed user was deleted there and is only held back (R61): it is not listed.
IS_UNMANAGED = members.c.managed_by != literal_column(f"'{ManagedBy.DIRECTORY}'")

_HAS_PUSHED_USER = exists(
    select(directory_users.c.id).where(
        directory_users.c.organization_id == members.c.organization_id, directory_users.c.id == members.c.id
    )
)


_ID: ColumnElement[str] = literal_column("id")
_LOCK = Prepared(
    select(directory_users)
    .where(
        directory_users.c.organization_id == given(directory_users.c.organization_id),
        directory_users.c.id == given(directory_users.c.id),
    )
    .with_for_update(key_share=True)
)
_LOCK_MEMBER = Prepared(
    select(
        directory_users,
        *(column.label(f"member_{column.key}") for column in members.c),
        _pairs(given(directory_users.c.organization_id), directory_users.c.id).label("groups"),
    )
    .join(
        members,
        (members.c.organization_id == directory_users.c.organization_id) & (members.c.id == directory_users.c.id),
    )
    .where(
        directory_users.c.organization_id == given(directory_users.c.organization_id),
        directory_users.c.id == given(directory_users.c.id),
    )
    .with_for_update(key_share=True, of=[directory_users, members])
)
_ADD = Prepared(insert(directory_users).values(all_given(directory_users.c)))
_SAVE = Prepared(
    update(directory_users)
    .where(
        directory_users.c.organization_id == given(directory_users.c.organization_id, "its_organization_id"),
        directory_users.c.id == given(directory_users.c.id, "its_id"),
    )
    .values(
        all_given(column for column in directory_users.c if column.key not in {"organization_id", "id", "created_at"})
    )
)
_BY_USER_NAME = members.c.email == func.lower(given(directory_users.c.user_name))
_MATCHING_MEMBER = Prepared(
    select(members)
    .where(
        members.c.organization_id == given(members.c.organization_id),
        or_(_BY_USER_NAME, members.c.email == given(members.c.email)),
        ~_HAS_PUSHED_USER,
    )
    .order_by(_BY_USER_NAME.desc(), members.c.id)
    .limit(1)
    .with_for_update(key_share=True)
)
_reserved = directory_group_reservations.c
_HEARD_OF = Prepared(
    union_all(
        select(directory_users.c.id).where(
            directory_users.c.organization_id == given(directory_users.c.organization_id),
            func.lower(directory_users.c.user_name) == any_(bindparam("names", type_=ARRAY(Text))),
        ),
        select(members.c.id).where(
            members.c.organization_id == given(members.c.organization_id),
            members.c.email == any_(bindparam("addresses", type_=ARRAY(Text))),
            ~_HAS_PUSHED_USER,
        ),
        select(_reserved.group_id).where(
            _reserved.organization_id == given(_reserved.organization_id),
            func.lower(_reserved.value) == any_(bindparam("values", type_=ARRAY(Text))),
        ),
    ).limit(1)
)


class DirectoryUsers(Repository):
    """Users of one organization's directory; their ids are members' ids."""

    async def find(self, organization_id: str, user_id: str, *, joined: bool) -> StoredUser | None:
        """A pushed user, or a member the directory does not manage yet (R49)."""
        row = await self._first(_by_id(joined=joined), {"organization_id": organization_id, "id": user_id})
        return None if row is None else _stored(row)

    async def list(self, organization_id: str, query: ListQuery) -> Listing[StoredUser]:
        """Pushed users and members not yet managed; raises `invalid_filter`, `invalid_path`, `invalid_cursor`."""
        found, strings = shaped(query, _page)
        parameters = found.parameters(organization_id, query, strings)
        rows: Sequence[Row[*tuple[Any, ...]]] = ()
        if query.count:
            rows = (await self._execute(found.statements.rows, parameters)).all()
        total = total_of(query, rows)
        if total is None:
            total = await self._scalar(found.statements.total, parameters)
        return Listing(total, tuple(_stored(row) for row in rows[: query.count]), next_of(query, rows))

    async def find_all(self, organization_id: str, user_ids: Sequence[str], *, joined: bool) -> tuple[StoredUser, ...]:
        """The users with these ids, in the order of their ids."""
        wanted = literal(list(user_ids), ARRAY(TypeId(ids.MEMBER)))
        found = _users(organization_id, lambda row_id: row_id == any_(wanted))
        rows = await self._execute(_joined(organization_id, found, (_ID,), joined=joined))
        return tuple(_stored(row) for row in rows)

    async def lock(self, organization_id: str, user_id: str) -> DirectoryUser | None:
        """The pushed user, its row locked."""
        row = await self._first(_LOCK, {"organization_id": organization_id, "id": user_id})
        return None if row is None else read_directory_user(row)

    async def lock_with_member(
        self, organization_id: str, user_id: str
    ) -> tuple[DirectoryUser, Member, tuple[Named, ...]] | None:
        """The pushed user and the member, both rows locked, with the user's groups; None unless both are there."""
        row = await self._first(_LOCK_MEMBER, {"organization_id": organization_id, "id": user_id})
        return None if row is None else (read_directory_user(row), read_member(row, "member_"), _groups(row))

    async def match_member(self, organization_id: str, user_name: str, email: str | None) -> Member | None:
        """A member without a pushed user whose address is the userName or else the e-mail, locked (R49)."""
        named = {"organization_id": organization_id, "user_name": user_name, "email": email}
        row = await self._first(_MATCHING_MEMBER, named)
        return None if row is None else read_member(row)

    async def add(self, user: DirectoryUser) -> None:
        """Store a new user; raises `user_name_taken`."""
        await self._defer(_ADD, _row(user))

    async def add_each(self, users: Sequence[DirectoryUser]) -> None:
        """Store many new users; raises `user_name_taken`."""
        await self._execute_many(_ADD, [_row(user) for user in users])

    async def are_unheard_of(self, organization_id: str, users: Sequence[DirectoryUser]) -> bool:
        """Whether nothing here can have to do with any of them; False also where that takes more than one look."""
        names = [user.user_name.lower() for user in users]
        outside = [user.external_id.lower() for user in users if user.external_id is not None]
        if not all(text.isascii() for text in (*names, *outside)):
            # Of other letters the database has its own idea which of them are the same.
            return False
        addresses = [*names, *(user.email for user in users if user.email is not None)]
        wanted = {"organization_id": organization_id, "names": names, "addresses": addresses}
        return await self._first(_HEARD_OF, {**wanted, "values": [*names, *outside]}) is None

    async def save(self, user: DirectoryUser) -> None:
        """Store a user read before; raises `user_name_taken`."""
        named = {"its_organization_id": user.organization_id, "its_id": user.id}
        await self._defer(_SAVE, {**named, **directory_user_values(user)})

    async def delete(self, organization_id: str, user_id: str) -> None:
        """Forget the user, and its place in every group."""
        await self._execute(delete(directory_users).where(_one(organization_id, user_id)))


def _row(user: DirectoryUser) -> dict[str, Any]:
    named = {"organization_id": user.organization_id, "id": user.id, "created_at": user.created_at}
    return {**named, **directory_user_values(user)}


def _one(organization_id: str, user_id: str) -> ColumnElement[bool]:
    return (directory_users.c.organization_id == organization_id) & (directory_users.c.id == user_id)


def user_branches(organization_id: Tenant) -> tuple[Branch, Branch]:
    """Both kinds of users: those pushed, and the members not yet managed."""
    users = directory_users.c
    pushed = select(users.id, users.document, users.version, users.created_at, users.modified_at).where(
        users.organization_id == organization_id
    )
    unmanaged = select(
        members.c.id,
        _MEMBER_DOCUMENT.label("document"),
        literal(0).label("version"),
        members.c.joined_at.label("created_at"),
        members.c.joined_at.label("modified_at"),
    ).where(members.c.organization_id == organization_id, IS_UNMANAGED, ~_HAS_PUSHED_USER)
    return (
        Branch(pushed, users.id, _pushed(organization_id), Kind.USER),
        Branch(unmanaged, members.c.id, _unmanaged(organization_id), Kind.UNMANAGED),
    )


def _users(
    organization_id: Tenant, wanted: Callable[[ColumnElement[str]], ColumnElement[bool]]
) -> CompoundSelect[*tuple[Any, ...]]:
    return union_all(*(branch.rows.where(wanted(branch.row_id)) for branch in user_branches(organization_id)))


def _joined(
    organization_id: Tenant,
    users: Rows,
    order: Sequence[ColumnElement[Any]],
    *,
    joined: bool,
) -> Select[*tuple[Any, ...]]:
    """The users with their groups, which are looked for once the page is cut."""
    page = users.subquery("page")
    if not joined:
        return select(page, literal([], JSONB).label("groups")).order_by(*order)
    return select(page, _pairs(organization_id, page.c.id).label("groups")).order_by(*order)


def _stored(row: Row[*tuple[Any, ...]]) -> StoredUser:
    return StoredUser(
        id=row.id,
        document=row.document,
        version=row.version,
        created_at=row.created_at,
        modified_at=row.modified_at,
        groups=_groups(row),
    )


def _groups(row: Row[*tuple[Any, ...]]) -> tuple[Named, ...]:
    return tuple(Named(ids.encode(ids.TEAM, UUID(group_id)), name) for group_id, name in row.groups)


def _page(query: ListQuery) -> Statements:
    organization_id = given(directory_users.c.organization_id)
    page = paged(organization_id, query, user_branches(organization_id))
    return Statements(_joined(organization_id, page.rows, page.order, joined=query.joined), page.total)


@cache
def _by_id(*, joined: bool) -> Prepared:
    organization_id, user_id = given(directory_users.c.organization_id), given(directory_users.c.id)
    found = _users(organization_id, lambda row_id: row_id == user_id)
    return Prepared(_joined(organization_id, found, (_ID,), joined=joined))
