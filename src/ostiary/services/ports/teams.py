"""Repository of teams."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from ostiary.domain.team import Team
from ostiary.services.paging import Page, PageRequest


class TeamRepository(Protocol):
    """Teams of one organization, and who is in them."""

    async def add(self, team: Team) -> None:
        """Store a new team; raises `team_name_taken`."""
        ...

    async def get(self, organization_id: str, team_id: str, *, lock: bool = False) -> Team | None:
        """The team, its row locked if asked."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[Team]:
        """Teams, oldest first."""
        ...

    async def existing(self, organization_id: str, team_ids: Collection[str]) -> frozenset[str]:
        """Which of the ids are teams of the organization."""
        ...

    async def rename(self, organization_id: str, team_id: str, name: str) -> None:
        """Change the name; raises `team_name_taken`."""
        ...

    async def delete(self, organization_id: str, team_id: str) -> None:
        """Delete the team, and its memberships with it."""
        ...

    async def add_member(self, organization_id: str, team_id: str, member_id: str, at: datetime) -> bool:
        """Put the member into the team; False where they were in it. Raises `team_not_found`, `member_not_found`."""
        ...

    async def join(
        self, organization_id: str, member_id: str, team_ids: Collection[str], at: datetime
    ) -> tuple[str, ...]:
        """Put a new member into those of the teams that still exist; answers which."""
        ...

    async def remove_member(self, organization_id: str, team_id: str, member_id: str) -> bool:
        """Take the member out of the team; False where they were not in it."""
        ...
