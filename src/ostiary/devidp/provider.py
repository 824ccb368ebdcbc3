# pysaml2 carries no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The SAML side: reads AuthnRequests and writes signed responses, through pysaml2's `Server`."""

import base64
import warnings
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import ParseError

from cryptography.utils import CryptographyDeprecationWarning
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, SAMLError, samlp
from saml2.assertion import Policy
from saml2.attribute_converter import AttributeConverter
from saml2.config import IdPConfig
from saml2.mdstore import MetadataStore
from saml2.metadata import entity_descriptor
from saml2.s_utils import OtherError, UnravelError, VersionMismatch, rndstr
from saml2.saml import (
    NAME_FORMAT_BASIC,
    NAMEID_FORMAT_EMAILADDRESS,
    NAMEID_FORMAT_PERSISTENT,
    NAMEID_FORMAT_TRANSIENT,
    NameID,
)
from saml2.sigver import (
    REQ_ORDER,
    RESP_ORDER,
    SIGNER_ALGS,
    SignatureError,
    SigverError,
    extract_rsa_key_from_x509_cert,
    pem_format,
)
from saml2.validate import NotValid
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from ostiary.devidp import service_providers
from ostiary.devidp.crypto import XmlsecBackend, check_algorithm, is_signed, parse
from ostiary.devidp.keys import load_or_create
from ostiary.devidp.refusal import RequestRefused
from ostiary.devidp.sessions import IdpSession
from ostiary.devidp.settings import DevIdpSettings
from ostiary.devidp.shapes import Shape, encrypted, signed
from ostiary.devidp.users import User

with warnings.catch_warnings():
    # pysaml2 names a cipher mode at a place cryptography has moved it from; nobody here uses that mode.
    warnings.filterwarnings("ignore", "CFB has been moved", CryptographyDeprecationWarning)
    from saml2.server import Server

ASSERTION_MINUTES = 5
MAX_REQUEST = 64 * 1024
PASSWORD_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
ATTRIBUTES = ("email", "firstName", "lastName", "id", "role")
NAME_ID_FORMATS = (NAMEID_FORMAT_EMAILADDRESS, NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT)

# Everything pysaml2 raises at a request that is malformed, badly signed or not meant for us; it has no common base.
REFUSALS = (SAMLError, UnravelError, OtherError, VersionMismatch, NotValid, ParseError, ValueError)


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """An AuthnRequest as it came: the form value or query parameter, and for HTTP-Redirect the query it stood in."""

    saml_request: str
    relay_state: str | None
    query: str | None = None

    @property
    def binding(self) -> str:
        """The binding it came by."""
        return BINDING_HTTP_POST if self.query is None else BINDING_HTTP_REDIRECT


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """An AuthnRequest that was checked: who asks, where the answer goes, and whom the person says to be, if told.

    Without an id nobody asked: the sign-in begins here.
    """

    id: str | None
    sp_entity_id: str
    acs_url: str
    relay_state: str | None
    name_id_format: str
    login_hint: str = ""
    force_authn: bool = False


@dataclass(frozen=True, slots=True)
class SignInAnswer:
    """What the browser posts to the assertion consumer service; the response is base64."""

    acs_url: str
    saml_response: str
    relay_state: str | None


class IdentityProvider:
    """One identity provider with one key; signs response and assertion unless another shape is asked for."""

    def __init__(self, settings: DevIdpSettings) -> None:
        files = load_or_create(settings.data_dir)
        config: Any = IdPConfig().load(
            {
                "entityid": settings.entity_id,
                "key_file": str(files.key),
                "cert_file": str(files.certificate),
                # Any other value than "xmlsec1" does: it keeps pysaml2 from looking for that program.
                "crypto_backend": "XMLSecurity",
                "metadata": {"inline": []},
                "service": {
                    "idp": {
                        "endpoints": {
                            "single_sign_on_service": [
                                (settings.sso_url, BINDING_HTTP_REDIRECT),
                                (settings.sso_url, BINDING_HTTP_POST),
                            ],
                            "single_logout_service": [
                                (settings.slo_url, BINDING_HTTP_REDIRECT),
                                (settings.slo_url, BINDING_HTTP_POST),
                            ],
                        },
                        "name_id_format": list(NAME_ID_FORMATS),
                    }
                },
            }
        )
        config.attribute_converters = [_plain_attribute_names()]
        self._server: Any = _SsoOnlyServer(config=config)
        self.backend = XmlsecBackend(files.key.read_bytes())
        """Signs with our key."""
        self._server.sec.crypto = self.backend
        self._server.sec.correctly_signed_authn_request = self._read_request
        self._policy = Policy({"default": {"lifetime": {"minutes": ASSERTION_MINUTES}, "name_form": NAME_FORMAT_BASIC}})
        self.metadata = str(entity_descriptor(config)).encode()
        """The metadata document: signing certificate and endpoints."""
        self.certificate = str(self._server.sec.my_cert)
        """Our certificate, base64 of DER."""
        self.service_providers: MetadataStore = self._server.metadata
        """The metadata read so far."""

    async def receive(self, incoming: IncomingRequest) -> SignInRequest:
        """The request, once its sender's metadata is read and its signature checked; raises RequestRefused."""
        if len(incoming.saml_request) > MAX_REQUEST:
            raise RequestRefused(f"The SAMLRequest is larger than {MAX_REQUEST} bytes.")
        try:
            await service_providers.learn(self._server.metadata, self._issuer(incoming))
            return self._checked(incoming)
        except REFUSALS as error:
            raise RequestRefused(f"The AuthnRequest cannot be accepted: {error}") from error

    async def begin(self, sp_entity_id: str, relay_state: str | None) -> SignInRequest:
        """A sign-in that nobody asked for (SAML profiles §4.1.5); raises RequestRefused."""
        await service_providers.learn(self.service_providers, sp_entity_id)
        acs_url = service_providers.acs_url(self.service_providers, sp_entity_id)
        return SignInRequest(None, sp_entity_id, acs_url, relay_state, NAMEID_FORMAT_EMAILADDRESS)

    def answer(self, request: SignInRequest, user: User, shape: Shape) -> tuple[SignInAnswer, IdpSession]:
        """The signed response that says who signed in, in the shape asked for, and the session it began."""
        name_id = _name_id(request.name_id_format, user)
        response = str(
            self._server.create_authn_response(
                user.attributes,
                request.id,
                request.acs_url,
                request.sp_entity_id,
                name_id=NameID(format=request.name_id_format, text=name_id),
                authn={"class_ref": PASSWORD_CONTEXT},
                # Over a ciphertext the response is signed last.
                sign_response=shape.signs_response and not shape.encrypt,
                sign_assertion=shape.signs_assertion,
                sign_alg=SIG_RSA_SHA256,
                digest_alg=DIGEST_SHA256,
                release_policy=self._policy,
            )
        )
        index = str(parse(response).xpath("string(//*[local-name()='AuthnStatement']/@SessionIndex)"))
        if shape.encrypt:
            certificate = service_providers.encryption_certificate(self.service_providers, request.sp_entity_id)
            response = encrypted(response, certificate)
            if shape.signs_response:
                response = signed(response, self.backend, self.certificate)
        encoded = base64.b64encode(response.encode()).decode()
        return (
            SignInAnswer(request.acs_url, encoded, request.relay_state),
            IdpSession(request.sp_entity_id, name_id, request.name_id_format, index, user.email),
        )

    def _issuer(self, incoming: IncomingRequest) -> str:
        """Who claims to have sent it. Believed only after the metadata at that address was read."""
        request = samlp.authn_request_from_string(Server.unravel(incoming.saml_request, incoming.binding))
        if request is None or request.issuer is None or not request.issuer.text:
            raise RequestRefused("The SAMLRequest is no AuthnRequest with an Issuer.")
        return str(request.issuer.text).strip()

    def _read_request(self, xml: bytes, **_: object) -> Any:
        """What pysaml2 calls to parse a request and check the signature inside, if there is one."""
        message: Any = samlp.authn_request_from_string(xml)
        if message.signature is not None:
            entity_id = str(message.issuer.text).strip()
            certificates = service_providers.certificates(self._server.metadata, entity_id)
            if not any(is_signed(xml, message.id, certificate) for certificate in certificates):
                raise SignatureError(f"it is not signed by a key in the metadata of {entity_id}")
        return message

    def _checked(self, incoming: IncomingRequest) -> SignInRequest:
        request: Any = self._server.parse_authn_request(incoming.saml_request, incoming.binding)
        message: samlp.AuthnRequest = request.message
        entity_id = str(request.sender())
        if service_providers.signs_requests(self._server.metadata, entity_id):
            self._require_signature(incoming, message, entity_id)
        arguments: dict[str, Any] = self._server.response_args(message, [BINDING_HTTP_POST])
        policy: Any = message.name_id_policy
        subject: Any = message.subject
        wanted = policy.format if policy else None
        return SignInRequest(
            id=str(message.id),
            sp_entity_id=entity_id,
            acs_url=str(arguments["destination"]),
            relay_state=incoming.relay_state,
            name_id_format=wanted if wanted in NAME_ID_FORMATS else NAMEID_FORMAT_EMAILADDRESS,
            force_authn=str(message.force_authn).lower() in {"true", "1"},
            login_hint=str(subject.name_id.text or "").strip() if subject and subject.name_id else "",
        )

    def _require_signature(self, incoming: IncomingRequest, message: samlp.AuthnRequest, entity_id: str) -> None:
        """Signed as the metadata promises; a signature inside the message was checked while it was parsed."""
        if incoming.query is None:
            signed = message.signature is not None
        else:
            certificates = service_providers.certificates(self._server.metadata, entity_id)
            signed = any(signed_query(incoming.query, certificate) for certificate in certificates)
        if not signed:
            raise RequestRefused(
                f"The metadata of {entity_id} says AuthnRequestsSigned, but this request is not signed by a key in it."
            )


class _SsoOnlyServer(Server):
    """Answers sign-ins only, so pysaml2 need not keep every assertion in memory for later queries."""

    def support_AssertionIDRequest(self) -> bool:  # noqa: N802 # pyright: ignore[reportIncompatibleMethodOverride]
        return False

    def support_AuthnQuery(self) -> bool:  # noqa: N802 # pyright: ignore[reportIncompatibleMethodOverride]
        return False


def _plain_attribute_names() -> AttributeConverter:
    """Attribute names as they are: pysaml2's own maps would write some of them as URNs."""
    converter = AttributeConverter()
    names = {name: name for name in ATTRIBUTES}
    converter.from_dict({"identifier": NAME_FORMAT_BASIC, "to": names, "fro": names})
    return converter


def _name_id(name_id_format: str, user: User) -> str:
    if name_id_format == NAMEID_FORMAT_PERSISTENT:
        return user.id
    return rndstr(32) if name_id_format == NAMEID_FORMAT_TRANSIENT else user.email


def signed_query(query: str, certificate: str) -> bool:
    """Whether the query is signed by the certificate, over the octets as they were sent (SAML bindings §3.4.4.1)."""
    values = dict(parse_qsl(query))
    if "Signature" not in values:
        return False
    algorithm = values.get("SigAlg", "")
    check_algorithm(algorithm)
    if algorithm not in SIGNER_ALGS:
        raise SigverError(f"The signature algorithm {algorithm} is not known for HTTP-Redirect: use RSA.")
    raw = {pair.partition("=")[0]: pair for pair in query.split("&")}
    order = RESP_ORDER if "SAMLResponse" in raw else REQ_ORDER
    octets = "&".join(raw[name] for name in order if name in raw).encode()
    key = extract_rsa_key_from_x509_cert(pem_format(certificate))
    return bool(SIGNER_ALGS[algorithm].verify(octets, base64.b64decode(values["Signature"]), key))
