"""The port to everything a directory pushed, for reading it anew."""

from collections.abc import Sequence
from typing import Protocol

from ostiary.domain.directory import DirectoryUser
from ostiary.domain.directory_reapply import Reread
from ostiary.domain.membership import Member


class ReapplyRepository(Protocol):
    """Stored users of one organization's directory beside their members, many at a time."""

    async def part(
        self, organization_id: str, after: str | None, limit: int
    ) -> Sequence[tuple[DirectoryUser, Member | None]]:
        """Users after the id, in order of their ids, each with the member it is."""
        ...

    async def save(self, organization_id: str, rereads: Sequence[Reread]) -> None:
        """Store what was read anew of users and members, in one statement each; no document is another for that."""
        ...
