"""Repositories of databases, their administrators and their credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.database import Credential, Database
from ostiary.services.paging import Page, PageRequest


class DatabaseRepository(Protocol):
    """Databases of one organization, and who administers them."""

    async def add(self, database: Database) -> None:
        """Store a new database; raises `database_name_taken`."""
        ...

    async def get(self, organization_id: str, database_id: str, *, lock: bool = False) -> Database | None:
        """The database, its row locked if asked."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[Database]:
        """Databases, oldest first."""
        ...

    async def delete(self, organization_id: str, database_id: str) -> None:
        """Delete the database, and its administrators and credentials with it."""
        ...

    async def grant_administrator(
        self, organization_id: str, database_id: str | None, member_id: str, at: datetime
    ) -> bool:
        """Make the member an administrator of it, or with None of all; False where they were one.

        Raises `database_not_found`, `member_not_found`.
        """
        ...

    async def revoke_administrator(self, organization_id: str, database_id: str | None, member_id: str) -> bool:
        """Take the role away, or with None that over all databases; False where the member did not have it."""
        ...


@dataclass(frozen=True, slots=True)
class CredentialFilter:
    """Which credentials to list; None leaves a condition out. `creator_removed`: the creator is no member any more."""

    database_id: str | None = None
    creator_removed: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential and the hash of its secret."""

    credential: Credential
    secret_hash: bytes


class CredentialRepository(Protocol):
    """Database credentials of one organization."""

    async def add(self, credential: Credential, secret_hash: bytes) -> None:
        """Store a new credential; raises `database_not_found`."""
        ...

    async def get(self, organization_id: str, credential_id: str) -> Credential | None:
        """The credential, revoked or not."""
        ...

    async def by_username(self, username: str) -> StoredCredential | None:
        """The credential of a user name: global (the user name says whose it is)."""
        ...

    async def list(self, organization_id: str, matching: CredentialFilter, page: PageRequest) -> Page[Credential]:
        """Credentials that are not revoked, oldest first."""
        ...

    async def revoke_all(
        self, organization_id: str, credential_ids: Sequence[str] | None, at: datetime
    ) -> tuple[Credential, ...]:
        """Stop those named, or with None all whose creator is no member any more; answers those that lived till now."""
        ...

    async def revoke(self, organization_id: str, credential_id: str, at: datetime) -> bool:
        """Stop it at once; False where it was revoked already."""
        ...
