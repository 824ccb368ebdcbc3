"""The port to members whom the directory does not know (R22)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.directory_policy import UnmatchedEffects
from ostiary.domain.membership import MemberStatus, Role


@dataclass(frozen=True, slots=True)
class RemovedMember:
    """A member who was removed, as the audit tells of them."""

    id: str
    email: str
    role: Role
    status: MemberStatus


class UnmatchedRepository(Protocol):
    """Members from before whom the directory has not taken over, but for those its breaker holds back."""

    async def administrators(self, organization_id: str) -> tuple[int, tuple[str, ...]]:
        """How many active administrators the directory knows, and the ids of those it does not, oldest first."""
        ...

    async def effects(self, organization_id: str, keep: str | None) -> UnmatchedEffects:
        """What removing them would do, without the member to keep."""
        ...

    async def remove(self, organization_id: str, keep: str | None, at: datetime) -> Sequence[RemovedMember]:
        """Remove them with sessions, one-time codes, links, teams and database roles; credentials stay (R13–R15)."""
        ...
