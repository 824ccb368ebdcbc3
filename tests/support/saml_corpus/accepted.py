"""What identity providers really send, each in its own handwriting: all of it signs Bo in."""

import re
from datetime import timedelta

from lxml import etree

from tests.support.saml_corpus.case import (
    Case,
    changed,
    encrypted,
    encrypted_and_signed,
    resigned,
    rewritten,
    says,
    signed_so,
)
from tests.support.saml_factory import (
    AUTHN_STATEMENT,
    BEARER,
    DSIG,
    EMAIL_FORMAT,
    ENVELOPED,
    EXCLUSIVE_C14N,
    IDP_ENTITY_ID,
    NOW,
    SP_ENTITY_ID,
    XENC,
    XENC11,
    Element,
    Encrypting,
    Party,
    Said,
    Signing,
    assertion_in,
    assertion_xml,
    attacker,
    authn_statement,
    encrypt_name_id,
    idp,
    instant,
    one,
    party,
    response,
    response_xml,
    sign,
    signed_response,
    to_bytes,
)

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format"
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
SOON = instant(NOW + timedelta(minutes=5))
ENVELOPED_TRANSFORM = f'<ds:Transform Algorithm="{ENVELOPED}"/>'


def both(root: Element) -> Element:
    sign(assertion_in(root))
    sign(root)
    return root


def with_prefixes(saml: str, samlp: str) -> Element:
    """The same response with the prefixes of another product; an empty one is the default namespace."""
    xml = response_xml(Said())
    for old, new in (("saml", saml), ("samlp", samlp)):
        xml = re.sub(rf"(</?){old}:", rf"\1{new}:" if new else r"\1", xml)
        xml = xml.replace(f"xmlns:{old}=", f"xmlns:{new}=" if new else "xmlns=")
    return etree.fromstring(xml)


def spoken(name: str, old: str, new: str) -> Case:
    """A response that its sender writes a little differently, and signs."""

    def make() -> Element:
        xml = response_xml(Said())
        assert old in xml
        root = etree.fromstring(xml.replace(old, new, 1))
        sign(assertion_in(root))
        return root

    return Case(name, make)


def typed_values() -> Element:
    xml = response_xml(Said()).replace(
        "<samlp:Response ",
        '<samlp:Response xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ',
    )
    root = etree.fromstring(xml.replace("<saml:AttributeValue>", '<saml:AttributeValue xsi:type="xs:string">'))
    prefixes = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="xs"/>'
    how = Signing(
        transforms=f'{ENVELOPED_TRANSFORM}<ds:Transform Algorithm="{EXCLUSIVE_C14N}">{prefixes}</ds:Transform>'
    )
    sign(assertion_in(root), how)
    return root


def indented() -> Element:
    root = response()
    etree.indent(root)
    sign(assertion_in(root))
    return root


def java_line_ends(root: Element) -> None:
    """Java writes the carriage returns of its base64 as character references."""
    for name in ("SignatureValue", "X509Certificate"):
        value = next(root.iter(f"{{{DSIG}}}{name}"))
        text = value.text or ""
        value.text = "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\r\n"


def second_confirmation(root: Element) -> None:
    confirmation = one(root, "saml:Assertion/saml:Subject/saml:SubjectConfirmation")
    xml = (
        f'<saml:SubjectConfirmation xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Method="{BEARER}">'
        f'<saml:SubjectConfirmationData Recipient="https://other.example/acs" NotOnOrAfter="{SOON}"/>'
        "</saml:SubjectConfirmation>"
    )
    confirmation.addprevious(etree.fromstring(xml))


def hidden_name_id() -> Element:
    root = response()
    encrypt_name_id(assertion_in(root), Encrypting(party("sp")))
    sign(assertion_in(root))
    return root


def undeclared_prefixes() -> Element:
    """The plaintext uses a prefix that only the response around the ciphertext declares."""
    without = re.sub(r' xmlns:saml="[^"]*"', "", assertion_xml(Said()))
    return encrypted_and_signed(etree.fromstring(response_xml(Said(), assertion=without)))


def old_idp() -> Party:
    return party("old idp", valid=(timedelta(days=-60), timedelta(days=-30)))


SHAPES = [
    Case("the assertion is signed", signed_response),
    Case("the response is signed", lambda: signed_response(what="response")),
    Case("both are signed", lambda: signed_response(what="both")),
    Case("signed, then encrypted", encrypted),
    Case("encrypted, then signed", encrypted_and_signed),
    Case("signed, encrypted and signed again", lambda: encrypted_and_signed(signed_response())),
    Case("the key stands beside the data", lambda: encrypted(key_beside_data=True)),
    Case("aes-128-gcm", lambda: encrypted(method=f"{XENC11}aes128-gcm")),
    Case("the name id is encrypted", hidden_name_id),
    Case("prefixes from outside the ciphertext", undeclared_prefixes),
    Case(
        "aes-cbc where it is allowed",
        lambda: encrypted_and_signed(method=f"{XENC}aes256-cbc"),
        settings={"allow_aes_cbc": True},
    ),
]

HANDWRITINGS = [
    signed_so("no key info", lambda: Signing(with_key_info=False)),
    signed_so("a renewed certificate around the known key", lambda: Signing(by=idp(), key_info_of=attacker())),
    signed_so("a chain in the key info", lambda: Signing(key_info=_chain())),
    signed_so("a key name", lambda: Signing(key_info="<ds:KeyName>idp</ds:KeyName>")),
    signed_so("rsa-sha384", lambda: Signing(method=f"{MORE}rsa-sha384", digest=f"{MORE}sha384")),
    signed_so("rsa-sha512", lambda: Signing(method=f"{MORE}rsa-sha512", digest=f"{XENC}sha512")),
    signed_so("rsa-pss", lambda: Signing(method="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1")),
    signed_so(
        "ecdsa-sha256",
        lambda: Signing(by=party("ec", kind="p256"), method=f"{MORE}ecdsa-sha256"),
        certificates_of=(lambda: party("ec", kind="p256"),),
    ),
    signed_so(
        "sha-1 where it is allowed",
        lambda: Signing(method=f"{DSIG}rsa-sha1", digest=f"{DSIG}sha1"),
        settings={"allow_sha1": True},
    ),
    signed_so("comments kept by canonicalization", lambda: Signing(canonicalization=f"{EXCLUSIVE_C14N}WithComments")),
    Case("an expired certificate beside the valid one", signed_response, certificates_of=(old_idp, idp)),
    Case("typed values and a prefix list", typed_values),
    Case("indented", indented),
    Case("the prefixes of Shibboleth", lambda: both(with_prefixes("saml2", "saml2p"))),
    Case("the prefixes of pysaml2", lambda: both(with_prefixes("ns0", "ns1"))),
    Case("the assertion in the default namespace", lambda: both(with_prefixes("", "samlp"))),
    Case("a byte order mark", lambda: b"\xef\xbb\xbf" + to_bytes(signed_response())),
    Case("no xml declaration", lambda: etree.tostring(signed_response(), encoding="utf-8")),
    rewritten("a declaration in double quotes", "version='1.0' encoding='utf-8'", 'version="1.0" encoding="UTF-8"'),
    rewritten("standalone", "encoding='utf-8'", "encoding='UTF-8' standalone='no'"),
    rewritten("white space at the end", "</samlp:Response>", "</samlp:Response>\r\n"),
    changed("line ends of Java in the base64", java_line_ends),
    changed("an id of the signature", lambda root: one(root, "saml:Assertion/ds:Signature").set("Id", "_sig1")),
]

CONTENTS = [
    says("no issuer of the response", Said(response_issuer=None)),
    spoken("formats of the issuers", "<saml:Issuer>", f'<saml:Issuer Format="{FORMAT}:entity">'),
    spoken("consent", "InResponseTo=", 'Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified" InResponseTo='),
    spoken("white space around the audience", SP_ENTITY_ID + "</saml:Aud", f"\n  {SP_ENTITY_ID}\n</saml:Aud"),
    spoken("white space around the name id", "bo@acme.test</saml:N", "\n  bo@acme.test\n</saml:N"),
    spoken("qualifiers", "<saml:NameID ", f'<saml:NameID NameQualifier="{IDP_ENTITY_ID}" SPNameQualifier="x" '),
    spoken("milliseconds", 'NotBefore="2026-01-15T11:55:00Z"', 'NotBefore="2026-01-15T11:55:00.123Z"'),
    spoken("the seven digits of .NET", 'NotBefore="2026-01-15T11:55:00Z"', 'NotBefore="2026-01-15T11:55:00.1234567Z"'),
    spoken(
        "an address of the browser", "<saml:SubjectConfirmationData ", '<saml:SubjectConfirmationData Address="::1" '
    ),
    spoken(
        "a confirmation that begins",
        "<saml:SubjectConfirmationData ",
        f'<saml:SubjectConfirmationData NotBefore="{instant(NOW)}" ',
    ),
    spoken("a friendly name", '<saml:Attribute Name="email"', '<saml:Attribute FriendlyName="mail" Name="email"'),
    spoken(
        "a name format",
        '<saml:Attribute Name="email"',
        '<saml:Attribute NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" Name="email"',
    ),
    says("one use", Said(more_conditions="<saml:OneTimeUse/>")),
    says("no proxies", Said(more_conditions='<saml:ProxyRestriction Count="0"/>')),
    says("two audiences", Said(audiences=(("https://other.example", SP_ENTITY_ID),))),
    says("two restrictions that both name us", Said(audiences=((SP_ENTITY_ID,), (SP_ENTITY_ID, "https://b.example")))),
    resigned("a second confirmation for somebody else", second_confirmation),
    says("two authentication statements", Said(authn_statements=AUTHN_STATEMENT + authn_statement("_session2"))),
    says(
        "a session that ends later",
        Said(authn_statements=AUTHN_STATEMENT.replace(" Session", f' SessionNotOnOrAfter="{SOON}" Session', 1)),
    ),
    says("no session index", Said(authn_statements=AUTHN_STATEMENT.replace(' SessionIndex="_session1"', ""))),
    says(
        "where the browser was",
        Said(
            authn_statements=AUTHN_STATEMENT.replace(
                "<saml:AuthnContext>", '<saml:SubjectLocality Address="192.0.2.1"/><saml:AuthnContext>'
            )
        ),
    ),
    says("advice", Said(advice="<saml:Advice/>")),
    says("no attributes at all", Said(attributes={})),
    says(
        "a second attribute statement",
        Said(more_statements='<saml:AttributeStatement><saml:Attribute Name="x"/></saml:AttributeStatement>'),
    ),
    says("hundreds of groups", Said(attributes={"groups": tuple(f"group-{number}" for number in range(500))})),
    says("special characters", Said(attributes={"name": ("a&b <c> \"d\" 'e' \u00e9\u4e2d\U0001f600",)})),
    says("an attribute without a value", Said(attributes={"role": ("",)})),
    says("claims of Microsoft", Said(attributes={f"{CLAIMS}/emailaddress": ("bo@acme.test",)})),
    says("object identifiers", Said(attributes={"urn:oid:0.9.2342.19200300.100.1.3": ("bo@acme.test",)})),
    says("within the clock skew, ended", Said(not_on_or_after=NOW - timedelta(seconds=59))),
    says(
        "within the clock skew, not begun",
        Said(not_before=NOW + timedelta(seconds=60), not_on_or_after=NOW + timedelta(minutes=6)),
    ),
    says("a persistent name id", Said(name_id="s-1-5-21", name_id_format=f"{FORMAT}:persistent"), name_id="s-1-5-21"),
    says("a transient name id", Said(name_id="_a8f", name_id_format=f"{FORMAT}:transient"), name_id="_a8f"),
    says(
        "an unspecified format",
        Said(name_id_format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"),
    ),
    says(
        "an e-mail address in capitals",
        Said(name_id="Bo@Acme.TEST", name_id_format=EMAIL_FORMAT),
        name_id="Bo@Acme.TEST",
    ),
    says(
        "an extension",
        Said(extensions='<samlp:Extensions><x xmlns="urn:other">more</x></samlp:Extensions>'),
    ),
    says("a status detail", Said(status=f'{Said().status}<samlp:StatusDetail><x xmlns="urn:x"/></samlp:StatusDetail>')),
    says("a message of success", Said(status=f"{Said().status}<samlp:StatusMessage>Welcome</samlp:StatusMessage>")),
    says(
        "begun at the identity provider where that is allowed",
        Said(in_response_to=None, confirmed_in_response_to=None),
        request_id=None,
        allow_unsolicited=True,
    ),
]


def _chain() -> str:
    """The certificate that signs, and the one of its issuer."""
    certificates = (idp().certificate.der_base64, attacker().certificate.der_base64)
    held = "".join(f"<ds:X509Certificate>{each}</ds:X509Certificate>" for each in certificates)
    return f"<ds:X509Data>{held}</ds:X509Data>"


ACCEPTED = {"shapes": SHAPES, "handwritings": HANDWRITINGS, "contents": CONTENTS}
