"""Signing out, here and at the identity provider: single logout (SAML profiles §4.4)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.domain import ids
from ostiary.domain.account import Session
from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.connection import Connection, ConnectionStatus, IdentityProvider
from ostiary.domain.errors import DomainError, Kind, not_found
from ostiary.domain.logout import (
    LogoutExpectation,
    LogoutRequest,
    LogoutResponse,
    ensure_acceptable,
    ensure_answers,
)
from ostiary.domain.operation import Operation
from ostiary.domain.sign_in_hints import shortened
from ostiary.domain.throttle import Attempt
from ostiary.services import secrets
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Journal, Kit
from ostiary.services.key_ring import KeyRing, keys_of
from ostiary.services.ports.logout import LogoutFlow
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.sign_in import Outcome, Purpose, Step, Trace
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.saml_ports import BrowserMessage, IncomingMessage, LogoutToSend, SamlLogout, Trust
from ostiary.services.sp_keys import SpKeys
from ostiary.services.throttle import Throttle

FLOW_LIFETIME = timedelta(minutes=10)
MAX_RELAY_STATE_LENGTH = 256
MAX_LABEL = 320


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """A logout that ended here. `everywhere`: the identity provider ended its own session and the others too."""

    everywhere: bool


@dataclass(frozen=True, slots=True)
class _Side:
    """A connection as a logout message meets it."""

    connection: Connection
    idp: IdentityProvider
    keys: KeyRing


class LogoutService:
    """Ends sessions, begun by the person or by the identity provider."""

    def __init__(self, kit: Kit, keys: SpKeys, saml: SamlLogout, throttle: Throttle) -> None:
        self._kit = kit
        self._keys = keys
        self._saml = saml
        self._throttle = throttle

    async def sign_out(self, caller: Caller) -> str | None:
        """End the caller's session.

        Answers the address that ends the identity provider's session too, for the browser to open within ten minutes;
        None where there is no such session or the identity provider has no single logout.
        """
        principal = caller.account(Operation.SIGN_OUT)
        async with self._kit.uow() as uow:
            session = await uow.sessions.get(principal.account_id or "", principal.id)
            # The flow's row holds the organization's, and that comes before sessions with everybody.
            url = await self._begin(uow, session) if session else None
            await uow.sessions.delete(principal.account_id or "", principal.id)
            await uow.commit()
        return url

    async def _begin(self, uow: UnitOfWork, session: Session) -> str | None:
        if session.organization_id is None or session.connection_id is None or session.subject is None:
            return None
        if await uow.organizations.get(session.organization_id) is None:
            return None
        connection = await uow.connections.get(session.organization_id, session.connection_id)
        if connection is None or connection.idp is None or connection.idp.slo_url is None:
            return None
        now = self._kit.clock.now()
        relay_state = self._kit.ids.secret(secrets.RELAY_STATE)
        flow = LogoutFlow(
            organization_id=session.organization_id,
            connection_id=connection.id,
            request_id=self._message_id(),
            subject=session.subject,
            session_index=session.session_index,
            created_at=now,
            expires_at=now + FLOW_LIFETIME,
        )
        await uow.logouts.add(flow, secrets.digest(relay_state))
        return f"{self._kit.urls.logout(connection.id)}?flow={relay_state}"

    async def carry(self, connection_id: str, relay_state: str) -> BrowserMessage:
        """The LogoutRequest of a sign-out begun before; raises `flow_not_found` once it was used or has expired."""
        side = await self._side(connection_id)
        async with self._kit.uow() as uow:
            organization_id, now = side.connection.organization_id, self._kit.clock.now()
            flow = await uow.logouts.get(organization_id, secrets.digest(relay_state), now)
        if flow is None or flow.connection_id != side.connection.id or side.idp.slo_url is None:
            raise not_found("flow")
        return await self._saml.request(
            LogoutToSend(
                id=flow.request_id,
                issued_at=now,
                binding=side.idp.slo_binding,
                url=side.idp.slo_url,
                sp=self._keys.service_provider(side.connection.id, side.keys),
                relay_state=relay_state,
                name_id=flow.subject,
                session_index=flow.session_index,
            )
        )

    async def receive(
        self, connection_id: str, message: IncomingMessage, relay_state: str | None, client: Client = UNKNOWN_CLIENT
    ) -> BrowserMessage | LoggedOut:
        """Take one logout message: end what a request names and answer it, or take note of the answer to ours.

        Raises `logout_refused` (403), the reason of which is on a trace; of bad messages only so many leave one, the
        others raise `too_many_attempts`. A good one passes however many bad ones came from the same place.
        """
        side = await self._side(connection_id)
        try:
            now = self._kit.clock.now()
            said = await self._saml.read(message, self._trust(side, now))
            expected = LogoutExpectation(
                idp_entity_id=side.idp.entity_id,
                slo_url=self._kit.urls.slo(side.connection.id),
                clock_skew=side.connection.clock_skew,
            )
            good_until = ensure_acceptable(said, expected, now)
            if isinstance(said, LogoutRequest):
                return await self._obey(side, said, relay_state, good_until)
            return await self._conclude(side, said, relay_state)
        except ResponseRefused as refused:
            raise await self._refusal(side, refused, client) from refused

    async def _obey(
        self, side: _Side, request: LogoutRequest, relay_state: str | None, good_until: datetime
    ) -> BrowserMessage | LoggedOut:
        """End the sessions the request names."""
        connection = side.connection
        organization_id = connection.organization_id
        async with self._kit.uow() as uow:
            # Exclusive: a code being exchanged becomes a session before, which ends too, or none at all (R63).
            if await uow.organizations.get(organization_id, Lock.EXCLUSIVE) is None:
                raise not_found("connection")
            current = await uow.connections.get(organization_id, connection.id)
            if current is None or current.idp is None or not current.idp.trusts_the_same_as(side.idp):
                raise ResponseRefused(Reason.UNKNOWN_REQUEST, "The connection was changed meanwhile. Log out again.")
            used = hashlib.sha256(f"logout {request.id}".encode()).digest()
            if not await uow.flows.remember_assertion(organization_id, connection.id, used, good_until):
                raise ResponseRefused(Reason.REPLAYED, "This request was used before.")
            ended = await uow.logouts.end_sessions(
                organization_id, connection.id, request.name_id, request.session_indexes
            )
            actor = AuditActor(ActorKind.CONNECTION, connection.id, request.name_id.value[:MAX_LABEL])
            journal = Journal(self._kit, uow, organization_id, actor, None)
            for account_id, sessions in ended.items():
                await journal.write("session.logged_out", "account", account_id, before={"sessions": sessions})
            await uow.traces.add(self._trace(connection, Outcome.SUCCEEDED, _said_of(request, ended)))
            await uow.commit()
        url = side.idp.slo_response_url or side.idp.slo_url
        if url is None:
            return LoggedOut(everywhere=True)
        answer = LogoutToSend(
            id=self._message_id(),
            issued_at=self._kit.clock.now(),
            binding=side.idp.slo_binding,
            url=url,
            sp=self._keys.service_provider(connection.id, side.keys),
            relay_state=relay_state,
        )
        return await self._saml.response(answer, in_response_to=request.id)

    async def _conclude(self, side: _Side, response: LogoutResponse, relay_state: str | None) -> LoggedOut:
        """The identity provider's answer to our request."""
        if not relay_state or len(relay_state) > MAX_RELAY_STATE_LENGTH:
            raise ResponseRefused(Reason.UNKNOWN_REQUEST, "The answer came without the relay state it was given.")
        async with self._kit.uow() as uow:
            flow = await uow.logouts.consume(
                side.connection.organization_id, secrets.digest(relay_state), self._kit.clock.now()
            )
            if flow is None or flow.connection_id != side.connection.id:
                raise ResponseRefused(Reason.UNKNOWN_REQUEST, "No sign-out of ours waits for this answer.")
            ensure_answers(response, flow.request_id)
            await uow.commit()
        return LoggedOut(everywhere=response.everywhere)

    async def _side(self, connection_id: str) -> _Side:
        async with self._kit.uow() as uow:
            connection = await uow.connections.whosever(connection_id)
            # Whoever was signed in through a connection that is inactive now may still sign out.
            if connection is None or connection.idp is None or connection.status is ConnectionStatus.DRAFT:
                raise not_found("connection")
            return _Side(connection, connection.idp, await keys_of(uow, connection))

    def _trust(self, side: _Side, now: datetime) -> Trust:
        return Trust(
            certificates=side.idp.certificates,
            allow_sha1=side.connection.allow_sha1,
            now=now,
            decryption_keys=self._keys.decrypting(side.keys),
            allow_aes_cbc=side.connection.allow_aes_cbc,
        )

    def _message_id(self) -> str:
        # SAML core §1.3.4: an NCName nobody can guess.
        return f"_{secrets.digest(self._kit.ids.secret('')).hex()}"

    def _trace(self, connection: Connection, outcome: Outcome, detail: str, reason: Reason | None = None) -> Trace:
        now, detail = self._kit.clock.now(), shortened(detail)
        return Trace(
            id=self._kit.ids.new(ids.TRACE),
            organization_id=connection.organization_id,
            connection_id=connection.id,
            purpose=Purpose.LOGOUT,
            outcome=outcome,
            started_at=now,
            finished_at=now,
            code=reason,
            hint=detail if reason else None,
            steps=(Step("logout message", passed=reason is None, detail=detail, at=now),),
        )

    async def _refusal(self, side: _Side, refused: ResponseRefused, client: Client) -> DomainError:
        """What the browser hears is nothing to learn from; the trace has the reason."""
        await self._throttle.count(Attempt.LOGOUT_MESSAGE, client, side.connection.id)
        trace = self._trace(side.connection, Outcome.REFUSED, refused.detail, refused.reason)
        async with self._kit.uow() as uow:
            await uow.traces.add(trace)
            await uow.commit()
        return DomainError(
            Kind.FORBIDDEN,
            "logout_refused",
            "The logout message of your identity provider could not be accepted. Sign out here, and there.",
            extra={"trace_id": trace.id},
        )


def _said_of(request: LogoutRequest, ended: Mapping[str, int]) -> str:
    """What an administrator reads of a logout that was obeyed."""
    which = f"sessions {', '.join(request.session_indexes)[:256]}" if request.session_indexes else "all sessions"
    count = sum(ended.values())
    found = f"{count} ended" if ended else "none of them was here"
    return f"The identity provider ended {which} of {request.name_id.value[:256]}: {found}."
