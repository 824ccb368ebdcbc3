"""Repositories of Directory Sync: settings, tokens, pushed users and groups."""

from datetime import datetime
from typing import Protocol

from ostiary.domain.directory import Directory, DirectoryCounts, DirectoryGroup, DirectoryUser
from ostiary.domain.directory_policy import DirectoryEnablementEffects
from ostiary.domain.directory_token import DirectoryToken
from ostiary.domain.organization import Organization
from ostiary.domain.principal import Principal
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock


class DirectoryRepository(Protocol):
    """The directory of one organization, and its tokens."""

    async def get(self, organization_id: str, *, lock: bool = False) -> Directory | None:
        """The directory, its row locked if asked; made with the organization."""
        ...

    async def enter(self, organization_id: str, lock: Lock) -> tuple[Organization, Directory] | None:
        """The organization, if it is not deleted, locked, and its directory as it is under the lock."""
        ...

    async def put(self, directory: Directory) -> None:
        """Store the directory's settings, new or changed."""
        ...

    async def note_sync(self, organization_id: str, at: datetime) -> None:
        """Remember when the directory last wrote."""
        ...

    async def counts(self, organization_id: str) -> DirectoryCounts:
        """How much was pushed."""
        ...

    async def users(self, organization_id: str, page: PageRequest) -> Page[DirectoryUser]:
        """The users pushed, oldest first."""
        ...

    async def groups(self, organization_id: str, page: PageRequest) -> Page[DirectoryGroup]:
        """The groups pushed, oldest first."""
        ...

    async def enablement_effects(self, organization_id: str) -> DirectoryEnablementEffects:
        """What enabling would do now (R40)."""
        ...

    async def clear_teams(self, organization_id: str) -> None:
        """Delete every team made by hand (R40)."""
        ...

    async def release(self, organization_id: str) -> None:
        """Make members and teams manually managed, forget what was pushed, and close the breaker (R55)."""
        ...

    async def add_token(self, token: DirectoryToken, secret_hash: bytes) -> None:
        """Store a new token."""
        ...

    async def tokens(self, organization_id: str) -> tuple[DirectoryToken, ...]:
        """The tokens that are not revoked, oldest first."""
        ...

    async def tokens_to_warn_of(self, now: datetime, *, limit: int) -> tuple[DirectoryToken, ...]:
        """Tokens of any directory that is on, whose end somebody is to be told of by now."""
        ...

    async def settle_warning(self, token: DirectoryToken, following: datetime | None) -> bool:
        """Put the next warning of a token off to the time; False when that was done meanwhile, or it was revoked."""
        ...

    async def revoke_token(self, organization_id: str, token_id: str, at: datetime) -> bool:
        """Stop one token; False when there is none."""
        ...

    async def revoke_all_tokens(self, organization_id: str, at: datetime) -> None:
        """Stop every token (R55)."""
        ...

    async def principal(self, secret_hash: bytes) -> tuple[Principal, DirectoryToken] | None:
        """The directory behind a token, living or not, if it is on: global (the secret says whose it is)."""
        ...

    async def note_use(self, secret_hash: bytes, now: datetime) -> None:
        """Remember that the token was used."""
        ...
