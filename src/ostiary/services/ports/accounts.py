"""Repositories of accounts, sessions and mailed tokens: global, because a person belongs to several organizations."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ostiary.domain.account import Account, Session
from ostiary.domain.principal import Principal


class EmailTokenPurpose(StrEnum):
    """What a mailed token may do."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"
    RECOVER = "recover"


class AccountRepository(Protocol):
    """Accounts by id and by e-mail address."""

    async def add(self, account: Account) -> None:
        """Store a new account; raises `email_taken`."""
        ...

    async def get(self, account_id: str, *, lock: bool = False) -> Account | None:
        """The account, its row locked if asked."""
        ...

    async def by_email(self, email: str, *, lock: bool = False) -> Account | None:
        """The account of a checked address."""
        ...

    async def set_password(self, account_id: str, password_hash: str | None) -> None:
        """Replace the password, or erase it with None."""
        ...

    async def set_name(self, account_id: str, name: str) -> None:
        """Rename the person."""
        ...

    async def set_email(self, account_id: str, email: str, verified_at: datetime | None) -> None:
        """Change the address; raises `email_taken`."""
        ...

    async def mark_email_verified(self, account_id: str, at: datetime) -> None:
        """Remember that the present address was proven; keeps an earlier time."""
        ...

    async def has_memberships_all_requiring_sso(self, account_id: str) -> bool:
        """Whether the account has memberships and every one requires SSO (R12)."""
        ...


class SessionRepository(Protocol):
    """Sessions by the hash of their secret."""

    async def add(self, session: Session, secret_hash: bytes) -> None:
        """Store a new session."""
        ...

    async def principal(self, secret_hash: bytes, now: datetime) -> tuple[Principal, datetime] | None:
        """The caller behind a living session, and when that was last used."""
        ...

    async def note_use(self, session_id: str, now: datetime) -> None:
        """Remember that it was used: what ends it unused moves on."""
        ...

    async def rotate(self, session_id: str, secret_hash: bytes) -> Session | None:
        """Give it another secret; the one it had opens nothing any more."""
        ...

    async def of_account(self, account_id: str, now: datetime) -> tuple[Session, ...]:
        """The account's living sessions, newest first."""
        ...

    async def delete(self, account_id: str, session_id: str) -> bool:
        """End one session of the account; False when there is none."""
        ...

    async def get(self, account_id: str, session_id: str) -> Session | None:
        """One session of the account, living or not."""
        ...

    async def delete_of_account(self, account_id: str, *, keep: str | None = None) -> int:
        """End the account's sessions, all but the one to keep; answers how many."""
        ...


class EmailTokenRepository(Protocol):
    """Tokens mailed to prove an address or to reset a password."""

    async def add(
        self, secret_hash: bytes, account_id: str, purpose: EmailTokenPurpose, email: str, expires_at: datetime
    ) -> None:
        """Store a token."""
        ...

    async def holder(self, secret_hash: bytes, purpose: EmailTokenPurpose, now: datetime) -> tuple[str, str] | None:
        """What `consume` would answer; uses nothing up."""
        ...

    async def consume(self, secret_hash: bytes, purpose: EmailTokenPurpose, now: datetime) -> tuple[str, str] | None:
        """Use a living token up; answers the account's id and the address it was mailed to."""
        ...

    async def delete_of_account(self, account_id: str, purpose: EmailTokenPurpose) -> None:
        """Void the account's tokens of a purpose."""
        ...
