"""Signatures that prove nothing: missing, of other things, by other keys, made in other ways."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta

import xmlsec
from lxml import etree

from ostiary.domain.assertion import Reason
from tests.support.saml_corpus.case import Case, changed, rewritten, signed_so
from tests.support.saml_factory import (
    ACS_URL,
    DSIG,
    ENVELOPED,
    EXCLUSIVE_C14N,
    SAMLP,
    Element,
    Party,
    Signing,
    assertion_in,
    attacker,
    idp,
    one,
    party,
    response,
    sign,
    signature_template,
    signed_response,
    twin,
)
from tests.support.saml_wrappings import WRAPPINGS, evil_assertion

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURE = "saml:Assertion/ds:Signature"
SIGNED_INFO = f"{SIGNATURE}/ds:SignedInfo"
ENVELOPED_TRANSFORM = f'<ds:Transform Algorithm="{ENVELOPED}"/>'
EXCLUSIVE_TRANSFORM = f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"/>'
XPATH = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
    "<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath></ds:Transform>"
)
EMPTY_DIGEST = base64.b64encode(hashlib.sha256(b"").digest()).decode()


def old_idp() -> Party:
    return party("old idp", valid=(timedelta(days=-60), timedelta(days=-30)))


def weak_idp() -> Party:
    return party("weak", kind="rsa1024")


def attribute_of(path: str, name: str, value: str) -> Callable[[Element], None]:
    return lambda root: one(root, path).set(name, value)


def text_of(path: str, text: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        one(root, path).text = text

    return change


def removing(path: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        found = one(root, path)
        found.getparent().remove(found)  # pyright: ignore[reportOptionalMemberAccess]

    return change


def doubling(path: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        found = one(root, path)
        found.addnext(twin(found))

    return change


def evil_under_the_genuine_signature(root: Element) -> None:
    genuine = assertion_in(root)
    evil = evil_assertion()
    evil.set("ID", "_assertion1")
    evil.insert(1, one(genuine, "ds:Signature"))
    root.replace(genuine, evil)


def hmac_with_the_certificate() -> Element:
    root = response()
    assertion = assertion_in(root)
    signature = signature_template(assertion, Signing(method=f"{MORE}hmac-sha256"))
    assertion.insert(1, signature)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, idp().certificate_pem.encode())
    context.register_id(assertion, "ID")
    context.sign(signature)
    return root


def whole_document() -> Element:
    root = response()
    sign(root, Signing(uri=""))
    return root


def key_value(of: Party) -> str:
    modulus, exponent = of.public_numbers()
    return (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>"
    )


def broken_inside() -> Element:
    root = response()
    sign(assertion_in(root))
    one(root, "saml:Assertion/saml:Subject/saml:NameID").text = "ada@acme.test"
    sign(root)
    return root


def smuggled_digest(root: Element) -> None:
    """CVE-2024-45409: a DigestValue outside SignedInfo, found by a reader that searches the whole document."""
    detail = etree.SubElement(one(root, "samlp:Status"), f"{{{SAMLP}}}StatusDetail")
    detail.append(twin(one(root, f"{SIGNED_INFO}/ds:Reference/ds:DigestValue")))
    text_of("saml:Assertion/saml:Subject/saml:NameID", "ada@acme.test")(root)


def void(root: Element) -> None:
    """CVE-2025-66568: what cannot be canonicalized is taken for nothing, and the digest of nothing is known."""
    text_of(f"{SIGNED_INFO}/ds:Reference/ds:DigestValue", EMPTY_DIGEST)(root)
    text_of("saml:Assertion/saml:Subject/saml:NameID", "ada@acme.test")(root)


WRAPPED = [Case(made.__name__.replace("_", " "), made, Reason.STRUCTURE) for made in WRAPPINGS] + [
    changed(
        "an evil assertion under the genuine signature", evil_under_the_genuine_signature, Reason.SIGNATURE_INVALID
    ),
    Case(
        "an evil assertion put into a signed response",
        lambda: _exchanged(signed_response(what="response")),
        Reason.SIGNATURE_INVALID,
    ),
    Case(
        "a signed response around a broken signed assertion",
        broken_inside,
        Reason.SIGNATURE_INVALID,
    ),
    Case(
        "both signed, the response changed",
        lambda: _redirected(signed_response(what="both")),
        Reason.SIGNATURE_INVALID,
    ),
]

MISSING = [
    Case("nothing is signed", response, Reason.SIGNATURE_MISSING),
    changed("the signature taken out", removing(SIGNATURE), Reason.SIGNATURE_MISSING),
    changed("an empty signature", lambda root: one(root, SIGNATURE).clear(), Reason.STRUCTURE),
    changed("an empty signed info", lambda root: one(root, SIGNED_INFO).clear(), Reason.STRUCTURE),
    changed("no signature value", removing(f"{SIGNATURE}/ds:SignatureValue"), Reason.STRUCTURE),
    changed("no reference", removing(f"{SIGNED_INFO}/ds:Reference"), Reason.STRUCTURE),
    changed("no digest value", removing(f"{SIGNED_INFO}/ds:Reference/ds:DigestValue"), Reason.STRUCTURE),
    changed("no transforms", removing(f"{SIGNED_INFO}/ds:Reference/ds:Transforms"), Reason.STRUCTURE),
    changed("two references", doubling(f"{SIGNED_INFO}/ds:Reference"), Reason.STRUCTURE),
    changed("two signed infos", doubling(SIGNED_INFO), Reason.STRUCTURE),
    changed("two signature values", doubling(f"{SIGNATURE}/ds:SignatureValue"), Reason.STRUCTURE),
    changed("two signatures", doubling(SIGNATURE), Reason.STRUCTURE),
    changed("two digest values", doubling(f"{SIGNED_INFO}/ds:Reference/ds:DigestValue"), Reason.STRUCTURE),
    changed("two key infos", doubling(f"{SIGNATURE}/ds:KeyInfo"), Reason.STRUCTURE),
    Case("the whole document is signed", whole_document, Reason.STRUCTURE),
    *(
        changed(f"a reference to {uri!r}", attribute_of(f"{SIGNED_INFO}/ds:Reference", "URI", uri), Reason.STRUCTURE)
        for uri in ("", "#", "_assertion1", "#_response1", "#nowhere", "https://evil.example/x", "#xpointer(/)")
    ),
    changed(
        "no uri in the reference",
        lambda root: one(root, f"{SIGNED_INFO}/ds:Reference").attrib.clear(),
        Reason.STRUCTURE,
    ),
    signed_so("an object in the signature", lambda: Signing(more="<ds:Object>more</ds:Object>"), Reason.STRUCTURE),
    rewritten("the signature in another namespace", f'xmlns:ds="{DSIG}"', 'xmlns:ds="urn:evil"', Reason.STRUCTURE),
]

KEYS = [
    signed_so("an attacker's certificate", lambda: Signing(by=attacker()), Reason.CERTIFICATE_UNKNOWN),
    signed_so(
        "CVE-2021-21239: an attacker's key as a value",
        lambda: Signing(by=attacker(), key_info=key_value(attacker())),
        Reason.SIGNATURE_INVALID,
    ),
    signed_so(
        "an attacker's key under the known certificate",
        lambda: Signing(by=attacker(), key_info_of=idp()),
        Reason.SIGNATURE_INVALID,
    ),
    signed_so(
        "an attacker's key, its certificate before the known one",
        lambda: Signing(by=attacker(), key_info=key_value(attacker()) + _held(attacker(), idp())),
        Reason.CERTIFICATE_UNKNOWN,
    ),
    signed_so(
        "an attacker's key and no key info",
        lambda: Signing(by=attacker(), with_key_info=False),
        Reason.SIGNATURE_INVALID,
    ),
    signed_so(
        "a key to be fetched",
        lambda: Signing(by=attacker(), key_info='<ds:RetrievalMethod URI="https://evil.example/key"/>'),
        Reason.SIGNATURE_INVALID,
    ),
    Case(
        "another connection's identity provider",
        signed_response,
        Reason.CERTIFICATE_UNKNOWN,
        certificates_of=(lambda: party("another idp"),),
    ),
    signed_so(
        "an expired certificate",
        lambda: Signing(by=old_idp()),
        Reason.CERTIFICATE_EXPIRED,
        certificates_of=(idp, old_idp),
    ),
    signed_so("a key of 1024 bits", lambda: Signing(by=weak_idp()), Reason.ALGORITHM, certificates_of=(weak_idp,)),
]

METHODS = [
    Case("hmac with the public certificate", hmac_with_the_certificate, Reason.ALGORITHM),
    signed_so("genuine rsa-sha1", lambda: Signing(method=f"{DSIG}rsa-sha1"), Reason.ALGORITHM),
    signed_so("a genuine sha-1 digest", lambda: Signing(digest=f"{DSIG}sha1"), Reason.ALGORITHM),
    signed_so("genuine rsa-sha224", lambda: Signing(method=f"{MORE}rsa-sha224"), Reason.ALGORITHM),
    *(
        changed(
            f"the signature method {name!r}",
            attribute_of(f"{SIGNED_INFO}/ds:SignatureMethod", "Algorithm", name),
            Reason.ALGORITHM,
        )
        for name in ("", f"{DSIG}dsa-sha1", f"{DSIG}hmac-sha1", f"{MORE}rsa-md5", f"{MORE}RSA-SHA256")
    ),
    *(
        changed(
            f"the digest {name!r}",
            attribute_of(f"{SIGNED_INFO}/ds:Reference/ds:DigestMethod", "Algorithm", name),
            Reason.ALGORITHM,
        )
        for name in ("", f"{DSIG}sha1", f"{MORE}md5", "sha256")
    ),
    *(
        changed(
            f"the canonicalization {name!r}",
            attribute_of(f"{SIGNED_INFO}/ds:CanonicalizationMethod", "Algorithm", name),
            Reason.ALGORITHM,
        )
        for name in ("", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11")
    ),
    signed_so(
        "genuine inclusive canonicalization",
        lambda: Signing(canonicalization="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        Reason.ALGORITHM,
    ),
    signed_so(
        "a genuine xpath transform",
        lambda: Signing(transforms=ENVELOPED_TRANSFORM + XPATH + EXCLUSIVE_TRANSFORM),
        Reason.ALGORITHM,
    ),
    signed_so(
        "a genuine inclusive transform",
        lambda: Signing(
            transforms=f'{ENVELOPED_TRANSFORM}<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
        ),
        Reason.ALGORITHM,
    ),
    signed_so("enveloped alone, genuinely", lambda: Signing(transforms=ENVELOPED_TRANSFORM), Reason.ALGORITHM),
    signed_so(
        "canonicalized twice, genuinely",
        lambda: Signing(transforms=ENVELOPED_TRANSFORM + EXCLUSIVE_TRANSFORM + EXCLUSIVE_TRANSFORM),
        Reason.ALGORITHM,
    ),
    changed(
        "no transform", lambda root: one(root, f"{SIGNED_INFO}/ds:Reference/ds:Transforms").clear(), Reason.ALGORITHM
    ),
]

VALUES = [
    *(
        changed(f"{path.rpartition(':')[2]} {text!r}", text_of(f"{SIGNATURE}/{path}", text), Reason.SIGNATURE_INVALID)
        for path in ("ds:SignatureValue", "ds:SignedInfo/ds:Reference/ds:DigestValue")
        for text in ("", "AAAA", "not base64!")
    ),
    changed("CVE-2024-45409: a digest outside the signature", smuggled_digest, Reason.SIGNATURE_INVALID),
    changed("CVE-2025-66568: the digest of nothing", void, Reason.SIGNATURE_INVALID),
    rewritten(
        "CVE-2025-66568: a relative namespace in the assertion",
        'ID="_assertion1"',
        'ID="_assertion1" xmlns:void="1" void:x="y"',
        Reason.SIGNATURE_INVALID,
    ),
    rewritten(
        "a relative namespace in the signed info",
        "<ds:SignedInfo>",
        '<ds:SignedInfo xmlns:void="1" void:x="y">',
        Reason.SIGNATURE_INVALID,
    ),
    rewritten(
        "one changed letter", ">bo@acme.test</saml:NameID>", ">bp@acme.test</saml:NameID>", Reason.SIGNATURE_INVALID
    ),
    rewritten(
        "a space in a name", ">bo@acme.test</saml:NameID>", ">bo @acme.test</saml:NameID>", Reason.SIGNATURE_INVALID
    ),
    rewritten("an attribute added", "<saml:Subject>", '<saml:Subject x="1">', Reason.SIGNATURE_INVALID),
    rewritten("another audience", "conn_1/metadata</saml:Aud", "conn_2/metadata</saml:Aud", Reason.SIGNATURE_INVALID),
    changed(
        "the text behind the signature",
        lambda root: setattr(one(root, SIGNATURE), "tail", None),
        Reason.SIGNATURE_INVALID,
    ),
    changed(
        "an attribute dropped",
        removing("saml:Assertion/saml:AttributeStatement/saml:Attribute[1]"),
        Reason.SIGNATURE_INVALID,
    ),
    changed(
        "a value doubled",
        doubling("saml:Assertion/saml:AttributeStatement/saml:Attribute[1]"),
        Reason.SIGNATURE_INVALID,
    ),
]


def _held(*parties: Party) -> str:
    certificates = "".join(
        f"<ds:X509Certificate>{each.certificate.der_base64}</ds:X509Certificate>" for each in parties
    )
    return f"<ds:X509Data>{certificates}</ds:X509Data>"


def _exchanged(root: Element) -> Element:
    root.replace(assertion_in(root), evil_assertion())
    return root


def _redirected(root: Element) -> Element:
    root.set("Destination", f"{ACS_URL}?")
    return root
