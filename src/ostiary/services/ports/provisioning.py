"""Repositories of what a directory pushed: users and groups of one organization, as SCIM reads and writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import DirectoryGroup, DirectoryUser
from ostiary.domain.membership import Member

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Named:
    """An id and the name people know it by."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user to send back. `version` is 0 for a member no directory ever wrote (R49)."""

    id: str
    document: Mapping[str, JsonValue]
    version: int
    created_at: datetime
    modified_at: datetime
    groups: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group to send back. `members` are ids; None where nobody asked for them."""

    id: str
    document: Mapping[str, JsonValue]
    version: int
    created_at: datetime
    modified_at: datetime
    members: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sorting:
    """An order by an attribute, named as RFC 7644 §3.10 names them."""

    by: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: the id of its last resource, and what that is sorted by, as text."""

    id: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which resources, and which page of them: an RFC 7644 filter, an order (else that of the ids), and a size.

    A page is found by its first index; with a `cursor`, empty for the first page, by what the page before ended with
    (RFC 9865), which the service reads into `after`. `members` and `groups` are joined only where asked for.
    """

    filter: str | None = None
    start_index: int = 1
    count: int = 100
    joined: bool = True
    sorting: Sorting | None = None
    cursor: str | None = None
    after: Position | None = None

    @property
    def by_cursor(self) -> bool:
        """Whether pages go by cursors."""
        return self.cursor is not None


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page, and how many match in all. By cursor: where the next page begins, and the cursor that says so."""

    total: int
    items: tuple[T, ...]
    next: Position | None = None
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the values of group members name: pushed users, members not yet directory-managed, or nobody (yet)."""

    users: Mapping[str, str] = field(default_factory=dict[str, str])
    unmanaged: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()


class DirectoryUserRepository(Protocol):
    """Users of one organization's directory; their ids are members' ids."""

    async def find(self, organization_id: str, user_id: str, *, joined: bool) -> StoredUser | None:
        """A pushed user, or a member the directory does not manage yet (R49)."""
        ...

    async def list(self, organization_id: str, query: ListQuery) -> Listing[StoredUser]:
        """Pushed users and members not yet managed; raises `invalid_filter`, `invalid_path`, `invalid_cursor`."""
        ...

    async def lock(self, organization_id: str, user_id: str) -> DirectoryUser | None:
        """The pushed user, its row locked."""
        ...

    async def lock_with_member(
        self, organization_id: str, user_id: str
    ) -> tuple[DirectoryUser, Member, tuple[Named, ...]] | None:
        """The pushed user and the member, both rows locked, with the user's groups; None unless both are there."""
        ...

    async def match_member(self, organization_id: str, user_name: str, email: str | None) -> Member | None:
        """A member without a pushed user whose address is the userName or else the e-mail, locked (R49)."""
        ...

    async def add(self, user: DirectoryUser) -> None:
        """Store a new user; raises `user_name_taken`."""
        ...

    async def add_each(self, users: Sequence[DirectoryUser]) -> None:
        """Store many new users; raises `user_name_taken`."""
        ...

    async def are_unheard_of(self, organization_id: str, users: Sequence[DirectoryUser]) -> bool:
        """Whether nothing here can have to do with any of them; False also where that takes more than one look.

        Nobody has such a userName, no unmanaged member has such an address, and no group keeps a place for one.
        """
        ...

    async def save(self, user: DirectoryUser) -> None:
        """Store a user read before; raises `user_name_taken`."""
        ...

    async def delete(self, organization_id: str, user_id: str) -> None:
        """Forget the user, and its place in every group."""
        ...


class DirectoryGroupRepository(Protocol):
    """Groups of one organization's directory; their ids are teams' ids (R44)."""

    async def find(self, organization_id: str, group_id: str, *, joined: bool) -> StoredGroup | None:
        """A pushed group."""
        ...

    async def list(self, organization_id: str, query: ListQuery) -> Listing[StoredGroup]:
        """Pushed groups; raises `invalid_filter`, `invalid_path`, `invalid_cursor`."""
        ...

    async def lock(self, organization_id: str, group_id: str) -> DirectoryGroup | None:
        """The pushed group, its row locked."""
        ...

    async def add(self, group: DirectoryGroup) -> None:
        """Store a new group, whose team is there already."""
        ...

    async def save(self, group: DirectoryGroup) -> None:
        """Store a group read before."""
        ...

    async def resolve(self, organization_id: str, values: Sequence[str]) -> Resolved:
        """Whom the values name: by id, else by userName, else by an externalId that one user alone has."""
        ...

    async def add_members(
        self, organization_id: str, group_id: str, member_ids: Sequence[str], at: datetime
    ) -> tuple[str, ...]:
        """Put users into the group, and those with a membership into its team; answers who is new."""
        ...

    async def remove_members(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> tuple[str, ...]:
        """Take users out of the group, not yet of its team; answers who was in it."""
        ...

    async def keep_only(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> tuple[str, ...]:
        """Take everybody else out of the group, not yet of its team; answers who was."""
        ...

    async def leave_team(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> None:
        """Take members out of the group's team."""
        ...

    async def reserve(self, organization_id: str, group_id: str, values: Sequence[str]) -> None:
        """Keep places for those not yet provisioned (R45)."""
        ...

    async def release(self, organization_id: str, group_id: str, values: Sequence[str] | None) -> None:
        """Give up places kept; all of the group's with None."""
        ...

    async def claim(self, organization_id: str, user: DirectoryUser) -> tuple[str, ...]:
        """Put the user into the groups that keep a place for it (R45); answers which."""
        ...

    async def join_teams(self, organization_id: str, member_id: str, at: datetime) -> None:
        """Put a member who joined or came back into the teams of the user's groups (R43, R44)."""
        ...


class DirectoryResourceRepository(Protocol):
    """Users and groups of one organization's directory together (RFC 7644 §3.4.2.1)."""

    async def list(
        self, organization_id: str, query: ListQuery, *, groups_of_users: bool, members_of_groups: bool
    ) -> Listing[StoredUser | StoredGroup]:
        """Users and groups in one order; raises `invalid_filter`, `invalid_path`, `invalid_cursor`."""
        ...
