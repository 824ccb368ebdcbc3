"""What the sign-in services need of SAML; `adapters/saml` provides it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.assertion import NameId, VerifiedResponse
from ostiary.domain.connection import Binding, Certificate, IdentityProvider, LoginHint, NameIdFormat
from ostiary.domain.logout import LogoutRequest, LogoutResponse


@dataclass(frozen=True, slots=True)
class SpKeyPair:
    """A key of ours: the private key as PKCS#8 PEM (sealed wherever it is stored) and its certificate as PEM."""

    private_key_pem: bytes
    certificate_pem: str


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """Our side of one connection: entity id and endpoints are the connection's own, the key its organization's."""

    entity_id: str
    acs_url: str
    slo_url: str
    metadata_url: str
    key: SpKeyPair
    # Published beside the key's own while another key is to follow it.
    next_certificate_pem: str | None = None


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A request for authentication, before it is encoded. `id` is an NCName; the time is UTC."""

    id: str
    issued_at: datetime
    relay_state: str
    idp: IdentityProvider
    sp: ServiceProvider
    name_id_format: NameIdFormat | None
    force_authn: bool
    signed: bool
    login_hint: str | None = None
    login_hint_by: LoginHint = LoginHint.NONE


@dataclass(frozen=True, slots=True)
class BrowserMessage:
    """A message for the browser to carry: a URL to follow (redirect), or a form to post to the URL."""

    binding: Binding
    url: str
    form: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as a browser brought it: the query of a redirect, still encoded, or the value of the posted form."""

    binding: Binding
    content: str


@dataclass(frozen=True, slots=True)
class LogoutToSend:
    """A logout message of ours, before it is encoded; always signed.

    A request names the subject, and the session where it is known; a response neither.
    """

    id: str
    issued_at: datetime
    binding: Binding
    url: str
    sp: ServiceProvider
    relay_state: str | None = None
    name_id: NameId | None = None
    session_index: str | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signature counts: the connection's certificates, and our keys that may decrypt.

    `allow_sha1` and `allow_aes_cbc` are the connection's legacy switches; `now` decides which certificates are still
    valid.
    """

    certificates: tuple[Certificate, ...]
    allow_sha1: bool
    now: datetime
    decryption_keys: tuple[SpKeyPair, ...] = ()
    want_assertions_encrypted: bool = False
    allow_aes_cbc: bool = False


class AssertionVerifier(Protocol):
    """Guard, signature, and reading from the verified bytes, in a worker thread."""

    def ensure_room(self) -> None:
        """Raise `too_busy` where `verify` would: so much waits to be verified that it would not be done soon."""
        ...

    async def verify(self, saml_response: str, trust: Trust) -> VerifiedResponse:
        """The verified response inside a base64 `SAMLResponse` form value; raises `ResponseRefused`, `too_busy`."""
        ...


class SamlMessages(Protocol):
    """The messages we write."""

    async def authn_request(self, request: AuthnRequest) -> BrowserMessage:
        """The AuthnRequest, encoded for the binding the identity provider asks for, signed if asked."""
        ...

    async def sp_metadata(
        self,
        sp: ServiceProvider,
        *,
        valid_until: datetime,
        name_id_format: NameIdFormat | None,
        want_assertions_encrypted: bool,
        requests_signed: bool,
    ) -> bytes:
        """Our signed metadata for one connection, as an EntityDescriptor."""
        ...

    async def new_key(self, common_name: str, now: datetime) -> SpKeyPair:
        """A new RSA-2048 key and a self-signed certificate of ten years."""
        ...


class SamlLogout(Protocol):
    """Logout messages, read and written."""

    async def read(self, message: IncomingMessage, trust: Trust) -> LogoutRequest | LogoutResponse:
        """The verified message; raises `ResponseRefused` for one that is not signed by the connection's certificate."""
        ...

    async def request(self, logout: LogoutToSend) -> BrowserMessage:
        """A signed LogoutRequest for the browser to carry."""
        ...

    async def response(self, logout: LogoutToSend, in_response_to: str) -> BrowserMessage:
        """A signed LogoutResponse that reports success."""
        ...


class MetadataReader(Protocol):
    """What an identity provider's metadata or pasted values say."""

    async def read_metadata(self, xml: bytes, *, entity_id: str | None = None) -> IdentityProvider:
        """The identity provider described; raises `invalid_metadata` (422) saying what is wrong and how to mend it.

        With several providers in one EntitiesDescriptor the entity id chooses.
        """
        ...

    def read_certificate(self, text: str) -> Certificate:
        """A certificate pasted as PEM, PEM without headers, or one line of base64.

        Raises `certificate_validation_failed` (422) with the reason.
        """
        ...
