"""The repository of setup links."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.membership import Member
from ostiary.domain.setup_link import SetupLink
from ostiary.services.paging import Page, PageRequest


@dataclass(frozen=True, slots=True)
class KnownSetupLink:
    """A link with the member who made it, as they are now."""

    link: SetupLink
    creator: Member | None


class SetupLinkRepository(Protocol):
    """Setup links of one organization (R7)."""

    async def add(self, link: SetupLink, secret_hash: bytes) -> None:
        """Store a new link."""
        ...

    async def get(self, organization_id: str, link_id: str) -> KnownSetupLink | None:
        """The link."""
        ...

    async def by_secret(self, secret_hash: bytes) -> KnownSetupLink | None:
        """The link of any organization: the secret says whose it is."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[KnownSetupLink]:
        """Links, oldest first."""
        ...

    async def count(self, organization_id: str, now: datetime) -> int:
        """How many have not expired."""
        ...

    async def name(self, link: SetupLink) -> None:
        """Store what the link names."""
        ...

    async def delete(self, organization_id: str, link_id: str) -> bool:
        """Revoke it; False when there is none."""
        ...

    async def note_use(self, organization_id: str, link_id: str, now: datetime) -> bool:
        """Remember that the link was used, at most once a minute; answers whether it wrote."""
        ...
