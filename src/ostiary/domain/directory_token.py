"""Bearer tokens of a directory: how long they open it, and when somebody is told that they end (R48)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.domain.errors import DomainError, Kind

# Time enough to find whoever administers the identity provider, and then a last word.
WARNED_BEFORE = (timedelta(days=14), timedelta(days=1), timedelta(0))


@dataclass(frozen=True, slots=True)
class DirectoryToken:
    """A bearer token of the directory; only its hash is kept (R48). Without `expires_at` it lives until revoked."""

    id: str
    organization_id: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    warn_at: datetime | None = None

    def has_ended(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class TokenEndedError(DomainError):
    """A token that opened a directory once; `organization_id` says whose, for the directory's request log."""

    def __init__(self, organization_id: str, code: str, detail: str) -> None:
        super().__init__(Kind.UNAUTHENTICATED, code, detail)
        self.organization_id = organization_id


_ANOTHER = (
    "Have an administrator make another one (POST /v1/organizations/{org}/directory/tokens) and enter it at the "
    "identity provider."
)


def ensure_opens(token: DirectoryToken, now: datetime) -> None:
    """Refuse a token that was revoked or whose time is over: whoever holds it may know why it opens nothing.

    Raises `token_revoked`, `token_expired`.
    """
    whose = token.organization_id
    if token.revoked_at is not None:
        raise TokenEndedError(
            whose, "token_revoked", f"This token was revoked on {token.revoked_at:%d %B %Y, %H:%M} UTC. {_ANOTHER}"
        )
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenEndedError(
            whose, "token_expired", f"This token expired on {token.expires_at:%d %B %Y, %H:%M} UTC. {_ANOTHER}"
        )


def next_warning(expires_at: datetime | None, now: datetime) -> datetime | None:
    """When administrators are told next: 14 days before the end, a day before, at the end; None: never."""
    if expires_at is None:
        return None
    return next((at for before in WARNED_BEFORE if (at := expires_at - before) > now), None)
