"""E-mail domains an organization proves to own (R3)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.errors import invalid

# A lost record warns this long; after that the domain admits nobody new (R3).
FAILING_GRACE = timedelta(days=7)
OVERRIDE_LIFETIME = timedelta(days=30)
TXT_PREFIX = "_ostiary-challenge"

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


class DomainStatus(StrEnum):
    """pending: never proven; verified: proven; failing: the record was there and is gone."""

    PENDING = "pending"
    VERIFIED = "verified"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class EmailDomain:
    """A domain of one organization and the TXT value that proves it.

    `override_until` is support's time-limited word for it (R3), None where the record itself was seen.
    """

    id: str
    organization_id: str
    name: str
    status: DomainStatus
    txt_value: str
    created_at: datetime
    verified_at: datetime | None = None
    failing_since: datetime | None = None
    override_until: datetime | None = None

    @property
    def txt_name(self) -> str:
        """The DNS name the TXT record is looked up at."""
        return f"{TXT_PREFIX}.{self.name}"

    def admits(self, now: datetime) -> bool:
        """Whether the domain counts for sign-in, linking and discovery at the moment (R3)."""
        if self.status is DomainStatus.VERIFIED:
            return self.override_until is None or now < self.override_until
        if self.status is DomainStatus.FAILING:
            return self.failing_since is not None and now < self.failing_since + FAILING_GRACE
        return False


def checked_domain(text: str, *, pointer: str = "/name") -> str:
    """A domain name in its one spelling: lower case A-labels, no trailing dot; raises `invalid_domain`."""
    problem = invalid("invalid_domain", "Give a domain such as company.com, without a scheme or path.", pointer=pointer)
    name = text.strip().rstrip(".").lower()
    try:
        # IDNA 2003 from the standard library; the labels are checked below whatever it lets through.
        name = name.encode("idna").decode("ascii") if not name.isascii() else name
    except UnicodeError:
        raise problem from None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise problem
    if labels[-1].isdigit():
        raise problem
    return name


def proves(domain: EmailDomain, txt_values: frozenset[str]) -> bool:
    """Whether the TXT values found at `txt_name` contain this organization's own (R3)."""
    return domain.txt_value in txt_values
