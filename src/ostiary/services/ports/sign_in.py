"""Repositories of signing in: identities, flows, replay keys, one-time codes, traces."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ostiary.domain.assertion import NameId
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.membership import Member
from ostiary.domain.sign_in_policy import AccountCandidates, AssertedIdentity
from ostiary.services.paging import Page, PageRequest


class Purpose(StrEnum):
    """Why a browser was sent to the identity provider. A test changes nothing (R4)."""

    SIGN_IN = "sign_in"
    TEST = "test"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True)
class Flow:
    """One browser's way to the identity provider and back; found by its relay state."""

    organization_id: str
    connection_id: str
    request_id: str
    purpose: Purpose
    trace_id: str
    created_at: datetime
    expires_at: datetime
    redirect_uri: str | None = None
    state: str | None = None
    code_challenge: str | None = None
    browser_hash: bytes | None = None


class Outcome(StrEnum):
    """How far an attempt came."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trace: what was looked at, its verdict, what was seen. Secrets never get here."""

    name: str
    passed: bool
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Trace:
    """One sign-in attempt, step by step; `code` and `hint` say why it was refused and how to mend it."""

    id: str
    organization_id: str
    connection_id: str
    purpose: Purpose
    outcome: Outcome
    started_at: datetime
    finished_at: datetime | None = None
    code: str | None = None
    hint: str | None = None
    email: str | None = None
    account_id: str | None = None
    steps: tuple[Step, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Spent:
    """Which of the two was used for the first time; `flow` is False too where none was named, or it has expired."""

    assertion: bool
    flow: bool


class FlowRepository(Protocol):
    """Flows by the hash of their relay state, and replay keys."""

    async def add(self, flow: Flow, relay_state_hash: bytes) -> None:
        """Store a new flow."""
        ...

    async def get(self, organization_id: str, relay_state_hash: bytes) -> Flow | None:
        """The flow, used or not, living or not: the trace wants to know which."""
        ...

    async def spend(
        self,
        organization_id: str,
        connection_id: str,
        assertion_hash: bytes,
        keep_until: datetime,
        relay_state_hash: bytes | None,
        now: datetime,
    ) -> Spent:
        """Use an assertion up, as `remember_assertion` does, and with it the living flow that asked for it."""
        ...

    async def remember_assertion(
        self, organization_id: str, connection_id: str, assertion_hash: bytes, keep_until: datetime
    ) -> bool:
        """Store the replay key; False when this assertion was used before, also a moment ago (R63)."""
        ...


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    """A session to be: exchanged against the PKCE verifier, or finished by the browser whose flow cookie it names.

    Neither is set where the identity provider began: then the person confirms.
    """

    organization_id: str
    account_id: str
    connection_id: str
    session_index: str | None
    subject: NameId | None
    session_expires_at: datetime
    expires_at: datetime
    code_challenge: str | None = None
    browser_hash: bytes | None = None
    session_id: str | None = None


class CodeRepository(Protocol):
    """One-time codes by the hash of their secret."""

    async def add(self, code: OneTimeCode, secret_hash: bytes) -> None:
        """Store a new code."""
        ...

    async def get(self, secret_hash: bytes, *, lock: bool = False) -> OneTimeCode | None:
        """The code; global, because the secret says whose it is."""
        ...

    async def mark_used(self, organization_id: str, secret_hash: bytes, session_id: str) -> None:
        """Remember which session the code became."""
        ...


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """An account as one connection knows it."""

    connection_id: str
    internal_id: str
    linked_at: datetime


class IdentityRepository(Protocol):
    """Links between (connection, internal id) and accounts, in one organization."""

    async def candidates(
        self,
        organization_id: str,
        connection_id: str,
        identity: AssertedIdentity,
        proven_domains: frozenset[str],
        now: datetime,
    ) -> AccountCandidates:
        """The accounts an asserted identity could be, held against other sign-ins of the same person.

        `proven_domains` are those this organization has verified by their record (R33).
        """
        ...

    async def link(
        self, organization_id: str, connection_id: str, internal_id: str, account_id: str, at: datetime
    ) -> None:
        """Link, or relink after a removal."""
        ...

    async def remove_links(self, organization_id: str, account_id: str, at: datetime) -> int:
        """Mark this organization's links to the account as removed (R35); answers how many."""
        ...

    async def of_account(self, organization_id: str, account_id: str) -> tuple[LinkedIdentity, ...]:
        """This organization's links to the account, oldest first."""
        ...

    async def directory_user(
        self, organization_id: str, member: Member | None, identity: AssertedIdentity
    ) -> DirectoryUser | None:
        """The directory's user: by the linked member, else by the asserted e-mail (R22), never by externalId."""
        ...


class TraceRepository(Protocol):
    """Traces of one organization's sign-in attempts."""

    async def add(self, trace: Trace) -> None:
        """Store a new trace."""
        ...

    async def finish(self, trace: Trace) -> None:
        """Store the outcome and append the steps of a trace begun before."""
        ...

    async def get(self, organization_id: str, trace_id: str) -> Trace | None:
        """The trace."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[Trace]:
        """Traces, newest first."""
        ...
