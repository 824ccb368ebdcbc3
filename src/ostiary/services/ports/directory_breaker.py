"""Repository of the breaker: whom the directory took away lately, and who is held back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ostiary.domain.directory_breaker import Departures, HeldMember, Measure
from ostiary.services.paging import Page, PageRequest


class BreakerRepository(Protocol):
    """Departures and held members of one organization's directory."""

    async def departures(self, organization_id: str, member_id: str, since: datetime) -> Departures:
        """Who went since, the member included or not. Others who take somebody away wait until this is over (R63)."""
        ...

    async def count_active_members(self, organization_id: str) -> int:
        """How many members have access."""
        ...

    async def note_departure(
        self, organization_id: str, member_id: str, number: int, at: datetime, measure: Measure | None
    ) -> None:
        """Remember that the member went."""
        ...

    async def trip(self, organization_id: str, at: datetime) -> None:
        """Hold back everybody from now on."""
        ...

    async def hold_back(
        self, organization_id: str, member_id: str, at: datetime, *, is_removal: bool, deleted: bool
    ) -> None:
        """Remember a member as held back; of one `deleted` also the pushed user and its groups, before they go."""
        ...

    async def let_go(self, organization_id: str, member_id: str) -> None:
        """Forget that a member is held back, because the directory brought them back; groups deleted return."""
        ...

    async def leave_group(
        self, organization_id: str, group_id: str, values: Sequence[str], *, others: bool
    ) -> tuple[str, ...]:
        """Forget that deleted users were in the group; answers who is to leave its team.

        Those whom `values` name, by id, userName or externalId; with `others` everybody else.
        """
        ...

    async def held(self, organization_id: str, page: PageRequest | None = None) -> Page[HeldMember]:
        """Who is held back, oldest member first; everybody without a page."""
        ...

    async def restore(self, organization_id: str, at: datetime) -> None:
        """Make everybody held back active again, with what the directory deleted of them."""
        ...

    async def remove(self, organization_id: str, at: datetime, *, keep_administrators: bool) -> None:
        """Remove who is held back and was to be removed; the links of all of them end (R35, R43)."""
        ...

    async def close(self, organization_id: str, *, start_anew: bool) -> None:
        """Nobody is held back any more; `start_anew` also forgets who went so far."""
        ...
