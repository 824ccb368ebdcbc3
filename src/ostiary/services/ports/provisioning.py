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
class ListQuery:
    """Which resources, in the order of their ids: an RFC 7644 filter, and a page by its first index and its size.

    `members` and `groups` are joined only where asked for.
    """

    filter: str | None = None
    start_index: int = 1
    count: int = 100
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page, and how many match in all."""

    total: int
    items: tuple[T, ...]


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
        """Pushed users and members not yet managed; raises `invalid_filter`."""
        ...

    async def lock(self, organization_id: str, user_id: str) -> DirectoryUser | None:
        """The pushed user, its row locked."""
        ...

    async def match_member(self, organization_id: str, user_name: str, email: str | None) -> Member | None:
        """A member without a pushed user whose address is the userName or else the e-mail, locked (R49)."""
        ...

    async def add(self, user: DirectoryUser) -> None:
        """Store a new user; raises `user_name_taken`."""
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
        """Pushed groups; raises `invalid_filter`."""
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
        """Take users out of the group and its team; answers who was in it."""
        ...

    async def keep_only(self, organization_id: str, group_id: str, member_ids: Sequence[str]) -> tuple[str, ...]:
        """Take everybody else out of the group and its team; answers who was."""
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
