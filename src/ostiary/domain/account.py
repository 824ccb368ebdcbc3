"""Accounts and sessions: a person's sign-in over all organizations, and what a sign-in opens."""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.assertion import NameId
from ostiary.domain.domain_name import checked_domain
from ostiary.domain.errors import DomainError, invalid

RECOVERY_SESSION_LIFETIME = timedelta(minutes=15)
MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
MIN_DIFFERENT_CHARACTERS = 4
MAX_EMAIL_LENGTH = 254
MAX_NAME_LENGTH = 200

# Digits and signs before and behind the letters: `!Summer2025` is a common word all the same.
_AROUND_A_WORD = re.compile(r"^[\W\d_]+|[\W\d_]+$")
# RFC 5321 dot-atom, which is all that identity providers and people use; quoted local parts are refused.
_LOCAL_PART = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*"
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's sign-in. `password_hash` is None for those who never set one (R56)."""

    id: str
    email: str
    name: str
    created_at: datetime
    email_verified_at: datetime | None = None
    password_hash: str | None = None


class SessionKind(StrEnum):
    """password: opens what does not require SSO; sso: opens one organization (R27); recovery: SSO repair only (R62)."""

    PASSWORD = "password"
    SSO = "sso"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a password session lives: unused for `idle` it ends, and in any case after `absolute`."""

    absolute: timedelta = timedelta(days=14)
    idle: timedelta = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser or client. `organization_id` and `connection_id` are set for SSO sessions (R27).

    It expires at `expires_at`, which moves on with its use by `idle` each time, never past `ends_at`. Without `idle`
    the two are one: an SSO session lasts as its organization says (R24).
    """

    id: str
    account_id: str
    kind: SessionKind
    created_at: datetime
    expires_at: datetime
    ends_at: datetime
    last_used_at: datetime
    idle: timedelta | None = None
    organization_id: str | None = None
    connection_id: str | None = None
    session_index: str | None = None
    client_address: str | None = None
    user_agent: str | None = None
    # As the identity provider named the person: single logout speaks of them by it.
    subject: NameId | None = None


def checked_email(text: str, *, pointer: str = "/email") -> str:
    """An e-mail address in its one spelling: lower case, domain as A-labels; raises `invalid_email`.

    Syntax only, never deliverability: `.test`, `.local` and other special-use domains are accepted.
    """
    local, at, domain = text.strip().rpartition("@")
    problem = invalid("invalid_email", "Give an e-mail address such as name@company.com.", pointer=pointer)
    if not at or not _LOCAL_PART.fullmatch(local) or _is_unprintable(local) or len(local) > 64:
        raise problem
    try:
        email = f"{local.lower()}@{checked_domain(domain)}"
    except DomainError:
        raise problem from None
    if len(email) > MAX_EMAIL_LENGTH:
        raise problem
    return email


def _is_unprintable(text: str) -> bool:
    """Whether it has control characters, surrogates or line separators; joiners, which names need, are none."""
    return any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def email_domain(email: str) -> str:
    """The part of a checked address after the last @."""
    return email.rpartition("@")[2]


def checked_password(text: str, email: str, common: Container[str], *, pointer: str = "/password") -> str:
    """A password long enough to withstand guessing and short enough to hash; raises `weak_password`.

    Refused are also, as NIST SP 800-63B §5.1.1.2 asks: what is `common` (lower case), what its owner's address tells,
    and either with digits and signs around it.
    """
    if not MIN_PASSWORD_LENGTH <= len(text) <= MAX_PASSWORD_LENGTH:
        raise invalid(
            "weak_password",
            f"A password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters. A sentence works well.",
            pointer=pointer,
        )
    lowered = text.lower()
    local, _, domain = email.partition("@")
    own = {email, local, domain, domain.partition(".")[0]}
    stem = _AROUND_A_WORD.sub("", lowered)
    if len(set(lowered)) < MIN_DIFFERENT_CHARACTERS or {lowered, stem} & own:
        raise invalid(
            "weak_password",
            "This password is too easy to guess: it is your address, or few characters repeated. A sentence works "
            "well.",
            pointer=pointer,
        )
    if lowered in common or stem in common:
        raise invalid(
            "weak_password",
            "This password is among those that are tried first. Choose another one; a sentence works well.",
            pointer=pointer,
        )
    return text


def checked_name(text: str, *, pointer: str = "/name") -> str:
    """A person's or thing's name: trimmed, 1 to 200 characters, no control characters; raises `invalid_name`."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH or _is_unprintable(name):
        raise invalid(
            "invalid_name", f"A name has 1 to {MAX_NAME_LENGTH} characters and no control characters.", pointer=pointer
        )
    return name
