"""Accounts, sessions and mailed tokens."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, literal, not_, select, update

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, all_given, given
from ostiary.adapters.db.repositories.subject_rows import read_subject, subject_values
from ostiary.adapters.db.tables import accounts, email_tokens, members, organizations, sessions
from ostiary.domain.account import Account, Session, SessionKind
from ostiary.domain.principal import CredentialKind, Principal
from ostiary.services.ports.accounts import EmailTokenPurpose


def read_account(row: Row[Any]) -> Account:
    """The account in a row."""
    return Account(
        id=row.id,
        email=row.email,
        name=row.name,
        created_at=row.created_at,
        email_verified_at=row.email_verified_at,
        password_hash=row.password_hash,
    )


_BY_ID = select(accounts).where(accounts.c.id == given(accounts.c.id))
_READ, _LOCK = Prepared(_BY_ID), Prepared(_BY_ID.with_for_update(key_share=True))
_BY_EMAIL = select(accounts).where(accounts.c.email == given(accounts.c.email))
_READ_BY_EMAIL, _LOCK_BY_EMAIL = Prepared(_BY_EMAIL), Prepared(_BY_EMAIL.with_for_update(key_share=True))
_BY_SECRET = Prepared(
    select(sessions, accounts.c.email)
    .join(accounts, accounts.c.id == sessions.c.account_id)
    .where(
        sessions.c.secret_hash == given(sessions.c.secret_hash),
        sessions.c.expires_at > given(sessions.c.expires_at, "now"),
    )
)


_ADD = Prepared(insert(accounts).values(all_given(accounts.c)))
_ADD_SESSION = Prepared(insert(sessions).values(all_given(sessions.c)))


class Accounts(Repository):
    """Accounts by id and by e-mail address: global (sign-in has no organization yet)."""

    async def add(self, account: Account) -> None:
        """Store a new account; raises `email_taken`, at the latest when it is committed."""
        values = {
            "id": account.id,
            "email": account.email,
            "name": account.name,
            "password_hash": account.password_hash,
            "email_verified_at": account.email_verified_at,
            "created_at": account.created_at,
        }
        await self._defer(_ADD, values)

    async def get(self, account_id: str, *, lock: bool = False) -> Account | None:
        """The account, its row locked if asked."""
        row = await self._first(_LOCK if lock else _READ, {"id": account_id})
        return None if row is None else read_account(row)

    async def by_email(self, email: str, *, lock: bool = False) -> Account | None:
        """The account of a checked address."""
        row = await self._first(_LOCK_BY_EMAIL if lock else _READ_BY_EMAIL, {"email": email})
        return None if row is None else read_account(row)

    async def set_password(self, account_id: str, password_hash: str | None) -> None:
        """Replace the password, or erase it with None."""
        await self._execute(update(accounts).where(accounts.c.id == account_id).values(password_hash=password_hash))

    async def set_name(self, account_id: str, name: str) -> None:
        """Rename the person."""
        await self._execute(update(accounts).where(accounts.c.id == account_id).values(name=name))

    async def set_email(self, account_id: str, email: str, verified_at: datetime | None) -> None:
        """Change the address; raises `email_taken`."""
        await self._execute(
            update(accounts).where(accounts.c.id == account_id).values(email=email, email_verified_at=verified_at)
        )

    async def mark_email_verified(self, account_id: str, at: datetime) -> None:
        """Remember that the present address was proven; keeps an earlier time."""
        await self._execute(
            update(accounts)
            .where(accounts.c.id == account_id, accounts.c.email_verified_at.is_(None))
            .values(email_verified_at=at)
        )

    async def has_memberships_all_requiring_sso(self, account_id: str) -> bool:
        """Whether the account has memberships and every one requires SSO (R12)."""
        requiring = and_(organizations.c.sso_enabled, not_(members.c.awaiting_first_sso_sign_in))
        row = await self._first(
            select(func.count().label("all"), func.count().filter(requiring).label("requiring"))
            .select_from(members.join(organizations, organizations.c.id == members.c.organization_id))
            .where(members.c.account_id == account_id, organizations.c.deleted_at.is_(None))
        )
        return row is not None and row.all > 0 and row.all == row.requiring


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        account_id=row.account_id,
        kind=SessionKind(row.kind),
        created_at=row.created_at,
        expires_at=row.expires_at,
        ends_at=row.ends_at,
        last_used_at=row.last_used_at,
        idle=None if row.idle_seconds is None else timedelta(seconds=row.idle_seconds),
        organization_id=row.organization_id,
        connection_id=row.connection_id,
        session_index=row.session_index,
        client_address=row.client_address,
        user_agent=row.user_agent,
        subject=read_subject(row.subject),
    )


class Sessions(Repository):
    """Sessions by the hash of their secret: global (the secret says whose it is)."""

    async def add(self, session: Session, secret_hash: bytes) -> None:
        """Store a new session."""
        values = {
            "id": session.id,
            "secret_hash": secret_hash,
            "account_id": session.account_id,
            "kind": session.kind,
            "organization_id": session.organization_id,
            "connection_id": session.connection_id,
            "session_index": session.session_index,
            "subject": subject_values(session.subject),
            "created_at": session.created_at,
            "expires_at": session.expires_at,
            "ends_at": session.ends_at,
            "last_used_at": session.last_used_at,
            "idle_seconds": None if session.idle is None else int(session.idle.total_seconds()),
            "client_address": session.client_address,
            "user_agent": session.user_agent,
        }
        await self._execute(_ADD_SESSION, values)

    async def note_use(self, session_id: str, now: datetime) -> None:
        """Remember that it was used: what ends it unused moves on."""
        idle = func.make_interval(0, 0, 0, 0, 0, 0, sessions.c.idle_seconds)
        moved = func.least(sessions.c.ends_at, literal(now, sessions.c.ends_at.type) + idle)
        await self._execute(
            update(sessions).where(sessions.c.id == session_id).values(last_used_at=now, expires_at=moved)
        )

    async def rotate(self, session_id: str, secret_hash: bytes) -> Session | None:
        """Give it another secret; the one it had opens nothing any more."""
        row = await self._first(
            update(sessions).where(sessions.c.id == session_id).values(secret_hash=secret_hash).returning(sessions)
        )
        return None if row is None else _session(row)

    async def principal(self, secret_hash: bytes, now: datetime) -> tuple[Principal, datetime] | None:
        """The caller behind a living session, and when that was last used."""
        row = await self._first(_BY_SECRET, {"secret_hash": secret_hash, "now": now})
        if row is None:
            return None
        principal = Principal(
            CredentialKind.SESSION,
            id=row.id,
            account_id=row.account_id,
            email=row.email,
            session_kind=SessionKind(row.kind),
            organization_id=row.organization_id,
            connection_id=row.connection_id,
        )
        return principal, row.last_used_at

    async def of_account(self, account_id: str, now: datetime) -> tuple[Session, ...]:
        """The account's living sessions, newest first."""
        rows = await self._execute(
            select(sessions)
            .where(sessions.c.account_id == account_id, sessions.c.expires_at > now)
            .order_by(sessions.c.id.desc())
        )
        return tuple(_session(row) for row in rows)

    async def delete(self, account_id: str, session_id: str) -> bool:
        """End one session of the account; False when there is none."""
        result = await self._execute(
            delete(sessions).where(sessions.c.account_id == account_id, sessions.c.id == session_id)
        )
        return result.rowcount > 0

    async def get(self, account_id: str, session_id: str) -> Session | None:
        """One session of the account, living or not."""
        row = await self._first(
            select(sessions).where(sessions.c.account_id == account_id, sessions.c.id == session_id)
        )
        return None if row is None else _session(row)

    async def delete_of_account(self, account_id: str, *, keep: str | None = None) -> int:
        """End the account's sessions, all but the one to keep; answers how many."""
        statement = delete(sessions).where(sessions.c.account_id == account_id)
        if keep is not None:
            statement = statement.where(sessions.c.id != keep)
        return (await self._execute(statement)).rowcount


class EmailTokens(Repository):
    """Tokens mailed to prove an address or to reset a password: global, as accounts are."""

    async def add(
        self, secret_hash: bytes, account_id: str, purpose: EmailTokenPurpose, email: str, expires_at: datetime
    ) -> None:
        """Store a token."""
        await self._execute(
            insert(email_tokens).values(
                secret_hash=secret_hash, account_id=account_id, purpose=purpose, email=email, expires_at=expires_at
            )
        )

    async def holder(self, secret_hash: bytes, purpose: EmailTokenPurpose, now: datetime) -> tuple[str, str] | None:
        """What `consume` would answer; uses nothing up."""
        row = await self._first(
            select(email_tokens.c.account_id, email_tokens.c.email).where(
                email_tokens.c.secret_hash == secret_hash,
                email_tokens.c.purpose == purpose,
                email_tokens.c.expires_at > now,
            )
        )
        return None if row is None else (row.account_id, row.email)

    async def consume(self, secret_hash: bytes, purpose: EmailTokenPurpose, now: datetime) -> tuple[str, str] | None:
        """Use a living token up; answers the account's id and the address it was mailed to."""
        row = await self._first(
            delete(email_tokens)
            .where(
                email_tokens.c.secret_hash == secret_hash,
                email_tokens.c.purpose == purpose,
                email_tokens.c.expires_at > now,
            )
            .returning(email_tokens.c.account_id, email_tokens.c.email)
        )
        return None if row is None else (row.account_id, row.email)

    async def delete_of_account(self, account_id: str, purpose: EmailTokenPurpose) -> None:
        """Void the account's tokens of a purpose."""
        await self._execute(
            delete(email_tokens).where(email_tokens.c.account_id == account_id, email_tokens.c.purpose == purpose)
        )
