"""SAML responses as identity providers send them, and as nobody should: signed, encrypted, and open to be broken.

Signing and encrypting go through xmlsec with the texts written here, not through the code under test.
"""

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from xml.sax.saxutils import escape, quoteattr

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from lxml.etree import _Element  # pyright: ignore[reportPrivateUsage] -- lxml has no public name for the type

from ostiary.domain.connection import Certificate
from ostiary.services.saml_ports import SpKeyPair, Trust

Element = _Element

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DSIG}enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = f"{XENC}sha256"
RESPONSE_TAG = f"{{{SAMLP}}}Response"
NAMES = {"samlp": SAMLP, "saml": SAML, "ds": DSIG, "xenc": XENC}

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
IDP_ENTITY_ID = "https://idp.example/metadata"
SP_ENTITY_ID = "https://sp.example/saml/conn_1/metadata"
ACS_URL = "https://sp.example/saml/conn_1/acs"
REQUEST_ID = "_request1"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"


@dataclass(frozen=True)
class Party:
    """Someone with a key: an identity provider, an attacker, or ourselves."""

    key_pem: bytes
    certificate_pem: str
    certificate: Certificate

    def as_sp_key(self) -> SpKeyPair:
        return SpKeyPair(self.key_pem, self.certificate_pem)

    def public_numbers(self) -> tuple[str, str]:
        """Modulus and exponent of an RSA key as a KeyValue carries them."""
        key = x509.load_pem_x509_certificate(self.certificate_pem.encode()).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        numbers = key.public_numbers()
        return (
            base64.b64encode(numbers.n.to_bytes(key.key_size // 8)).decode(),
            base64.b64encode(numbers.e.to_bytes(3)).decode(),
        )


@cache
def party(
    name: str,
    *,
    kind: str = "rsa2048",
    valid: tuple[timedelta, timedelta] = (timedelta(days=-30), timedelta(days=30)),
) -> Party:
    """A party with a key of the kind (rsa2048, rsa1024, p256) and a certificate valid around NOW."""
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else rsa.generate_private_key(65537, int(kind[3:]))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW + valid[0])
        .not_valid_after(NOW + valid[1])
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    return Party(
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate_pem=certificate.public_bytes(Encoding.PEM).decode(),
        certificate=Certificate(
            fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            der_base64=base64.b64encode(der).decode(),
        ),
    )


def idp() -> Party:
    """The identity provider whose certificate the connection knows."""
    return party("idp")


def attacker() -> Party:
    """Someone with a key of their own."""
    return party("attacker")


def trust(*parties: Party, **changes: object) -> Trust:
    """Trust in the identity provider, or in those given, at NOW."""
    settings: dict[str, object] = {"allow_sha1": False, "now": NOW} | changes
    return Trust(tuple(each.certificate for each in parties or (idp(),)), **settings)  # pyright: ignore[reportArgumentType]


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def authn_statement(session_index: str = "_session1") -> str:
    """That the person gave a password, and what the identity provider calls its session."""
    return (
        f'<saml:AuthnStatement AuthnInstant="{instant(NOW)}" SessionIndex="{session_index}">'
        "<saml:AuthnContext><saml:AuthnContextClassRef>"
        "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    )


AUTHN_STATEMENT = authn_statement()


@dataclass(frozen=True)
class Said:
    """What a response says; every default is what a good one says. None leaves the attribute or element out."""

    response_id: str = "_response1"
    assertion_id: str = "_assertion1"
    issuer: str = IDP_ENTITY_ID
    response_issuer: str | None = IDP_ENTITY_ID
    destination: str | None = ACS_URL
    in_response_to: str | None = REQUEST_ID
    status: str = f'<samlp:StatusCode Value="{SUCCESS}"/>'
    name_id: str | None = "bo@acme.test"
    name_id_format: str = EMAIL_FORMAT
    method: str = BEARER
    recipient: str | None = ACS_URL
    confirmed_until: datetime | None = NOW + timedelta(minutes=5)
    confirmed_in_response_to: str | None = REQUEST_ID
    not_before: datetime | None = NOW - timedelta(minutes=5)
    not_on_or_after: datetime | None = NOW + timedelta(minutes=5)
    audiences: tuple[tuple[str, ...], ...] = ((SP_ENTITY_ID,),)
    more_conditions: str = ""
    advice: str = ""
    extensions: str = ""
    authn_statements: str = AUTHN_STATEMENT
    attributes: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"email": ("bo@acme.test",), "firstName": ("Bo",), "groups": ("platform", "data")}
    )
    more_statements: str = ""


def _attribute(name: str, value: object) -> str:
    if value is None:
        return ""
    return f" {name}={quoteattr(instant(value) if isinstance(value, datetime) else str(value))}"


def assertion_xml(said: Said) -> str:
    """The assertion, unsigned."""
    name_id = (
        ""
        if said.name_id is None
        else f"<saml:NameID{_attribute('Format', said.name_id_format)}>{escape(said.name_id)}</saml:NameID>"
    )
    confirmation = (
        _attribute("Recipient", said.recipient)
        + _attribute("NotOnOrAfter", said.confirmed_until)
        + _attribute("InResponseTo", said.confirmed_in_response_to)
    )
    audiences = "".join(
        "<saml:AudienceRestriction>"
        + "".join(f"<saml:Audience>{escape(audience)}</saml:Audience>" for audience in restriction)
        + "</saml:AudienceRestriction>"
        for restriction in said.audiences
    )
    attributes = "".join(
        f"<saml:Attribute{_attribute('Name', name)}>"
        + "".join(f"<saml:AttributeValue>{escape(value)}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in said.attributes.items()
    )
    return (
        f'<saml:Assertion xmlns:saml="{SAML}" ID="{said.assertion_id}" Version="2.0" IssueInstant="{instant(NOW)}">\n'
        f"<saml:Issuer>{escape(said.issuer)}</saml:Issuer>\n"
        f"<saml:Subject>{name_id}<saml:SubjectConfirmation{_attribute('Method', said.method)}>"
        f"<saml:SubjectConfirmationData{confirmation}/></saml:SubjectConfirmation></saml:Subject>"
        f"<saml:Conditions{_attribute('NotBefore', said.not_before)}"
        f"{_attribute('NotOnOrAfter', said.not_on_or_after)}>{audiences}{said.more_conditions}</saml:Conditions>"
        f"{said.advice}{said.authn_statements}"
        f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>{said.more_statements}</saml:Assertion>"
    )


def response_xml(said: Said, *, assertion: str | None = None) -> str:
    """The response with its assertion, unsigned; `assertion` stands in for the assertion said."""
    issuer = "" if said.response_issuer is None else f"<saml:Issuer>{escape(said.response_issuer)}</saml:Issuer>\n"
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{said.response_id}" Version="2.0" '
        f'IssueInstant="{instant(NOW)}"{_attribute("Destination", said.destination)}'
        f"{_attribute('InResponseTo', said.in_response_to)}>\n{issuer}{said.extensions}"
        f"<samlp:Status>{said.status}</samlp:Status>"
        f"{assertion_xml(said) if assertion is None else assertion}</samlp:Response>"
    )


def response(said: Said | None = None, *, assertion: str | None = None) -> Element:
    """The unsigned response as a tree, to sign, encrypt and break."""
    return etree.fromstring(response_xml(said or Said(), assertion=assertion))


def assertion_in(root: Element) -> Element:
    """The response's own assertion."""
    return one(root, "saml:Assertion")


def one(root: Element, path: str) -> Element:
    """The one element at the path, in the prefixes of NAMES."""
    (found,) = root.findall(path, NAMES)
    return found


@dataclass(frozen=True)
class Signing:
    """How to sign; every default is what identity providers do."""

    by: Party | None = None
    method: str = RSA_SHA256
    digest: str = SHA256
    canonicalization: str = EXCLUSIVE_C14N
    transforms: str = f'<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{EXCLUSIVE_C14N}"/>'
    uri: str | None = None
    key_info_of: Party | None = None
    key_info: str = ""
    with_key_info: bool = True
    more: str = ""


def sign(element: Element, how: Signing | None = None) -> Element:
    """Sign the element with an enveloped signature behind its Issuer; returns the Signature."""
    how = how or Signing()
    signer = how.by or idp()
    signature = signature_template(element, how)
    issuer = element.find("saml:Issuer", NAMES)
    element.insert(0 if issuer is None else 1, signature)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(signer.key_pem, xmlsec.constants.KeyDataFormatPem)
    context.register_id(element, "ID")
    context.sign(signature)
    return signature


def signature_template(element: Element, how: Signing) -> Element:
    """The signature before its values are filled in."""
    named = how.key_info_of or how.by or idp()
    x509_data = f"<ds:X509Data><ds:X509Certificate>{named.certificate.der_base64}</ds:X509Certificate></ds:X509Data>"
    key_info = f"<ds:KeyInfo>{how.key_info or x509_data}</ds:KeyInfo>" if how.with_key_info else ""
    uri = f"#{element.get('ID')}" if how.uri is None else how.uri
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{how.canonicalization}"/>'
        f'<ds:SignatureMethod Algorithm="{how.method}"/><ds:Reference URI="{uri}">'
        f'<ds:Transforms>{how.transforms}</ds:Transforms><ds:DigestMethod Algorithm="{how.digest}"/>'
        f"<ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>{key_info}{how.more}</ds:Signature>"
    )
    signature.tail = "\n"
    return signature


def signed_response(said: Said | None = None, *, what: str = "assertion", how: Signing | None = None) -> Element:
    """A response of which `assertion`, `response` or `both` is signed."""
    root = response(said)
    if what in {"assertion", "both"}:
        sign(assertion_in(root), how)
    if what in {"response", "both"}:
        sign(root, how)
    return root


@dataclass(frozen=True)
class Encrypting:
    """How to encrypt; the defaults are AES-256-GCM and RSA-OAEP, the key inside the data."""

    to: Party
    method: str = f"{XENC11}aes256-gcm"
    key_method: str = f"{XENC}rsa-oaep-mgf1p"
    key_parameters: str = ""
    key_beside_data: bool = False


def encrypt(root: Element, how: Encrypting) -> Element:
    """Put an EncryptedAssertion in the place of the response's assertion; returns it."""
    return encrypt_element(assertion_in(root), "EncryptedAssertion", how)


def encrypt_name_id(assertion: Element, how: Encrypting) -> Element:
    """Put an EncryptedID in the place of the assertion's NameID, before the assertion is signed; returns it."""
    return encrypt_element(one(assertion, "saml:Subject")[0], "EncryptedID", how)


def encrypt_element(element: Element, wrapper_name: str, how: Encrypting) -> Element:
    """Put the encrypted element in its own place; returns the element of SAML that wraps it."""
    data = etree.fromstring(
        f'<xenc:EncryptedData xmlns:xenc="{XENC}" xmlns:ds="{DSIG}" Type="{XENC}Element">'
        f'<xenc:EncryptionMethod Algorithm="{how.method}"/><ds:KeyInfo><xenc:EncryptedKey>'
        f'<xenc:EncryptionMethod Algorithm="{how.key_method}">{how.key_parameters}</xenc:EncryptionMethod>'
        "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"
        "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"
    )
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(how.to.certificate_pem, xmlsec.constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    if how.method.endswith("tripledes-cbc"):
        kind, bits = xmlsec.constants.KeyDataDes, 192
    else:
        kind, bits = xmlsec.constants.KeyDataAes, int(how.method[-7:-4])
    context.key = xmlsec.Key.generate(kind, bits, xmlsec.constants.KeyDataTypeSession)
    # Encrypted where it stands: moved first, it would lose the prefixes that are declared above it as well.
    data = context.encrypt_xml(data, element)
    wrapper = etree.Element(f"{{{SAML}}}{wrapper_name}", nsmap={"saml": SAML})
    data.addprevious(wrapper)
    wrapper.append(data)
    if how.key_beside_data:
        wrapper.append(one(data, "ds:KeyInfo/xenc:EncryptedKey"))
        data.remove(one(data, "ds:KeyInfo"))
    return wrapper


def to_bytes(root: Element) -> bytes:
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def form_value(document: Element | bytes | str) -> str:
    """The `SAMLResponse` form value."""
    if isinstance(document, str):
        document = document.encode()
    return base64.b64encode(document if isinstance(document, bytes) else to_bytes(document)).decode()


def twin(element: Element) -> Element:
    """A copy, without the text behind it."""
    copied = copy.deepcopy(element)
    copied.tail = None
    return copied
