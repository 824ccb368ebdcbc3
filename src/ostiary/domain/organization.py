"""The organization: the tenant, its plan, and its single sign-on settings."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.errors import invalid

DEFAULT_SESSION_DURATION = timedelta(hours=12)
MIN_SESSION_DURATION = timedelta(minutes=5)
MAX_SESSION_DURATION = timedelta(days=30)
DEFAULT_ROLE_ATTRIBUTE = "role"
# How long a deleted organization can be had back.
RESTORABLE_FOR = timedelta(days=30)

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
# A slug stands where ids stand; these would be taken for one, or for a page of ours.
_RESERVED_SLUGS = frozenset(
    {"admin", "api", "finish", "me", "new", "operator", "ostiary", "saml", "scim", "sso", "www"}
)


class Plan(StrEnum):
    """What the customer pays for."""

    HOBBY = "hobby"
    SCALER_PRO = "scaler_pro"
    ENTERPRISE = "enterprise"


class AddOn(StrEnum):
    """What can be bought on top of a plan."""

    SSO = "sso"


@dataclass(frozen=True, slots=True)
class SsoSettings:
    """Single sign-on of one organization: whether it is on, and how sign-ins through it behave."""

    enabled: bool = False
    enabled_at: datetime | None = None
    enabled_by: str | None = None
    session_duration: timedelta = DEFAULT_SESSION_DURATION
    manage_roles: bool = False
    role_attribute: str = DEFAULT_ROLE_ATTRIBUTE


@dataclass(frozen=True, slots=True)
class Organization:
    """The tenant. `directory_held_back` is the operator's hold on Directory Sync alone (R2).

    `deleted_at` is None but for one that was deleted and can be had back still.
    """

    id: str
    slug: str
    name: str
    plan: Plan
    created_at: datetime
    add_ons: frozenset[AddOn] = frozenset()
    directory_held_back: bool = False
    sso: SsoSettings = SsoSettings()
    deleted_at: datetime | None = None

    @property
    def purged_at(self) -> datetime | None:
        """When a deleted one is gone for good."""
        return None if self.deleted_at is None else self.deleted_at + RESTORABLE_FOR

    def deleted(self, now: datetime) -> "Organization":
        """It as it is once deleted."""
        return replace(self, deleted_at=now)

    def restored(self) -> "Organization":
        """It as it is once given back."""
        return replace(self, deleted_at=None)

    def sso_entitled(self) -> bool:
        """Whether the plan includes SSO or the add-on was bought for a plan that can have it (R2)."""
        return self.plan is Plan.ENTERPRISE or (self.plan is Plan.SCALER_PRO and AddOn.SSO in self.add_ons)


def checked_slug(slug: str) -> str:
    """The slug in its one spelling, lower case; raises `invalid_slug`."""
    lowered = slug.strip().lower()
    # "_" marks ids, so a slug can never be mistaken for one.
    if not _SLUG.fullmatch(lowered) or lowered in _RESERVED_SLUGS:
        raise invalid(
            "invalid_slug",
            "A slug has 1 to 48 lower-case letters, digits and hyphens, begins and ends with a letter or digit, and is "
            "not a reserved word.",
            pointer="/slug",
        )
    return lowered


def checked_session_duration(seconds: int) -> timedelta:
    """An SSO session duration within our limits (R24); raises `invalid_session_duration`."""
    duration = timedelta(seconds=seconds)
    if not MIN_SESSION_DURATION <= duration <= MAX_SESSION_DURATION:
        raise invalid(
            "invalid_session_duration",
            f"Sessions last from {int(MIN_SESSION_DURATION.total_seconds())} to "
            f"{int(MAX_SESSION_DURATION.total_seconds())} seconds.",
            pointer="/session_duration_seconds",
        )
    return duration
