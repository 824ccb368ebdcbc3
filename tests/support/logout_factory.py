"""Logout messages as identity providers send them, by either binding, and as nobody should."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from tests.support.saml_factory import (
    EMAIL_FORMAT,
    IDP_ENTITY_ID,
    NOW,
    RSA_SHA256,
    SAML,
    SAMLP,
    SUCCESS,
    Element,
    Party,
    Signing,
    form_value,
    idp,
    instant,
    sign,
)

SLO_URL = "https://sp.example/saml/conn_1/slo"
_DIGESTS = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}  # noqa: S303 (to be refused)


@dataclass(frozen=True)
class Wish:
    """What a LogoutRequest says; every default is what a good one says."""

    id: str = "_logout1"
    issuer: str | None = IDP_ENTITY_ID
    destination: str | None = SLO_URL
    issued_at: datetime = NOW
    not_on_or_after: datetime | None = NOW + timedelta(minutes=5)
    name_id: str = "bo@acme.test"
    name_id_format: str = EMAIL_FORMAT
    session_indexes: tuple[str, ...] = ("_session1",)


def _attribute(name: str, value: str | None) -> str:
    return "" if value is None else f" {name}={quoteattr(value)}"


def request(wish: Wish | None = None) -> Element:
    """The unsigned LogoutRequest."""
    wish = wish or Wish()
    end = None if wish.not_on_or_after is None else instant(wish.not_on_or_after)
    issuer = "" if wish.issuer is None else f"<saml:Issuer>{escape(wish.issuer)}</saml:Issuer>"
    indexes = "".join(f"<samlp:SessionIndex>{escape(index)}</samlp:SessionIndex>" for index in wish.session_indexes)
    return etree.fromstring(
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{wish.id}" Version="2.0" '
        f'IssueInstant="{instant(wish.issued_at)}"{_attribute("Destination", wish.destination)}'
        f"{_attribute('NotOnOrAfter', end)}>{issuer}"
        f"<saml:NameID{_attribute('Format', wish.name_id_format)}>{escape(wish.name_id)}</saml:NameID>"
        f"{indexes}</samlp:LogoutRequest>"
    )


def answer(
    in_response_to: str,
    *,
    destination: str = SLO_URL,
    issuer: str = IDP_ENTITY_ID,
    issued_at: datetime = NOW,
    status: str = f'<samlp:StatusCode Value="{SUCCESS}"/>',
) -> Element:
    """The unsigned LogoutResponse to a request of ours."""
    return etree.fromstring(
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_answer1" Version="2.0" '
        f'IssueInstant="{instant(issued_at)}" Destination={quoteattr(destination)} '
        f"InResponseTo={quoteattr(in_response_to)}><saml:Issuer>{escape(issuer)}</saml:Issuer>"
        f"<samlp:Status>{status}</samlp:Status></samlp:LogoutResponse>"
    )


def posted(message: Element, by: Party | None = None) -> str:
    """The form value of a message with an enveloped signature."""
    sign(message, Signing(by=by))
    return form_value(message)


def redirected(
    message: Element | bytes,
    *,
    by: Party | None = None,
    relay_state: str | None = None,
    algorithm: str = RSA_SHA256,
    lower_case: bool = False,
    kind: str | None = None,
) -> str:
    """The query of a message by HTTP-Redirect, signed as `algorithm` says.

    `lower_case`: percent-encoded as some .NET senders do, who sign it so.
    """
    root = etree.fromstring(message) if isinstance(message, bytes) else message
    name = kind or ("SAMLRequest" if str(root.tag).endswith("Request") else "SAMLResponse")
    parameters = {name: deflated(etree.tostring(root))}
    if relay_state is not None:
        parameters["RelayState"] = relay_state
    return signed_query(parameters | {"SigAlg": algorithm}, by or idp(), lower_case=lower_case)


def deflated(document: bytes) -> str:
    """The document as the binding packs it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(document) + packer.flush()).decode()


def signed_query(parameters: Mapping[str, str], by: Party, *, lower_case: bool = False) -> str:
    """The parameters as a query, and the signature over exactly that text."""

    def encoded(value: str) -> str:
        text = quote(value, safe="") if lower_case else quote_plus(value)
        return "".join(part.lower() if part.startswith("%") else part for part in _parts(text)) if lower_case else text

    query = "&".join(f"{name}={encoded(value)}" for name, value in parameters.items())
    kind, _, digest = parameters["SigAlg"].rpartition("#")[2].partition("-")
    key = load_pem_private_key(by.key_pem, None)
    algorithm = _DIGESTS[digest]
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(query.encode(), padding.PKCS1v15(), algorithm)
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(query.encode(), ec.ECDSA(algorithm)))
        signature = r.to_bytes(32) + s.to_bytes(32)
    assert kind
    return f"{query}&Signature={encoded(base64.b64encode(signature).decode())}"


def _parts(text: str) -> list[str]:
    """The text cut into percent-encoded triplets and what is between them."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        length = 3 if text[position] == "%" else 1
        parts.append(text[position : position + length])
        position += length
    return parts
