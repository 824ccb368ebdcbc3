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


class TokenExpiredError(DomainError):
    """A token of a directory whose time is over; `organization_id` says whose, for the directory's request log."""

    def __init__(self, organization_id: str, expires_at: datetime) -> None:
        super().__init__(
            Kind.UNAUTHENTICATED,
            "token_expired",
            f"This token of the directory expired on {expires_at:%d %B %Y, %H:%M} UTC. Have an administrator make "
            "another one (POST /v1/organizations/{org}/directory/tokens) and enter it at the identity provider.",
        )
        self.organization_id = organization_id


def next_warning(expires_at: datetime | None, now: datetime) -> datetime | None:
    """When administrators are told next: 14 days before the end, a day before, at the end; None: never."""
    if expires_at is None:
        return None
    return next((at for before in WARNED_BEFORE if (at := expires_at - before) > now), None)
