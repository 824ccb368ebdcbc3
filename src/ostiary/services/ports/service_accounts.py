"""The port to service accounts and their tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ostiary.domain.service_account import ServiceAccount, ServiceAccountToken
from ostiary.services.paging import Page, PageRequest


class ServiceAccountRepository(Protocol):
    """Service accounts of one organization, and their tokens."""

    async def add(self, account: ServiceAccount) -> None:
        """Store a new one; raises `service_account_name_taken`."""
        ...

    async def get(self, organization_id: str, account_id: str, *, lock: bool = False) -> ServiceAccount | None:
        """The service account, its row locked if asked."""
        ...

    async def count(self, organization_id: str) -> int:
        """How many there are."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[ServiceAccount]:
        """All of them, oldest first."""
        ...

    async def save(self, account: ServiceAccount) -> None:
        """Store name and role; raises `service_account_name_taken`."""
        ...

    async def delete(self, organization_id: str, account_id: str) -> int:
        """Delete it with its tokens; answers how many those were."""
        ...

    async def add_token(self, token: ServiceAccountToken, secret_hash: bytes) -> None:
        """Store a new token."""
        ...

    async def count_tokens(self, organization_id: str, account_id: str) -> int:
        """How many tokens it has, expired ones among them."""
        ...

    async def tokens(
        self, organization_id: str, page: PageRequest, *, account_id: str | None, creator_removed: bool | None
    ) -> Page[ServiceAccountToken]:
        """Tokens, oldest first; None leaves a condition out."""
        ...

    async def revoke(self, organization_id: str, token_ids: Sequence[str] | None) -> tuple[ServiceAccountToken, ...]:
        """Delete those named, or with None all whose creator is no member any more; answers what was deleted."""
        ...

    async def by_secret(self, secret_hash: bytes, now: datetime) -> tuple[ServiceAccount, str] | None:
        """The service account behind a living token, and the token's id: global, for the secret says whose it is."""
        ...

    async def by_token(self, organization_id: str, token_id: str) -> ServiceAccount | None:
        """The service account behind a token that is not revoked."""
        ...

    async def note_use(self, secret_hash: bytes, now: datetime) -> bool:
        """Remember that the token was used, at most once a minute; answers whether it wrote."""
        ...
