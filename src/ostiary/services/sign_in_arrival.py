"""A browser comes back from the identity provider: the assertion consumer service (R20–R35, R63)."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain import ids
from ostiary.domain.assertion import Accepted, Check, Expectation, Reason, ResponseRefused, accept
from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.connection import Connection, ConnectionStatus
from ostiary.domain.errors import DomainError, Kind, not_found
from ostiary.domain.organization import Organization
from ostiary.domain.sign_in_hints import hint_for, shortened
from ostiary.domain.sign_in_policy import (
    AssertedIdentity,
    SignInRefused,
    ensure_domain_allowed,
    read_identity,
    session_end,
)
from ostiary.domain.throttle import Attempt, Counter
from ostiary.services import secrets
from ostiary.services.context import UNKNOWN_CLIENT, Client, Journal, Kit
from ostiary.services.key_ring import ring_of
from ostiary.services.metrics import SIGN_INS
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.sign_in import Flow, OneTimeCode, Outcome, Purpose, Step, Trace
from ostiary.services.ports.sso import StoredSpKey
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.saml_ports import AssertionVerifier, Trust
from ostiary.services.sign_in_entry import EntryClerk
from ostiary.services.sp_keys import SpKeys
from ostiary.services.throttle import Throttle

CODE_LIFETIME = timedelta(seconds=60)
MAX_RELAY_STATE_LENGTH = 256


class Next(StrEnum):
    """Where the browser goes from the ACS."""

    CLIENT = "client"
    FINISH = "finish"
    TEST_RESULT = "test_result"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A sign-in that passed: the one-time code for the client or for `/sso/finish`, or the trace of a test."""

    next: Next
    trace: Trace
    redirect_uri: str | None = None
    state: str | None = None
    code: str | None = None


@dataclass(slots=True)
class _Attempt:
    """What is known of one response so far; becomes its trace.

    A response that nobody asked for is `taken` from what may be stored of them, or `unstored`, with the reason.
    """

    organization: Organization
    connection: Connection
    keys: tuple[StoredSpKey, ...]
    flow: Flow | None
    trace: Trace
    steps: list[Step] = field(default_factory=list[Step])
    taken: tuple[Counter, ...] = ()
    unstored: DomainError | None = None


class ArrivalService:
    """The assertion consumer service."""

    def __init__(
        self, kit: Kit, keys: SpKeys, verifier: AssertionVerifier, clerk: EntryClerk, throttle: Throttle
    ) -> None:
        self._kit = kit
        self._keys = keys
        self._verifier = verifier
        self._clerk = clerk
        self._throttle = throttle

    async def receive(
        self, connection_id: str, saml_response: str, relay_state: str | None, client: Client = UNKNOWN_CLIENT
    ) -> Arrived:
        """Take one response. Whatever is wrong with it is on its trace; the caller hears only what it may.

        Of bad responses that nobody asked for only so many leave a trace, the others raise `too_many_attempts`. A good
        one passes however many bad ones came from the same place. Raises `too_busy` where nobody could look at it soon:
        then nothing is used up, and the browser may post it again.
        """
        self._verifier.ensure_room()
        attempt, relay_hash = await self._load(connection_id, relay_state, client)
        purpose = attempt.trace.purpose
        try:
            accepted = await self._believe(attempt, saml_response)
            arrived = await self._enter(attempt, accepted, relay_hash, client)
        except ResponseRefused as refused:
            SIGN_INS.labels(purpose, Outcome.REFUSED, refused.reason).inc()
            self._note(attempt, refused.checks)
            if not refused.checks or refused.checks[-1].passed:
                attempt.steps.append(
                    Step(refused.reason, passed=False, detail=shortened(refused.detail), at=self._kit.clock.now())
                )
            await self._conclude(attempt, Outcome.REFUSED, refused.reason, hint_for(refused))
            raise self._answer(attempt, refused) from refused
        except SignInRefused as refused:
            SIGN_INS.labels(purpose, Outcome.REFUSED, refused.error.code).inc()
            attempt.steps.append(Step(refused.error.code, passed=False, detail=refused.hint, at=self._kit.clock.now()))
            await self._conclude(attempt, Outcome.REFUSED, refused.error.code, refused.hint)
            error = refused.error
            raise DomainError(
                error.kind, error.code, error.detail, extra={**error.extra, "trace_id": attempt.trace.id}
            ) from refused
        SIGN_INS.labels(purpose, Outcome.SUCCEEDED, "").inc()
        return arrived

    async def _load(self, connection_id: str, relay_state: str | None, client: Client) -> tuple[_Attempt, bytes | None]:
        """The connection, and the flow the relay state names; an unknown one is the trace's business, not a 404."""
        now = self._kit.clock.now()
        relay_hash = (
            secrets.digest(relay_state)
            if relay_state
            and relay_state.startswith(secrets.RELAY_STATE)
            and len(relay_state) <= MAX_RELAY_STATE_LENGTH
            else None
        )
        async with self._kit.uow() as uow:
            found = await uow.connections.arriving(connection_id, relay_hash)
        if found is None:
            raise not_found("connection")
        organization, connection, flow = found.organization, found.connection, found.flow
        if found.trace is not None and found.trace.outcome is Outcome.PENDING:
            return _Attempt(organization, connection, found.keys, flow, found.trace), relay_hash
        trace = Trace(
            id=self._kit.ids.new(ids.TRACE),
            organization_id=organization.id,
            connection_id=connection.id,
            purpose=flow.purpose if flow else Purpose.SIGN_IN,
            outcome=Outcome.PENDING,
            started_at=now,
        )
        return await self._begun(_Attempt(organization, connection, found.keys, flow, trace), client), relay_hash

    async def _begun(self, attempt: _Attempt, client: Client) -> _Attempt:
        """Store a trace of its own for a response that nobody asked for, unless there are too many of them."""
        try:
            attempt.taken = await self._throttle.count(Attempt.ACS_RESPONSE, client, attempt.connection.id)
        except DomainError as too_many:
            attempt.unstored = too_many
            return attempt
        async with self._kit.uow() as uow:
            await uow.traces.add(attempt.trace)
            await uow.commit()
        return attempt

    async def _believe(self, attempt: _Attempt, saml_response: str) -> Accepted:
        """Guard, signature, accept-or-refuse; with no database connection held."""
        connection, flow, now = attempt.connection, attempt.flow, self._kit.clock.now()
        if connection.idp is None or connection.status in (ConnectionStatus.DRAFT, ConnectionStatus.INACTIVE):
            raise ResponseRefused(Reason.UNKNOWN_REQUEST, f"This connection is {connection.status}: activate it first.")
        if flow is not None and (flow.connection_id != connection.id or now >= flow.expires_at):
            raise ResponseRefused(
                Reason.UNKNOWN_REQUEST, "The request was made for another connection, or more than ten minutes ago."
            )
        try:
            response = await self._verifier.verify(saml_response, self._trust(attempt, now))
        except DomainError:
            await self._throttle.give_back(attempt.taken)
            raise
        urls = self._kit.urls
        return accept(
            response,
            Expectation(
                idp_entity_id=connection.idp.entity_id,
                sp_entity_id=urls.sp_entity_id(connection.id),
                acs_url=urls.acs(connection.id),
                request_id=flow.request_id if flow else None,
                allow_unsolicited=connection.allow_idp_initiated,
                clock_skew=connection.clock_skew,
            ),
            now,
        )

    def _trust(self, attempt: _Attempt, now: datetime) -> Trust:
        connection = attempt.connection
        return Trust(
            certificates=connection.idp.certificates if connection.idp else (),
            allow_sha1=connection.allow_sha1,
            now=now,
            decryption_keys=self._keys.decrypting(ring_of(connection, attempt.keys)),
            want_assertions_encrypted=connection.want_assertions_encrypted,
            allow_aes_cbc=connection.allow_aes_cbc,
        )

    async def _enter(self, attempt: _Attempt, accepted: Accepted, relay_hash: bytes | None, client: Client) -> Arrived:
        """One transaction: consume request and assertion, resolve whose account it is, let the member in."""
        now = self._kit.clock.now()
        self._note(attempt, accepted.checks)
        testing = attempt.flow is not None and attempt.flow.purpose is Purpose.TEST
        async with self._kit.uow() as uow:
            # Role management may demote, and whoever demotes counts administrators undisturbed (R61).
            lock = Lock.EXCLUSIVE if attempt.organization.sso.manage_roles else Lock.SHARED
            organization, connection = await self._unchanged(uow, attempt, lock)
            attempt.organization = organization
            if organization.sso.manage_roles and lock is not Lock.EXCLUSIVE:
                raise ResponseRefused(
                    Reason.UNKNOWN_REQUEST, "Role management was switched on during this sign-in. Start it again."
                )
            await self._consume(uow, attempt, accepted, relay_hash, now)
            identity = read_identity(accepted.assertion, connection.attribute_mapping, organization.sso.role_attribute)
            attempt.trace = replace(attempt.trace, email=identity.email)
            terms = await self._clerk.terms_of(uow, connection, now)
            ensure_domain_allowed(identity, terms.allowed)
            self._pass(attempt, "e-mail domain", f"{identity.email} is in a domain of this connection.")
            if testing:
                outlook = await self._clerk.outlook(uow, organization, connection, identity, terms, now)
                self._pass(attempt, "what a sign-in would do", outlook)
                await uow.connections.mark_tested(organization.id, connection.id, now)
                return await self._arrived(uow, attempt, client, Next.TEST_RESULT)
            if not organization.sso.enabled:
                raise ResponseRefused(Reason.UNKNOWN_REQUEST, "Single sign-on is off for this organization.")
            journal = Journal(
                self._kit, uow, organization.id, AuditActor(ActorKind.CONNECTION, connection.id, identity.email), None
            )
            entered = await self._clerk.enter(uow, journal, organization, connection, identity, terms, now)
            for warning in entered.warnings:
                attempt.steps.append(Step("warning", passed=True, detail=warning, at=now))
            attempt.trace = replace(attempt.trace, account_id=entered.account_id)
            code = await self._code(uow, attempt, identity, entered.account_id, now)
            return await self._arrived(uow, attempt, client, _next_of(attempt.flow), code)

    async def _unchanged(self, uow: UnitOfWork, attempt: _Attempt, lock: Lock) -> tuple[Organization, Connection]:
        """Organization and connection as they are now; what was verified must still be what it trusts (R63)."""
        entered = await uow.connections.enter(attempt.organization.id, attempt.connection.id, lock)
        connection = entered[1] if entered else None
        if (
            entered is None
            or connection is None
            or connection.idp is None
            or not connection.idp.trusts_the_same_as(attempt.connection.idp)
        ):
            raise ResponseRefused(
                Reason.UNKNOWN_REQUEST, "The connection was changed during this sign-in. Start again."
            )
        if connection.status is ConnectionStatus.INACTIVE:
            raise ResponseRefused(Reason.UNKNOWN_REQUEST, "The connection was switched off during this sign-in.")
        testing = attempt.flow is not None and attempt.flow.purpose is Purpose.TEST
        if not testing and connection.status is not ConnectionStatus.ACTIVE:
            raise ResponseRefused(Reason.UNKNOWN_REQUEST, "The connection is not active: only test sign-ins pass.")
        return entered

    async def _consume(
        self, uow: UnitOfWork, attempt: _Attempt, accepted: Accepted, relay_hash: bytes | None, now: datetime
    ) -> None:
        connection = attempt.connection
        digest = hashlib.sha256(accepted.assertion.id.encode()).digest()
        answered = relay_hash if attempt.flow else None
        spent = await uow.flows.spend(
            connection.organization_id, connection.id, digest, accepted.replay_until, answered, now
        )
        if not spent.assertion:
            raise ResponseRefused(Reason.REPLAYED, "This assertion was used before. Each one signs in once.")
        if answered and not spent.flow:
            raise ResponseRefused(
                Reason.REPLAYED, "The request this answers was answered before. Start the sign-in again."
            )
        self._pass(attempt, "first use", "Neither the request nor the assertion was used before.")

    async def _code(
        self, uow: UnitOfWork, attempt: _Attempt, identity: AssertedIdentity, account_id: str, now: datetime
    ) -> str:
        secret = self._kit.ids.secret(secrets.CODE)
        flow, organization = attempt.flow, attempt.organization
        await uow.codes.add(
            OneTimeCode(
                organization_id=organization.id,
                account_id=account_id,
                connection_id=attempt.connection.id,
                session_index=identity.session_index,
                subject=identity.name_id,
                session_expires_at=session_end(
                    now, organization.sso.session_duration, identity.session_not_on_or_after
                ),
                expires_at=now + CODE_LIFETIME,
                code_challenge=flow.code_challenge if flow and flow.redirect_uri else None,
                browser_hash=flow.browser_hash if flow and not flow.redirect_uri else None,
            ),
            secrets.digest(secret),
        )
        return secret

    async def _arrived(
        self, uow: UnitOfWork, attempt: _Attempt, client: Client, next_: Next, code: str | None = None
    ) -> Arrived:
        trace = self._concluded(attempt, Outcome.SUCCEEDED, None, None)
        await (uow.traces.finish(trace) if attempt.unstored is None else uow.traces.add(trace))
        if next_ is Next.TEST_RESULT:
            # A test is shown whole, with what was noted when it began.
            trace = await uow.traces.get(trace.organization_id, trace.id) or trace
        flow = attempt.flow
        if flow is not None and flow.purpose is Purpose.SIGN_IN:
            await self._throttle.finished(uow, Attempt.START_SIGN_IN, client, attempt.taken)
        elif attempt.taken:
            await uow.attempts.take_back(attempt.taken)
        await uow.commit()
        return Arrived(next_, trace, flow.redirect_uri if flow else None, flow.state if flow else None, code)

    def _note(self, attempt: _Attempt, checks: tuple[Check, ...]) -> None:
        now = self._kit.clock.now()
        attempt.steps.extend(Step(check.name, check.passed, shortened(check.detail), now) for check in checks)

    def _pass(self, attempt: _Attempt, name: str, detail: str) -> None:
        attempt.steps.append(Step(name, passed=True, detail=detail, at=self._kit.clock.now()))

    def _concluded(self, attempt: _Attempt, outcome: Outcome, code: str | None, hint: str | None) -> Trace:
        return replace(
            attempt.trace,
            outcome=outcome,
            code=code,
            hint=hint,
            finished_at=self._kit.clock.now(),
            steps=tuple(attempt.steps),
        )

    async def _conclude(self, attempt: _Attempt, outcome: Outcome, code: str, hint: str) -> None:
        """A refusal rolled everything back; its trace gets a small transaction of its own.

        Raises `too_many_attempts` where the response was to leave none.
        """
        if attempt.unstored is not None:
            raise attempt.unstored
        async with self._kit.uow() as uow:
            await uow.traces.finish(self._concluded(attempt, outcome, code, hint))
            await uow.commit()

    def _answer(self, attempt: _Attempt, refused: ResponseRefused) -> DomainError:
        """What the browser hears: the identity provider's own words where it refused, else nothing to learn from.

        They are unsigned, so only whoever holds the relay state of a sign-in gets to put words on our page.
        """
        detail = (
            refused.detail
            if refused.reason is Reason.STATUS and attempt.flow is not None
            else "The answer of your identity provider could not be accepted. Start the sign-in again."
        )
        return DomainError(Kind.FORBIDDEN, "sign_in_refused", detail, extra={"trace_id": attempt.trace.id})


def _next_of(flow: Flow | None) -> Next:
    return Next.CLIENT if flow is not None and flow.redirect_uri is not None else Next.FINISH
