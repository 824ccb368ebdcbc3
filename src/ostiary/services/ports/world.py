"""Time, chance, and the services outside: clock, ids, password hashing, sealing, DNS, mail, fetching."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.domain_name import DomainOwnership


class Clock(Protocol):
    """The time, in UTC."""

    def now(self) -> datetime:
        """This moment, with zone UTC."""
        ...


class Ids(Protocol):
    """New ids and secrets."""

    def new(self, prefix: str) -> str:
        """A new TypeID of the prefix."""
        ...

    def secret(self, prefix: str) -> str:
        """A new secret with 256 bits of randomness, readable prefix first (`ost_ses_…`)."""
        ...


class PasswordHasher(Protocol):
    """argon2id, in a worker thread."""

    async def hash(self, password: str) -> str:
        """The hash to store."""
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the hashed one; takes as long for None, so that unknown users do not show."""
        ...


class Sealer(Protocol):
    """Authenticated encryption of secrets that must be used again (AES-256-GCM under the secret key)."""

    def seal(self, plaintext: bytes, *, purpose: str) -> bytes:
        """The sealed bytes, which open for the same purpose only."""
        ...

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes:
        """The plaintext; raises `ValueError` for bytes that were not sealed by us for this purpose."""
        ...


class DomainResolver(Protocol):
    """DNS."""

    async def txt(self, name: str) -> frozenset[str]:
        """All TXT values at the name; empty when there are none.

        Raises `dns_unavailable` when the answer could not be had, so that "not there" is never guessed.
        """
        ...


class DomainLists(Protocol):
    """Names that are known to belong to no single company."""

    def of(self, name: str) -> DomainOwnership:
        """Who can own the domain, given as A-labels."""
        ...


class MetadataFetcher(Protocol):
    """Fetches a metadata document by URL, guarded against SSRF."""

    async def fetch(self, url: str) -> bytes:
        """The document; raises `metadata_not_accessible` (422) that says why and how to mend it."""
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """A plain-text message to one person."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenWish:
    """Somebody without a credential wants a token mailed: to set a password, or to repair an organization's SSO."""

    email: str
    repairs: str | None = None


class Mailer(Protocol):
    """Delivers mail; called by the worker, outside any transaction."""

    async def send(self, mail: Mail) -> None:
        """Hand the message over; raises when it was not taken, so that the job is tried again."""
        ...


class Outbox(Protocol):
    """External effects that join the transaction and happen after it."""

    async def mail(self, mail: Mail) -> None:
        """Send the message once the transaction is committed."""
        ...

    async def webhooks(self, organization_id: str, webhook_ids: Sequence[str]) -> None:
        """Deliver what waits for the webhooks, once the transaction is committed. Asking again costs nothing."""
        ...

    async def waiting_webhooks(self, waiting: Sequence[tuple[str, str]]) -> None:
        """As `webhooks`, by organization and id, for those who look for what was put off; asks once, however often."""
        ...

    async def token(self, wish: TokenWish) -> None:
        """Look up, once the transaction is committed, whether there is somebody to mail a token to."""
        ...
