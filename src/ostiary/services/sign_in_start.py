"""Sending a browser to the identity provider: sign-in, test, discovery, our metadata (R26)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ostiary.domain import ids
from ostiary.domain.account import checked_email, email_domain
from ostiary.domain.connection import Connection, ConnectionStatus, IdentityProvider
from ostiary.domain.errors import DomainError, conflict, invalid, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.domain.setup_link import ensure_edits_connection
from ostiary.domain.sign_in_hints import closed_because
from ostiary.domain.sso_policy import sign_in_domains
from ostiary.domain.throttle import Attempt
from ostiary.services import secrets
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Journal, Kit, admit
from ostiary.services.key_ring import KeyRing, keys_of
from ostiary.services.metrics import SIGN_INS
from ostiary.services.ports.sign_in import Flow, Outcome, Purpose, Step, Trace
from ostiary.services.ports.sso import DiscoveredConnection
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.saml_ports import AuthnRequest, BrowserMessage, SamlMessages
from ostiary.services.sp_keys import SpKeys
from ostiary.services.throttle import Throttle

FLOW_LIFETIME = timedelta(minutes=10)
METADATA_LIFETIME = timedelta(days=7)
MAX_STATE_LENGTH = 2048

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """Where a sign-in may end: addresses listed exactly; in development any port of this machine too."""

    allowed: frozenset[str]
    allow_loopback: bool

    def permits(self, uri: str) -> bool:
        """Whether the address is an allowed redirect target."""
        if uri in self.allowed:
            return True
        parts = urlsplit(uri)
        return self.allow_loopback and parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class SignInWish:
    """What a client asks of the sign-in URL. Without `redirect_uri` the session ends in the browser's cookie."""

    redirect_uri: str | None = None
    state: str | None = None
    code_challenge: str | None = None
    login_hint: str | None = None
    connection_id: str | None = None
    force_authn: bool = False


@dataclass(frozen=True, slots=True)
class Departed:
    """A browser on its way: the message to carry, and the secret its flow cookie keeps."""

    message: BrowserMessage
    browser_secret: str


class SignInStartService:
    """Begins sign-ins."""

    def __init__(
        self, kit: Kit, keys: SpKeys, messages: SamlMessages, redirects: RedirectPolicy, throttle: Throttle
    ) -> None:
        self._kit = kit
        self._keys = keys
        self._messages = messages
        self._redirects = redirects
        self._throttle = throttle

    async def start(self, reference: str, wish: SignInWish, client: Client = UNKNOWN_CLIENT) -> Departed:
        """Begin a sign-in at the organization's sign-in URL.

        Raises `organization_not_found`, `sso_not_enabled`, `connection_not_active`, whose trace tells an administrator
        why, `invalid_redirect_uri`, `invalid_code_challenge`, and `too_many_attempts` where too many sign-ins that
        began at one place were never finished.
        """
        self._check(wish)
        await self._throttle.count(Attempt.START_SIGN_IN, client)
        browser_secret = self._kit.ids.secret(secrets.BROWSER)
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(reference)
            if organization is None:
                raise not_found("organization")
            if not organization.sso.enabled:
                raise conflict(
                    "sso_not_enabled",
                    "This organization does not sign in through an identity provider. Use your password.",
                )
            every = await uow.connections.all(organization.id)
            connection = await self._choose(uow, organization, wish, every)
            if connection is None:
                raise await self._closed(uow, wish, every)
            _, request = await self._begin(uow, connection, Purpose.SIGN_IN, wish, secrets.digest(browser_secret))
            await uow.commit()
        message = await self._messages.authn_request(request)
        return Departed(message, browser_secret)

    async def start_test(self, caller: Caller, reference: str, connection_id: str) -> str:
        """Begin a test sign-in (R4); answers the address to open in a browser, good for ten minutes."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.TEST_CONNECTION)
            connection = await uow.connections.get(admitted.organization.id, connection_id)
            if connection is None:
                raise not_found("connection")
            ensure_edits_connection(admitted.link, connection)
            _usable_idp(connection)
            relay_state, _ = await self._begin(uow, connection, Purpose.TEST, SignInWish(), None)
            await Journal.of(self._kit, uow, admitted).write("connection.test_started", "connection", connection.id)
            await uow.commit()
        return f"{self._kit.urls.sign_in(admitted.organization.slug)}/test?flow={relay_state}"

    async def carry_test(self, reference: str, relay_state: str) -> BrowserMessage:
        """The message of a test begun before; raises `flow_not_found` once it has expired."""
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(reference)
            flow = await uow.flows.get(organization.id, secrets.digest(relay_state)) if organization else None
            connection = await uow.connections.get(flow.organization_id, flow.connection_id) if flow else None
            if flow is None or connection is None or flow.purpose is not Purpose.TEST:
                raise not_found("flow")
            if self._kit.clock.now() >= flow.expires_at:
                raise conflict("flow_expired", "This test has expired. Start another one.")
            keys = await keys_of(uow, connection)
        request = self._request(connection, keys, flow.request_id, relay_state, flow.created_at, SignInWish())
        return await self._messages.authn_request(request)

    async def discover(self, email: str) -> tuple[DiscoveredConnection, ...]:
        """Where the people of this address's domain sign in; the same for unknown people (R26)."""
        domain = email_domain(checked_email(email))
        async with self._kit.uow() as uow:
            return await uow.connections.discover(domain, self._kit.clock.now())

    async def sp_metadata(self, connection_id: str) -> bytes:
        """Our signed metadata for one connection; raises `connection_not_found`."""
        async with self._kit.uow() as uow:
            connection = await uow.connections.whosever(connection_id)
            if connection is None:
                raise not_found("connection")
            keys = await keys_of(uow, connection)
        return await self._messages.sp_metadata(
            self._keys.service_provider(connection.id, keys),
            valid_until=self._kit.clock.now() + METADATA_LIFETIME,
            name_id_format=connection.name_id_format,
            want_assertions_encrypted=connection.want_assertions_encrypted,
            requests_signed=connection.sign_requests,
        )

    def _check(self, wish: SignInWish) -> None:
        if wish.redirect_uri is None:
            return
        if not self._redirects.permits(wish.redirect_uri):
            raise invalid(
                "invalid_redirect_uri", "This redirect_uri is not on the operator's list.", pointer="/redirect_uri"
            )
        if not wish.state or len(wish.state) > MAX_STATE_LENGTH:
            raise invalid("invalid_state", "Send a state of your own with the redirect_uri.", pointer="/state")
        if not wish.code_challenge or not _S256_CHALLENGE.fullmatch(wish.code_challenge):
            raise invalid(
                "invalid_code_challenge",
                "Send a code_challenge: the base64url SHA-256 of your code_verifier, 43 characters (RFC 7636 S256).",
                pointer="/code_challenge",
            )

    async def _choose(
        self, uow: UnitOfWork, organization: Organization, wish: SignInWish, every: Sequence[Connection]
    ) -> Connection | None:
        """The one to sign in through, if any can be."""
        now = self._kit.clock.now()
        carrying = [item for item in _wished(every, wish) if item.carries_sso(now)]
        if not carrying:
            return None
        if wish.login_hint and "@" in wish.login_hint and len(carrying) > 1:
            domains = await uow.domains.all(organization.id)
            domain = wish.login_hint.rpartition("@")[2].lower()
            fitting = [item for item in carrying if domain in sign_in_domains(item, domains)]
            return (fitting or carrying)[0]
        return carrying[0]

    async def _closed(self, uow: UnitOfWork, wish: SignInWish, every: Sequence[Connection]) -> DomainError:
        """Leave a trace that tells an administrator why nobody can sign in; the browser hears whom to ask."""
        told = "No identity provider of this organization is active. Ask its administrator."
        # Where none is active, the newest is what they are at.
        meant = sorted(_wished(every, wish), key=lambda item: (item.status is ConnectionStatus.ACTIVE, item.created_at))
        if not meant:
            return conflict("connection_not_active", told)
        connection, now = meant[-1], self._kit.clock.now()
        code, hint = closed_because(connection, now)
        trace = Trace(
            id=self._kit.ids.new(ids.TRACE),
            organization_id=connection.organization_id,
            connection_id=connection.id,
            purpose=Purpose.SIGN_IN,
            outcome=Outcome.REFUSED,
            code=code,
            hint=hint,
            started_at=now,
            finished_at=now,
            steps=(Step("connection", passed=False, detail=hint, at=now),),
        )
        await uow.traces.add(trace)
        await uow.commit()
        SIGN_INS.labels(trace.purpose, trace.outcome, code).inc()
        return conflict("connection_not_active", told, trace_id=trace.id)

    async def _begin(
        self, uow: UnitOfWork, connection: Connection, purpose: Purpose, wish: SignInWish, browser_hash: bytes | None
    ) -> tuple[str, AuthnRequest]:
        now = self._kit.clock.now()
        relay_state = self._kit.ids.secret(secrets.RELAY_STATE)
        # SAML core §1.3.4: an NCName nobody can guess.
        request_id = f"_{secrets.digest(self._kit.ids.secret('')).hex()}"
        trace_id = self._kit.ids.new(ids.TRACE)
        await uow.flows.add(
            Flow(
                organization_id=connection.organization_id,
                connection_id=connection.id,
                request_id=request_id,
                purpose=purpose,
                trace_id=trace_id,
                created_at=now,
                expires_at=now + FLOW_LIFETIME,
                redirect_uri=wish.redirect_uri,
                state=wish.state,
                code_challenge=wish.code_challenge,
                browser_hash=browser_hash,
            ),
            secrets.digest(relay_state),
        )
        keys = await keys_of(uow, connection)
        request = self._request(connection, keys, request_id, relay_state, now, wish)
        sent = f"AuthnRequest {request_id} for {request.idp.sso_url} by {request.idp.sso_binding} binding."
        await uow.traces.add(
            Trace(
                id=trace_id,
                organization_id=connection.organization_id,
                connection_id=connection.id,
                purpose=purpose,
                outcome=Outcome.PENDING,
                started_at=now,
                steps=(Step("request sent", passed=True, detail=sent, at=now),),
            )
        )
        return relay_state, request

    def _request(
        self,
        connection: Connection,
        keys: KeyRing,
        request_id: str,
        relay_state: str,
        issued_at: datetime,
        wish: SignInWish,
    ) -> AuthnRequest:
        return AuthnRequest(
            id=request_id,
            issued_at=issued_at,
            relay_state=relay_state,
            idp=_usable_idp(connection),
            sp=self._keys.service_provider(connection.id, keys),
            name_id_format=connection.name_id_format,
            force_authn=wish.force_authn,
            signed=connection.sign_requests,
            login_hint=wish.login_hint,
            login_hint_by=connection.login_hint,
        )


def _wished(every: Sequence[Connection], wish: SignInWish) -> list[Connection]:
    return [item for item in every if wish.connection_id in (None, item.id)]


def _usable_idp(connection: Connection) -> IdentityProvider:
    if connection.idp is None or connection.status is ConnectionStatus.DRAFT:
        raise conflict("connection_incomplete", "This connection has no identity provider yet.")
    return connection.idp
