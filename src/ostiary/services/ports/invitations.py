"""Repository of invitations."""

from datetime import datetime
from typing import Protocol

from ostiary.domain.invitation import Invitation, InvitationStatus
from ostiary.services.paging import Page, PageRequest


class InvitationRepository(Protocol):
    """Invitations of one organization."""

    async def add(self, invitation: Invitation, secret_hash: bytes) -> None:
        """Store a new invitation; raises `invitation_pending`."""
        ...

    async def by_secret(self, secret_hash: bytes) -> Invitation | None:
        """The invitation behind a secret: global (the secret says whose it is)."""
        ...

    async def get(self, organization_id: str, invitation_id: str, *, lock: bool = False) -> Invitation | None:
        """The invitation, its row locked if asked."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[Invitation]:
        """Invitations, newest first."""
        ...

    async def set_status(self, organization_id: str, invitation_id: str, status: InvitationStatus) -> None:
        """Remember what became of it."""
        ...

    async def renew(self, invitation: Invitation, secret_hash: bytes) -> None:
        """Store its status and end, and another secret in place of the old; raises `invitation_pending`."""
        ...

    async def expire(self, organization_id: str, email: str, now: datetime) -> None:
        """Mark the address's pending invitation as expired if its time has passed, so that another may be sent."""
        ...
