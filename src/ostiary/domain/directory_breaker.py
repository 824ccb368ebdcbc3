"""The breaker: a directory that takes away many people at once may be mistaken, so what it takes is only held back.

Held back means suspended: access ends all the same (R43), and nothing is lost that could not be given back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.domain.errors import invalid

MIN_WINDOW = timedelta(minutes=1)
MAX_WINDOW = timedelta(days=7)
MAX_MINIMUM = 1_000_000
WHOLE = 100


@dataclass(frozen=True, slots=True)
class Breaker:
    """When it trips: at more than the share of the members, and at least so many, gone within the window."""

    enabled: bool = True
    share_percent: int = 30
    minimum: int = 10
    window: timedelta = timedelta(hours=1)

    def trips(self, gone: int, members: int) -> bool:
        """Whether `gone` of `members` (how many there were before they went) are too many."""
        return gone >= self.minimum and gone * WHOLE > members * self.share_percent


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """What changes of the settings; None stays as it is. `window_seconds` is in seconds."""

    enabled: bool | None = None
    share_percent: int | None = None
    minimum: int | None = None
    window_seconds: int | None = None

    def applied_to(self, before: Breaker) -> Breaker:
        """The settings after the change; raises `invalid_value` out of bounds."""
        after = Breaker(
            enabled=before.enabled if self.enabled is None else self.enabled,
            share_percent=before.share_percent if self.share_percent is None else self.share_percent,
            minimum=before.minimum if self.minimum is None else self.minimum,
            window=before.window if self.window_seconds is None else timedelta(seconds=self.window_seconds),
        )
        _ensure_between("share_percent", after.share_percent, 1, WHOLE)
        _ensure_between("minimum", after.minimum, 1, MAX_MINIMUM)
        bounds = int(MIN_WINDOW.total_seconds()), int(MAX_WINDOW.total_seconds())
        _ensure_between("window_seconds", int(after.window.total_seconds()), *bounds)
        return after


def _ensure_between(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise invalid("invalid_value", f"{name} is from {least} to {most}.", pointer=f"/breaker/{name}")


@dataclass(frozen=True, slots=True)
class Measure:
    """How many members there were, and when they were counted."""

    members: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Departures:
    """Who the directory took away within the window, before the one at hand.

    `includes_member`: that one is among them already, and counts once. `last` is the number of the latest departure
    ever and `last_at` its time, `measure` the latest count of members.
    """

    is_tripped: bool
    gone: int
    includes_member: bool
    last: int
    measure: Measure | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldMember:
    """A member held back. `is_removal`: confirming removes them, else they stay suspended as R43 has it."""

    member_id: str
    account_id: str | None
    email: str
    name: str
    is_administrator: bool
    held_at: datetime
    is_removal: bool
