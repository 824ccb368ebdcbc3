"""Service accounts of one organization, and their tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, delete, exists, func, insert, not_, or_, select, update

from ostiary.adapters.db.repositories.base import AnySelect, Repository, page_of
from ostiary.adapters.db.repositories.organizations import in_living
from ostiary.adapters.db.tables import members, service_account_tokens, service_accounts
from ostiary.domain.membership import Role
from ostiary.domain.service_account import ServiceAccount, ServiceAccountToken
from ostiary.services.paging import Page, PageRequest

_USE_NOTED_EVERY = timedelta(minutes=1)
_tokens = service_account_tokens


def _creator_removed(table: Table) -> ColumnElement[bool]:
    return not_(
        exists(
            select(members.c.id).where(
                members.c.organization_id == table.c.organization_id, members.c.account_id == table.c.created_by
            )
        )
    )


def _accounts() -> AnySelect:
    return select(service_accounts, _creator_removed(service_accounts).label("creator_removed"))


def _one(organization_id: str, account_id: str) -> ColumnElement[bool]:
    return (service_accounts.c.organization_id == organization_id) & (service_accounts.c.id == account_id)


def _living(now: datetime) -> ColumnElement[bool]:
    return or_(_tokens.c.expires_at.is_(None), _tokens.c.expires_at > now)


class ServiceAccounts(Repository):
    """Service accounts of one organization, and their tokens."""

    async def add(self, account: ServiceAccount) -> None:
        """Store a new one; raises `service_account_name_taken`."""
        await self._execute(
            insert(service_accounts).values(
                organization_id=account.organization_id,
                id=account.id,
                name=account.name,
                role=account.role,
                created_by=account.created_by,
                created_by_email=account.created_by_email,
                created_at=account.created_at,
            )
        )

    async def get(self, organization_id: str, account_id: str, *, lock: bool = False) -> ServiceAccount | None:
        """The service account, its row locked if asked."""
        statement = _accounts().where(_one(organization_id, account_id))
        row = await self._first(statement.with_for_update(key_share=True, of=service_accounts) if lock else statement)
        return None if row is None else _account(row)

    async def count(self, organization_id: str) -> int:
        """How many there are."""
        return await self._count(service_accounts.c.organization_id == organization_id, service_accounts.c.id)

    async def list(self, organization_id: str, page: PageRequest) -> Page[ServiceAccount]:
        """All of them, oldest first."""
        statement = _accounts().where(service_accounts.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(service_accounts.c.id > page.after)
        rows = (await self._execute(statement.order_by(service_accounts.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _account, lambda row: row.id)

    async def save(self, account: ServiceAccount) -> None:
        """Store name and role; raises `service_account_name_taken`."""
        await self._execute(
            update(service_accounts)
            .where(_one(account.organization_id, account.id))
            .values(name=account.name, role=account.role)
        )

    async def delete(self, organization_id: str, account_id: str) -> int:
        """Delete it with its tokens; answers how many those were."""
        gone = await self._execute(delete(_tokens).where(_of(organization_id, account_id)))
        await self._execute(delete(service_accounts).where(_one(organization_id, account_id)))
        return gone.rowcount

    async def add_token(self, token: ServiceAccountToken, secret_hash: bytes) -> None:
        """Store a new token."""
        await self._execute(
            insert(_tokens).values(
                organization_id=token.organization_id,
                id=token.id,
                service_account_id=token.service_account_id,
                name=token.name,
                secret_hash=secret_hash,
                created_by=token.created_by,
                created_by_email=token.created_by_email,
                created_at=token.created_at,
                expires_at=token.expires_at,
            )
        )

    async def count_tokens(self, organization_id: str, account_id: str) -> int:
        """How many tokens it has, expired ones among them."""
        return await self._count(_of(organization_id, account_id), _tokens.c.id)

    async def tokens(
        self, organization_id: str, page: PageRequest, *, account_id: str | None, creator_removed: bool | None
    ) -> Page[ServiceAccountToken]:
        """Tokens, oldest first; None leaves a condition out."""
        removed = _creator_removed(_tokens)
        statement = select(_tokens, removed.label("creator_removed")).where(
            _tokens.c.organization_id == organization_id
        )
        if account_id is not None:
            statement = statement.where(_tokens.c.service_account_id == account_id)
        if creator_removed is not None:
            statement = statement.where(removed if creator_removed else not_(removed))
        if page.after is not None:
            statement = statement.where(_tokens.c.id > page.after)
        rows = (await self._execute(statement.order_by(_tokens.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _token, lambda row: row.id)

    async def revoke(self, organization_id: str, token_ids: Sequence[str] | None) -> tuple[ServiceAccountToken, ...]:
        """Delete those named, or with None all whose creator is no member any more; answers what was deleted."""
        removed = _creator_removed(_tokens)
        which = removed if token_ids is None else _tokens.c.id.in_(token_ids)
        rows = await self._execute(
            delete(_tokens)
            .where(_tokens.c.organization_id == organization_id, which)
            .returning(_tokens, removed.label("creator_removed"))
        )
        return tuple(_token(row) for row in rows)

    async def by_secret(self, secret_hash: bytes, now: datetime) -> tuple[ServiceAccount, str] | None:
        """The service account behind a living token, and the token's id: global, for the secret says whose it is."""
        row = await self._first(
            _behind_token().where(
                _tokens.c.secret_hash == secret_hash, _living(now), in_living(_tokens.c.organization_id)
            )
        )
        return None if row is None else (_account(row), row.token_id)

    async def by_token(self, organization_id: str, token_id: str) -> ServiceAccount | None:
        """The service account behind a token that is not revoked."""
        row = await self._first(
            _behind_token().where(_tokens.c.organization_id == organization_id, _tokens.c.id == token_id)
        )
        return None if row is None else _account(row)

    async def note_use(self, secret_hash: bytes, now: datetime) -> bool:
        """Remember that the token was used, at most once a minute; answers whether it wrote."""
        unnoted = or_(_tokens.c.last_used_at.is_(None), _tokens.c.last_used_at <= now - _USE_NOTED_EVERY)
        result = await self._execute(
            update(_tokens).where(_tokens.c.secret_hash == secret_hash, unnoted).values(last_used_at=now)
        )
        return result.rowcount > 0

    async def _count(self, which: ColumnElement[bool], column: Column[Any]) -> int:
        return await self._scalar(select(func.count(column)).where(which))


def _of(organization_id: str, account_id: str) -> ColumnElement[bool]:
    return (_tokens.c.organization_id == organization_id) & (_tokens.c.service_account_id == account_id)


def _behind_token() -> AnySelect:
    return (
        _accounts()
        .add_columns(_tokens.c.id.label("token_id"))
        .join(
            _tokens,
            (_tokens.c.organization_id == service_accounts.c.organization_id)
            & (_tokens.c.service_account_id == service_accounts.c.id),
        )
    )


def _account(row: Row[Any]) -> ServiceAccount:
    return ServiceAccount(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        role=Role(row.role),
        created_by=row.created_by,
        created_by_email=row.created_by_email,
        creator_removed=row.creator_removed,
        created_at=row.created_at,
    )


def _token(row: Row[Any]) -> ServiceAccountToken:
    return ServiceAccountToken(
        id=row.id,
        organization_id=row.organization_id,
        service_account_id=row.service_account_id,
        name=row.name,
        created_by=row.created_by,
        created_by_email=row.created_by_email,
        creator_removed=row.creator_removed,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
