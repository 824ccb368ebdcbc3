"""Databases of one organization, their administrators and their credentials."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, exists, insert, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.repositories.base import Repository, page_of
from ostiary.adapters.db.repositories.organizations import in_living
from ostiary.adapters.db.tables import (
    all_database_administrators,
    credentials,
    database_administrators,
    databases,
    members,
    service_accounts,
)
from ostiary.domain.database import Credential, Database
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.databases import CredentialFilter, StoredCredential


def _database(row: Row[Any]) -> Database:
    return Database(id=row.id, organization_id=row.organization_id, name=row.name, created_at=row.created_at)


def _one(organization_id: str, database_id: str) -> ColumnElement[bool]:
    return (databases.c.organization_id == organization_id) & (databases.c.id == database_id)


class Databases(Repository):
    """Databases of one organization, and who administers them."""

    async def add(self, database: Database) -> None:
        """Store a new database; raises `database_name_taken`."""
        await self._execute(
            insert(databases).values(
                organization_id=database.organization_id,
                id=database.id,
                name=database.name,
                created_at=database.created_at,
            )
        )

    async def get(self, organization_id: str, database_id: str, *, lock: bool = False) -> Database | None:
        """The database, its row locked if asked."""
        statement = select(databases).where(_one(organization_id, database_id))
        row = await self._first(statement.with_for_update(key_share=True) if lock else statement)
        return None if row is None else _database(row)

    async def list(self, organization_id: str, page: PageRequest) -> Page[Database]:
        """Databases, oldest first."""
        statement = select(databases).where(databases.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(databases.c.id > page.after)
        rows = (await self._execute(statement.order_by(databases.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _database, lambda row: row.id)

    async def delete(self, organization_id: str, database_id: str) -> None:
        """Delete the database, and its administrators and credentials with it."""
        await self._execute(delete(databases).where(_one(organization_id, database_id)))

    async def grant_administrator(
        self, organization_id: str, database_id: str | None, member_id: str, at: datetime
    ) -> bool:
        """Make the member an administrator of it, or with None of all; False where they were one.

        Raises `database_not_found`, `member_not_found`.
        """
        values = {"organization_id": organization_id, "member_id": member_id, "granted_at": at}
        if database_id is None:
            statement = pg_insert(all_database_administrators).values(values)
        else:
            statement = pg_insert(database_administrators).values(database_id=database_id, **values)
        return (await self._execute(statement.on_conflict_do_nothing())).rowcount > 0

    async def revoke_administrator(self, organization_id: str, database_id: str | None, member_id: str) -> bool:
        """Take the role away, or with None that over all databases; False where the member did not have it."""
        table = all_database_administrators if database_id is None else database_administrators
        theirs = (table.c.organization_id == organization_id) & (table.c.member_id == member_id)
        if database_id is not None:
            theirs &= table.c.database_id == database_id
        return (await self._execute(delete(table).where(theirs))).rowcount > 0


# Joined, not stored: a creator is removed by many paths, and may come back (R15).
_creator_is_here = or_(
    exists(
        select(members.c.id).where(
            members.c.organization_id == credentials.c.organization_id, members.c.account_id == credentials.c.created_by
        )
    ),
    exists(
        select(service_accounts.c.id).where(
            service_accounts.c.organization_id == credentials.c.organization_id,
            service_accounts.c.id == credentials.c.created_by_service_account,
        )
    ),
)


def _credentials() -> Select[Any]:
    return select(credentials, not_(_creator_is_here).label("creator_removed"))


def _credential(row: Row[Any]) -> Credential:
    return Credential(
        id=row.id,
        organization_id=row.organization_id,
        database_id=row.database_id,
        name=row.name,
        username=row.username,
        created_by=row.created_by or row.created_by_service_account,
        created_by_email=row.created_by_email,
        creator_removed=row.creator_removed,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


class Credentials(Repository):
    """Database credentials of one organization."""

    async def add(self, credential: Credential, secret_hash: bytes) -> None:
        """Store a new credential; raises `database_not_found`."""
        await self._execute(
            insert(credentials).values(
                organization_id=credential.organization_id,
                id=credential.id,
                database_id=credential.database_id,
                name=credential.name,
                username=credential.username,
                secret_hash=secret_hash,
                created_by=None if credential.is_by_service_account else credential.created_by,
                created_by_service_account=credential.created_by if credential.is_by_service_account else None,
                created_by_email=credential.created_by_email,
                created_at=credential.created_at,
            )
        )

    async def get(self, organization_id: str, credential_id: str) -> Credential | None:
        """The credential, revoked or not."""
        row = await self._first(
            _credentials().where(credentials.c.organization_id == organization_id, credentials.c.id == credential_id)
        )
        return None if row is None else _credential(row)

    async def by_username(self, username: str) -> StoredCredential | None:
        """The credential of a user name: global (the user name says whose it is)."""
        row = await self._first(
            _credentials().where(credentials.c.username == username, in_living(credentials.c.organization_id))
        )
        return None if row is None else StoredCredential(_credential(row), row.secret_hash)

    async def list(self, organization_id: str, matching: CredentialFilter, page: PageRequest) -> Page[Credential]:
        """Credentials that are not revoked, oldest first."""
        statement = _credentials().where(
            credentials.c.organization_id == organization_id, credentials.c.revoked_at.is_(None)
        )
        if matching.database_id is not None:
            statement = statement.where(credentials.c.database_id == matching.database_id)
        if matching.creator_removed is not None:
            statement = statement.where(not_(_creator_is_here) if matching.creator_removed else _creator_is_here)
        if page.after is not None:
            statement = statement.where(credentials.c.id > page.after)
        rows = (await self._execute(statement.order_by(credentials.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _credential, lambda row: row.id)

    async def revoke_all(
        self, organization_id: str, credential_ids: Sequence[str] | None, at: datetime
    ) -> tuple[Credential, ...]:
        """Stop those named, or with None all whose creator is no member any more; answers those that lived till now."""
        which = not_(_creator_is_here) if credential_ids is None else credentials.c.id.in_(credential_ids)
        rows = await self._execute(
            update(credentials)
            .where(credentials.c.organization_id == organization_id, credentials.c.revoked_at.is_(None), which)
            .values(revoked_at=at)
            .returning(credentials, not_(_creator_is_here).label("creator_removed"))
        )
        return tuple(_credential(row) for row in rows)

    async def revoke(self, organization_id: str, credential_id: str, at: datetime) -> bool:
        """Stop it at once; False where it was revoked already."""
        result = await self._execute(
            update(credentials)
            .where(
                credentials.c.organization_id == organization_id,
                credentials.c.id == credential_id,
                credentials.c.revoked_at.is_(None),
            )
            .values(revoked_at=at)
        )
        return result.rowcount > 0
