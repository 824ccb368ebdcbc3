"""The port to what differs between a directory and its organization: each call finds and mends many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.directory import DirectoryUser
from ostiary.domain.membership import Member, MemberStatus, Role


@dataclass(frozen=True, slots=True)
class MendedMember:
    """A member whose row was mended. `is_pushed` says whether the directory has a user for them."""

    id: str
    email: str
    role: Role
    status: MemberStatus
    is_pushed: bool


@dataclass(frozen=True, slots=True)
class MendedTeam:
    """A team whose row was mended: the name it had, and has now."""

    id: str
    name: str
    name_after: str


@dataclass(frozen=True, slots=True)
class MendedCount:
    """How many there were said to be of a kind (`user`, `group`, `unmanaged`), and how many there are."""

    kind: str
    said: int
    there: int


class DriftRepository(Protocol):
    """One organization, under its exclusive lock or in a snapshot. Whom the breaker holds back is nobody's drift."""

    async def suspend(self, organization_id: str, at: datetime) -> Sequence[MendedMember]:
        """Suspend active members whom the directory deactivated, or as whose it has no user; their access ends."""
        ...

    async def reactivate(self, organization_id: str) -> Sequence[MendedMember]:
        """Reactivate suspended members whose users are active."""
        ...

    async def manage(self, organization_id: str) -> Sequence[MendedMember]:
        """Make members the directory's who are its users."""
        ...

    async def without_membership(self, organization_id: str) -> Sequence[DirectoryUser]:
        """Active users who are no members."""
        ...

    async def add_members(self, joining: Sequence[Member]) -> None:
        """Store new members."""
        ...

    async def delete_stray_teams(self, organization_id: str) -> Sequence[MendedTeam]:
        """Delete teams that belong to no group."""
        ...

    async def restate_teams(self, organization_id: str) -> Sequence[MendedTeam]:
        """Name and manage teams as their groups say."""
        ...

    async def reservations(self, organization_id: str) -> Mapping[str, Sequence[str]]:
        """The values for which places are kept, by group."""
        ...

    async def fill_teams(self, organization_id: str, at: datetime) -> Sequence[tuple[str, str]]:
        """Put members of groups into their teams; answers team and member of each who was missing."""
        ...

    async def clear_teams(self, organization_id: str) -> Sequence[tuple[str, str]]:
        """Take members out of teams in whose groups they are not; answers team and member."""
        ...

    async def recount(self, organization_id: str) -> Sequence[MendedCount]:
        """Count again what lists say there is in all."""
        ...
