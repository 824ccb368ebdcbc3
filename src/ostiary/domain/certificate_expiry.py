"""When an identity provider's certificates end, and when administrators are told."""

from datetime import datetime, timedelta

from ostiary.domain.connection import IdentityProvider

# The last is the end itself: from then on nobody can sign in.
WARNED_BEFORE = (timedelta(days=30), timedelta(days=7), timedelta(days=1), timedelta(0))


def last_expiry(idp: IdentityProvider | None) -> datetime | None:
    """The end of the certificate that lives longest; sooner ones have a successor. None where there is none."""
    if idp is None:
        return None
    return max((certificate.not_after for certificate in idp.certificates), default=None)


def next_warning(idp: IdentityProvider | None, warned_at: datetime | None = None) -> datetime | None:
    """When to warn of the end next, after a warning at `warned_at`; None once all was said or nothing ends.

    Who was never warned is warned as soon as the first moment is reached, be it past.
    """
    ends = last_expiry(idp)
    if ends is None:
        return None
    moments = [ends - before for before in WARNED_BEFORE]
    return next((moment for moment in moments if warned_at is None or moment > warned_at), None)


def days_left(ends: datetime, now: datetime) -> int:
    """Days until then, one that has begun counted whole; 0 once it has come."""
    return max(0, -((now - ends) // timedelta(days=1)))
