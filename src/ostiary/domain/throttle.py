"""How often what may be tried: limits that stop guessing and floods, and lock nobody out who is at home.

A stranger who knows an address must not be able to keep its owner out. So wrong passwords count tightly for one
account from one place, and loosely for the account from everywhere; and the loose count does not hold for places from
which the account signed in before.
"""

import hashlib
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.errors import DomainError, Kind

KNOWN_PLACE_LIFETIME = timedelta(days=30)


class Attempt(StrEnum):
    """What is counted. The account is the e-mail address, known or not; for ACS_RESPONSE and
    LOGOUT_MESSAGE it is the connection.

    Passwords and mails are counted before they are tried or sent, and what was no failure is given back. Secrets of
    256 random bits nobody guesses: only what is refused counts, and the right one always passes.
    """

    SIGN_IN = "sign_in"
    SIGN_UP = "sign_up"
    CHANGE_PASSWORD = "change_password"
    CHANGE_EMAIL = "change_email"
    CONFIRM_EMAIL = "confirm_email"
    REQUEST_PASSWORD_RESET = "request_password_reset"
    REQUEST_RECOVERY_LINK = "request_recovery_link"
    RECOVER = "recover"
    RECOVER_BY_LINK = "recover_by_link"
    CONFIRM_PASSWORD_RESET = "confirm_password_reset"
    VERIFY_EMAIL = "verify_email"
    EXCHANGE_CODE = "exchange_code"
    ACCEPT_INVITATION = "accept_invitation"
    VERIFY_CREDENTIAL = "verify_credential"
    START_SIGN_IN = "start_sign_in"
    ACS_RESPONSE = "acs_response"
    LOGOUT_MESSAGE = "logout_message"


class Scope(StrEnum):
    """Whose attempts a limit adds up."""

    ACCOUNT_AT_PLACE = "account_at_place"
    ACCOUNT = "account"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts `within` a time that begins with the first of them."""

    scope: Scope
    most: int
    within: timedelta


_QUARTER, _HOUR = timedelta(minutes=15), timedelta(hours=1)
_MAILS = (
    # Fewer per quarter than an hour gives, so that a stranger cannot use up what the owner may ask for.
    Limit(Scope.ACCOUNT_AT_PLACE, 3, _QUARTER),
    Limit(Scope.ACCOUNT, 10, _HOUR),
    Limit(Scope.PLACE, 50, _QUARTER),
)
# How many traces are kept of messages that nobody asked for; a good one passes whatever was refused before.
_TRACES = (
    Limit(Scope.ACCOUNT_AT_PLACE, 20, _QUARTER),
    Limit(Scope.ACCOUNT, 300, _HOUR),
    Limit(Scope.PLACE, 100, _QUARTER),
)
_SECRETS = (Limit(Scope.PLACE, 50, _QUARTER),)

LIMITS: Mapping[Attempt, tuple[Limit, ...]] = {
    Attempt.SIGN_IN: (
        Limit(Scope.ACCOUNT_AT_PLACE, 10, _QUARTER),
        # NIST SP 800-63B §5.2.2 draws the line at 100 failures of one account.
        Limit(Scope.ACCOUNT, 100, _HOUR),
        Limit(Scope.PLACE, 100, _QUARTER),
    ),
    Attempt.SIGN_UP: (Limit(Scope.ACCOUNT, 10, _HOUR), Limit(Scope.PLACE, 50, _HOUR)),
    Attempt.CHANGE_PASSWORD: (Limit(Scope.ACCOUNT, 10, _QUARTER),),
    Attempt.CHANGE_EMAIL: _MAILS,
    Attempt.CONFIRM_EMAIL: _SECRETS,
    Attempt.REQUEST_PASSWORD_RESET: _MAILS,
    Attempt.REQUEST_RECOVERY_LINK: _MAILS,
    # No limit of the account alone: a recovery code is not guessed, and a locked-out company must not be locked out.
    Attempt.RECOVER: (Limit(Scope.ACCOUNT_AT_PLACE, 10, _QUARTER), Limit(Scope.PLACE, 50, _QUARTER)),
    Attempt.RECOVER_BY_LINK: _SECRETS,
    Attempt.CONFIRM_PASSWORD_RESET: _SECRETS,
    Attempt.VERIFY_EMAIL: _SECRETS,
    Attempt.EXCHANGE_CODE: _SECRETS,
    Attempt.ACCEPT_INVITATION: _SECRETS,
    # Asked by servers, each for many user names.
    Attempt.VERIFY_CREDENTIAL: (Limit(Scope.ACCOUNT_AT_PLACE, 100, _QUARTER), Limit(Scope.PLACE, 1_000, _QUARTER)),
    # Each leaves a request and a trace. Who comes back from the identity provider gives theirs back, so a whole company
    # may sign in from one address in the morning; what adds up is what was begun and never finished.
    Attempt.START_SIGN_IN: (Limit(Scope.PLACE, 1_000, _QUARTER),),
    Attempt.ACS_RESPONSE: _TRACES,
    Attempt.LOGOUT_MESSAGE: _TRACES,
}


@dataclass(frozen=True, slots=True)
class Counter:
    """One of the counts an attempt adds to. The key is a digest: neither addresses nor accounts are kept."""

    key: bytes
    limit: Limit


@dataclass(frozen=True, slots=True)
class Count:
    """How often it was tried, and until when that counts."""

    key: bytes
    tried: int
    until: datetime


def place_of(address: str) -> str:
    """The network one client controls: an IPv4 address, the /64 of an IPv6 address (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def counters_of(attempt: Attempt, *, account: str | None, place: str | None) -> tuple[Counter, ...]:
    """What an attempt adds to, in the order of the keys. A limit needs what its scope names, else it is left out."""
    parts: Mapping[Scope, tuple[str | None, ...]] = {
        Scope.ACCOUNT_AT_PLACE: (account, place),
        Scope.ACCOUNT: (account,),
        Scope.PLACE: (place,),
    }
    counters = (
        Counter(_key(attempt, limit.scope, *(part for part in parts[limit.scope] if part is not None)), limit)
        for limit in LIMITS[attempt]
        if None not in parts[limit.scope]
    )
    return tuple(sorted(counters, key=lambda counter: counter.key))


def known_place(account: str, place: str) -> bytes:
    """The key under which it is remembered that the account signed in from the place."""
    return _key("known_place", account, place)


def _key(*parts: str) -> bytes:
    # With its length before each part, so that no two lists of parts run together.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()


def exceeded(counters: Sequence[Counter], counts: Sequence[Count]) -> tuple[Counter, ...]:
    """The limits that the counts, this attempt included, are beyond."""
    tried = {count.key: count.tried for count in counts}
    return tuple(counter for counter in counters if tried.get(counter.key, 0) > counter.limit.most)


def too_many_attempts(beyond: Sequence[Counter], counts: Sequence[Count], now: datetime) -> DomainError:
    """The refusal `too_many_attempts`, with the seconds after which the last of the limits lets try again."""
    keys = {counter.key for counter in beyond}
    until = max(count.until for count in counts if count.key in keys)
    seconds = max(1, math.ceil((until - now).total_seconds()))
    return DomainError(
        Kind.THROTTLED,
        "too_many_attempts",
        f"There were too many attempts. Wait {seconds} seconds (Retry-After), then try again.",
        extra={"retry_after_seconds": seconds},
    )
