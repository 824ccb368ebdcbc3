"""Service accounts: callers that are no people, with a role and tokens of their own (R1, R15, R48)."""

from dataclasses import dataclass
from datetime import datetime

from ostiary.domain.errors import invalid
from ostiary.domain.membership import Role


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """It belongs to the organization and outlives the membership of whoever made it (R15).

    It is no member: it never counts as an administrator who remains (R61), and single sign-on asks nothing of it.
    """

    id: str
    organization_id: str
    name: str
    role: Role
    created_by: str
    created_by_email: str
    creator_removed: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ServiceAccountToken:
    """A bearer token of a service account; only its hash is kept. `expires_at` None: until it is revoked."""

    id: str
    organization_id: str
    service_account_id: str
    name: str
    created_by: str
    created_by_email: str
    creator_removed: bool
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


def ensure_lies_ahead(expires_at: datetime | None, now: datetime) -> None:
    """Refuse a token that would never work; raises `expired_already`."""
    if expires_at is not None and expires_at <= now:
        raise invalid("expired_already", "Give a time to come, or none for no end.", pointer="/expires_at")
