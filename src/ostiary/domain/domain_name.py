"""E-mail domains an organization proves to own (R3)."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.errors import invalid
from ostiary.domain.idn import look_alike_warnings, to_a_labels, to_u_labels

# A lost record warns this long; after that the domain admits nobody new (R3).
FAILING_GRACE = timedelta(days=7)
OVERRIDE_LIFETIME = timedelta(days=30)
# A record that was there is looked for daily; one that is lost hourly, so that mending it shows soon.
CHECK_EVERY = timedelta(days=1)
CHECK_FAILING_EVERY = timedelta(hours=1)
TXT_PREFIX = "_ostiary-challenge"

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


class DomainStatus(StrEnum):
    """pending: never proven; verified: proven; failing: the record was there and is gone."""

    PENDING = "pending"
    VERIFIED = "verified"
    FAILING = "failing"


class DomainOwnership(StrEnum):
    """Who can own a name: one company, or nobody, because anybody may register below it or get an address at it."""

    COMPANY = "company"
    PUBLIC_SUFFIX = "public_suffix"
    FREE_MAIL = "free_mail"


@dataclass(frozen=True, slots=True)
class EmailDomain:
    """A domain of one organization and the TXT value that proves it.

    `override_until` is support's time-limited word for it (R3), None where the record itself was seen.
    `next_check_at` is when the record is looked for again, None where it never was seen; `lapsed_at` when its lapse was
    told to the administrators.
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
    next_check_at: datetime | None = None
    lapsed_at: datetime | None = None

    @property
    def txt_name(self) -> str:
        """The DNS name the TXT record is looked up at."""
        return f"{TXT_PREFIX}.{self.name}"

    @property
    def unicode_name(self) -> str:
        """The name as people read it."""
        return to_u_labels(self.name)

    @property
    def fails_at(self) -> datetime | None:
        """When the domain stops admitting unless its record is found before; None where nothing ends it."""
        if self.status is DomainStatus.PENDING:
            return None
        if self.override_until is not None:
            return self.override_until
        return None if self.failing_since is None else self.failing_since + FAILING_GRACE

    @property
    def lets_members_in(self) -> bool:
        """Whether people who are members already may sign in from it: a lapse shuts out new ones alone (R3)."""
        return self.status is not DomainStatus.PENDING

    def admits(self, now: datetime) -> bool:
        """Whether the domain counts for new users, linking and discovery at the moment (R3)."""
        if self.status is DomainStatus.PENDING:
            return False
        ends = self.fails_at
        return self.status is DomainStatus.VERIFIED if ends is None else now < ends

    def permits_email_changes(self, now: datetime) -> bool:
        """Whether an identity provider may move accounts' addresses within it (R33): never on support's word alone."""
        return self.override_until is None and self.admits(now)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an administrator should look at."""
        found = list(look_alike_warnings(self.name))
        ends = self.fails_at
        if ends is not None and self.status is DomainStatus.FAILING:
            found.append(
                f"The TXT record was not found. Publish it again: from {ends:%d %B %Y, %H:%M} UTC on the domain admits "
                "no new users. Members still sign in."
            )
        elif ends is not None:
            found.append(f"Support vouches for this domain until {ends:%d %B %Y, %H:%M} UTC. Publish its TXT record.")
        return tuple(found)


def checked_domain(text: str, *, pointer: str = "/name") -> str:
    """A domain name in its one spelling: lower case A-labels, no trailing dot; raises `invalid_domain`."""
    problem = invalid("invalid_domain", "Give a domain such as company.com, without a scheme or path.", pointer=pointer)
    name = text.strip().rstrip(".").lower()
    try:
        name = name if name.isascii() else to_a_labels(name)
    except ValueError:
        raise problem from None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise problem
    if labels[-1].isdigit():
        raise problem
    return name


def ensure_ownable(name: str, ownership: DomainOwnership, *, pointer: str = "/name") -> None:
    """Refuse a domain no company has for itself: whoever proved it could sign in strangers (R3, R34)."""
    if ownership is DomainOwnership.PUBLIC_SUFFIX:
        raise invalid(
            "public_suffix_domain",
            f"Anybody can register names below {name}, so it cannot stand for one organization. Give the domain your "
            "own addresses end in. If it is yours all the same, ask support to add it.",
            pointer=pointer,
        )
    if ownership is DomainOwnership.FREE_MAIL:
        raise invalid(
            "free_mail_domain",
            f"Anybody can get an address at {name}, so it cannot stand for one organization. Give your company's own "
            "domain. If it is yours all the same, ask support to add it.",
            pointer=pointer,
        )


def proves(domain: EmailDomain, txt_values: frozenset[str]) -> bool:
    """Whether the TXT values found at `txt_name` contain this organization's own (R3)."""
    return domain.txt_value in txt_values


def after_proof(domain: EmailDomain, now: datetime) -> EmailDomain:
    """The domain once its record was seen: proven, whatever it was before."""
    return replace(
        domain,
        status=DomainStatus.VERIFIED,
        verified_at=domain.verified_at or now,
        failing_since=None,
        override_until=None,
        lapsed_at=None,
        next_check_at=now + CHECK_EVERY,
    )


def after_loss(domain: EmailDomain, now: datetime) -> EmailDomain:
    """The domain once its record was looked for and is not there (R3).

    A proven one warns for seven days from now, one that support vouches for during the last seven days of that. What
    has run out is marked as lapsed, once.
    """
    vouched = domain.override_until is not None and now < domain.override_until - FAILING_GRACE
    if domain.status is DomainStatus.VERIFIED and not vouched:
        domain = replace(domain, status=DomainStatus.FAILING, failing_since=now)
    if domain.lapsed_at is None and not domain.admits(now):
        domain = replace(domain, lapsed_at=now)
    failing = domain.status is DomainStatus.FAILING
    return replace(domain, next_check_at=now + (CHECK_FAILING_EVERY if failing else CHECK_EVERY))


def after_override(domain: EmailDomain, now: datetime) -> EmailDomain:
    """The domain on support's word: it counts for 30 days from now, while its record is looked for (R3)."""
    return replace(
        domain,
        status=DomainStatus.VERIFIED,
        verified_at=domain.verified_at or now,
        failing_since=None,
        override_until=now + OVERRIDE_LIFETIME,
        lapsed_at=None,
        next_check_at=now + CHECK_EVERY,
    )
