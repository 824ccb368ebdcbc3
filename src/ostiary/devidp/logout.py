# pysaml2 carries no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Single logout, begun by a service provider or here; messages go out by HTTP-POST, and come in by either binding."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, SAMLError, saml, samlp
from saml2.mdstore import MetadataStore
from saml2.s_utils import UnravelError, sid
from saml2.sigver import SigverError

from ostiary.devidp import service_providers
from ostiary.devidp.crypto import XmlsecBackend, is_signed
from ostiary.devidp.provider import REFUSALS, Server, signed_query
from ostiary.devidp.refusal import RequestRefused
from ostiary.devidp.sessions import IdpSession, IdpSessions
from ostiary.devidp.settings import DevIdpSettings
from ostiary.devidp.shapes import signed

MAX_MESSAGE = 64 * 1024
_READERS = {"SAMLRequest": samlp.logout_request_from_string, "SAMLResponse": samlp.logout_response_from_string}


@dataclass(frozen=True, slots=True)
class IncomingLogout:
    """A logout message as the browser brought it; `query` where it was a redirect."""

    kind: str
    content: str
    relay_state: str | None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingLogout:
    """What the browser posts to a service provider's single logout service; the content is base64."""

    url: str
    kind: str
    content: str
    relay_state: str | None


@dataclass(frozen=True, slots=True)
class LogoutDone:
    """A service provider answered our LogoutRequest."""

    sp_entity_id: str
    succeeded: bool


class SingleLogout:
    """Ends sessions here and at service providers."""

    def __init__(
        self, settings: DevIdpSettings, metadata: MetadataStore, backend: XmlsecBackend, certificate: str
    ) -> None:
        self._settings = settings
        self._metadata = metadata
        self._backend = backend
        self._certificate = certificate
        self.sessions = IdpSessions()

    async def begin(self, session: IdpSession) -> OutgoingLogout:
        """The LogoutRequest about a session that just ended here; raises RequestRefused."""
        await service_providers.learn(self._metadata, session.sp_entity_id)
        url = service_providers.logout_url(self._metadata, session.sp_entity_id)
        message = samlp.LogoutRequest(
            **self._envelope(url),
            name_id=saml.NameID(text=session.name_id, format=session.name_id_format),
            session_index=[samlp.SessionIndex(text=session.session_index)],
        )
        return self._outgoing(message, url, "SAMLRequest", None)

    async def receive(self, incoming: IncomingLogout) -> OutgoingLogout | LogoutDone:
        """Obey a request and answer it, or take note of an answer; raises RequestRefused for what is not signed."""
        if len(incoming.content) > MAX_MESSAGE:
            raise RequestRefused(f"The message is larger than {MAX_MESSAGE} bytes.")
        try:
            message, entity_id = await self._believe(incoming)
        except REFUSALS as error:
            raise RequestRefused(f"The logout message cannot be accepted: {error}") from error
        if incoming.kind == "SAMLResponse":
            return LogoutDone(entity_id, message.status.status_code.value == samlp.STATUS_SUCCESS)
        indexes = [str(index.text).strip() for index in message.session_index]
        self.sessions.end(entity_id, str(message.name_id.text).strip(), indexes)
        url = service_providers.logout_url(self._metadata, entity_id)
        answer = samlp.LogoutResponse(
            **self._envelope(url),
            in_response_to=message.id,
            status=samlp.Status(status_code=samlp.StatusCode(value=samlp.STATUS_SUCCESS)),
        )
        return self._outgoing(answer, url, "SAMLResponse", incoming.relay_state)

    async def _believe(self, incoming: IncomingLogout) -> tuple[Any, str]:
        """The message and who signed it, by the metadata at the Issuer's address."""
        binding = BINDING_HTTP_POST if incoming.query is None else BINDING_HTTP_REDIRECT
        xml = Server.unravel(incoming.content, binding)
        message: Any = _READERS[incoming.kind](xml)
        if message is None or message.issuer is None or not message.issuer.text:
            raise UnravelError("it is no logout message with an Issuer")
        if message.destination != self._settings.slo_url:
            raise SAMLError(f"it is addressed to {message.destination}, not to {self._settings.slo_url}")
        entity_id = str(message.issuer.text).strip()
        await service_providers.learn(self._metadata, entity_id)
        certificates = service_providers.certificates(self._metadata, entity_id)
        if incoming.query is None:
            holds = any(is_signed(xml, message.id, certificate) for certificate in certificates)
        else:
            holds = any(signed_query(incoming.query, certificate) for certificate in certificates)
        if not holds:
            raise SigverError(f"it is not signed by a key in the metadata of {entity_id}")
        return message, entity_id

    def _envelope(self, url: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "id": sid(),
            "version": "2.0",
            "issue_instant": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "destination": url,
            "issuer": saml.Issuer(text=self._settings.entity_id),
        }

    def _outgoing(self, message: Any, url: str, kind: str, relay_state: str | None) -> OutgoingLogout:
        document = signed(message, self._backend, self._certificate)
        return OutgoingLogout(url, kind, base64.b64encode(document.encode()).decode(), relay_state)


def incoming_of(values: dict[str, str], query: str | None = None) -> IncomingLogout:
    """The message among form fields or query parameters; raises RequestRefused where there is not exactly one."""
    kinds = [kind for kind in _READERS if values.get(kind)]
    if len(kinds) != 1:
        raise RequestRefused("There is no logout message here: sign out at the service you are signed in to.")
    return IncomingLogout(kinds[0], values[kinds[0]], values.get("RelayState"), query)


def parameters_of(query: str) -> dict[str, str]:
    """The decoded parameters of a redirect."""
    return dict(parse_qsl(query))
