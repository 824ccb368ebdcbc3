"""Signatures that prove nothing: missing, of other things, by other keys, with other recipes."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import xmlsec
from lxml import etree

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import Reason
from ostiary.domain.connection import Certificate
from tests.support.saml_factory import (
    DSIG,
    ENVELOPED,
    EXCLUSIVE_C14N,
    NOW,
    Element,
    Party,
    Said,
    Signing,
    assertion_in,
    attacker,
    form_value,
    idp,
    one,
    party,
    response,
    response_xml,
    sign,
    signature_template,
    signed_response,
    to_bytes,
    trust,
    twin,
)
from tests.unit.adapters.saml.refusing import refusal

ENVELOPED_TRANSFORM = f'<ds:Transform Algorithm="{ENVELOPED}"/>'
EXCLUSIVE_TRANSFORM = f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"/>'


def signature_of(root: Element) -> Element:
    return one(root, "saml:Assertion/ds:Signature")


def test_an_unsigned_response_is_refused() -> None:
    refused = refusal(response())
    assert refused.reason is Reason.SIGNATURE_MISSING
    assert "Switch signing on" in refused.detail


def test_a_signature_left_out_is_refused() -> None:
    root = signed_response()
    assertion_in(root).remove(signature_of(root))
    assert refusal(root).reason is Reason.SIGNATURE_MISSING


def test_an_empty_signature_is_refused() -> None:
    root = signed_response()
    for child in list(signature_of(root)):
        signature_of(root).remove(child)
    assert refusal(root).reason is Reason.STRUCTURE


def test_an_empty_signed_info_is_refused() -> None:
    root = signed_response()
    signed_info = one(signature_of(root), "ds:SignedInfo")
    for child in list(signed_info):
        signed_info.remove(child)
    assert refusal(root).reason is Reason.STRUCTURE


def test_a_signed_info_without_reference_is_refused() -> None:
    root = signed_response()
    signed_info = one(signature_of(root), "ds:SignedInfo")
    signed_info.remove(one(signed_info, "ds:Reference"))
    assert refusal(root).reason is Reason.STRUCTURE


def test_a_second_reference_is_refused() -> None:
    root = signed_response()
    reference = one(signature_of(root), "ds:SignedInfo/ds:Reference")
    reference.addnext(twin(reference))
    assert refusal(root).reason is Reason.STRUCTURE


def test_a_second_signed_info_is_refused() -> None:
    root = signed_response()
    signed_info = one(signature_of(root), "ds:SignedInfo")
    signed_info.addnext(twin(signed_info))
    assert refusal(root).reason is Reason.STRUCTURE


@pytest.mark.parametrize("uri", ["", "#_response1", "#nowhere", "https://evil.example/signed.xml", "#xpointer(/)"])
def test_a_reference_to_anything_but_the_parent_is_refused(uri: str) -> None:
    root = signed_response()
    one(signature_of(root), "ds:SignedInfo/ds:Reference").set("URI", uri)
    assert refusal(root).reason is Reason.STRUCTURE


def test_a_reference_without_uri_is_refused() -> None:
    root = signed_response()
    del one(signature_of(root), "ds:SignedInfo/ds:Reference").attrib["URI"]
    assert refusal(root).reason is Reason.STRUCTURE


def test_a_genuine_signature_over_the_whole_document_is_refused() -> None:
    root = response()
    sign(root, Signing(uri=""))
    assert refusal(root).reason is Reason.STRUCTURE


def test_an_object_in_the_signature_is_refused_although_it_verifies() -> None:
    root = signed_response(how=Signing(more="<ds:Object>more</ds:Object>"))
    assert refusal(root).reason is Reason.STRUCTURE


def test_an_attackers_key_in_key_info_counts_for_nothing() -> None:
    refused = refusal(signed_response(how=Signing(by=attacker())))
    assert refused.reason is Reason.CERTIFICATE_UNKNOWN
    assert attacker().certificate.fingerprint_sha256 in refused.detail
    assert idp().certificate.fingerprint_sha256 in refused.detail


def test_an_attackers_key_value_in_key_info_counts_for_nothing() -> None:
    numbers = attacker().public_numbers()
    value = f"<ds:Modulus>{numbers[0]}</ds:Modulus><ds:Exponent>{numbers[1]}</ds:Exponent>"
    key_info = f"<ds:KeyValue><ds:RSAKeyValue>{value}</ds:RSAKeyValue></ds:KeyValue>"
    forged = signed_response(how=Signing(by=attacker(), key_info=key_info))
    assert refusal(forged).reason is Reason.SIGNATURE_INVALID


def test_an_attackers_signature_under_the_known_certificate_is_refused() -> None:
    forged = signed_response(how=Signing(by=attacker(), key_info_of=idp()))
    assert refusal(forged).reason is Reason.SIGNATURE_INVALID


def test_another_connections_certificate_is_refused() -> None:
    assert refusal(signed_response(), trust(party("another idp"))).reason is Reason.CERTIFICATE_UNKNOWN


def test_a_connection_without_certificates_believes_nobody() -> None:
    without = trust(idp())
    without = type(without)(certificates=(), allow_sha1=False, now=NOW)
    assert refusal(signed_response(), without).reason is Reason.CERTIFICATE_UNKNOWN


@pytest.mark.parametrize(
    "key_info",
    ["<ds:KeyName>idp</ds:KeyName>", "<ds:X509Data><ds:X509Certificate>?</ds:X509Certificate></ds:X509Data>"],
)
def test_key_info_that_names_no_certificate_leaves_the_refusal_plain(key_info: str) -> None:
    forged = signed_response(how=Signing(by=attacker(), key_info=key_info))
    assert refusal(forged).reason is Reason.SIGNATURE_INVALID


def lasting(name: str, *days: int) -> Party:
    return party(name, valid=(timedelta(days=days[0]), timedelta(days=days[1])))


@pytest.mark.parametrize("days", [(-60, -30), (30, 60)], ids=["expired", "not yet valid"])
def test_a_certificate_outside_its_lifetime_is_named_as_such(days: tuple[int, int]) -> None:
    old = lasting("old", *days)
    refused = refusal(signed_response(how=Signing(by=old)), trust(idp(), old))
    assert refused.reason is Reason.CERTIFICATE_EXPIRED
    assert old.certificate.fingerprint_sha256 in refused.detail


def test_a_certificate_ends_at_the_very_second() -> None:
    ending = party("ending", valid=(timedelta(days=-1), timedelta(0)))
    assert refusal(signed_response(how=Signing(by=ending)), trust(ending)).reason is Reason.CERTIFICATE_EXPIRED


def test_an_expired_certificate_that_did_not_sign_is_not_blamed() -> None:
    old = lasting("old", -60, -30)
    forged = signed_response(how=Signing(by=attacker(), key_info_of=idp()))
    assert refusal(forged, trust(idp(), old)).reason is Reason.SIGNATURE_INVALID


def test_an_rsa_key_below_2048_bits_is_refused() -> None:
    weak = party("weak", kind="rsa1024")
    refused = refusal(signed_response(how=Signing(by=weak)), trust(weak))
    assert refused.reason is Reason.ALGORITHM
    assert "1024 bits" in refused.detail


def test_a_stored_certificate_that_cannot_be_read_verifies_nothing() -> None:
    broken = Certificate("00" * 32, idp().certificate.not_before, idp().certificate.not_after, "AAAA")
    trusted = type(trust())(certificates=(broken,), allow_sha1=False, now=NOW)
    assert refusal(signed_response(), trusted).reason is Reason.CERTIFICATE_UNKNOWN


@pytest.mark.parametrize(
    "method",
    [
        f"{DSIG}rsa-sha1",
        f"{DSIG}dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2007/05/xmldsig-more#rsa-pss",
        "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
        "",
    ],
)
def test_a_signature_method_that_is_not_on_the_list_is_refused(method: str) -> None:
    root = signed_response()
    one(signature_of(root), "ds:SignedInfo/ds:SignatureMethod").set("Algorithm", method)
    assert refusal(root).reason is Reason.ALGORITHM


def test_genuine_sha1_is_refused_where_the_connection_does_not_allow_it() -> None:
    by_method = signed_response(how=Signing(method=f"{DSIG}rsa-sha1"))
    by_digest = signed_response(how=Signing(digest=f"{DSIG}sha1"))
    assert refusal(by_method).reason is Reason.ALGORITHM
    assert refusal(by_digest).reason is Reason.ALGORITHM


def test_allowing_sha1_allows_nothing_else() -> None:
    dsa = signed_response()
    one(signature_of(dsa), "ds:SignedInfo/ds:SignatureMethod").set("Algorithm", f"{DSIG}dsa-sha1")
    assert refusal(dsa, trust(allow_sha1=True)).reason is Reason.ALGORITHM
    forged = signed_response(how=Signing(by=attacker(), method=f"{DSIG}rsa-sha1"))
    assert refusal(forged, trust(allow_sha1=True)).reason is Reason.CERTIFICATE_UNKNOWN


@pytest.mark.parametrize("secret", ["pem", "der"])
def test_hmac_with_the_public_certificate_as_its_key_is_refused(secret: str) -> None:
    """Everybody has the certificate; who takes it for a shared secret believes everybody."""
    root = response()
    assertion = assertion_in(root)
    signature = signature_template(assertion, Signing(method="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"))
    assertion.insert(1, signature)
    context = xmlsec.SignatureContext()
    material = {
        "pem": idp().certificate_pem.encode(),
        "der": base64.b64decode(idp().certificate.der_base64),
    }[secret]
    context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, material)
    context.register_id(assertion, "ID")
    context.sign(signature)
    assert refusal(root).reason is Reason.ALGORITHM


def test_a_parameter_of_the_signature_method_is_refused() -> None:
    root = signed_response()
    method = one(signature_of(root), "ds:SignedInfo/ds:SignatureMethod")
    etree.SubElement(method, f"{{{DSIG}}}HMACOutputLength").text = "0"
    assert refusal(root).reason is Reason.ALGORITHM


@pytest.mark.parametrize("digest", [f"{DSIG}sha1", "http://www.w3.org/2001/04/xmldsig-more#md5", "sha256", ""])
def test_a_digest_that_is_not_on_the_list_is_refused(digest: str) -> None:
    root = signed_response()
    one(signature_of(root), "ds:SignedInfo/ds:Reference/ds:DigestMethod").set("Algorithm", digest)
    assert refusal(root).reason is Reason.ALGORITHM


XPATH = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::ds:Signature)'
    "</ds:XPath></ds:Transform>"
)
XSLT = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">'
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/">same</xsl:template></xsl:stylesheet></ds:Transform>'
)
INCLUSIVE = '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
BASE64 = f'<ds:Transform Algorithm="{DSIG}base64"/>'


@pytest.mark.parametrize(
    "transforms",
    {
        "none": "",
        "enveloped alone": ENVELOPED_TRANSFORM,
        "exclusive alone": EXCLUSIVE_TRANSFORM,
        "the other way round": EXCLUSIVE_TRANSFORM + ENVELOPED_TRANSFORM,
        "twice": ENVELOPED_TRANSFORM + EXCLUSIVE_TRANSFORM + EXCLUSIVE_TRANSFORM,
        "inclusive canonicalization": ENVELOPED_TRANSFORM + INCLUSIVE,
        "xpath": XPATH + EXCLUSIVE_TRANSFORM,
        "xpath besides": ENVELOPED_TRANSFORM + XPATH + EXCLUSIVE_TRANSFORM,
        "xslt": ENVELOPED_TRANSFORM + XSLT,
        "base64": ENVELOPED_TRANSFORM + BASE64,
        "parameters of enveloped": f'<ds:Transform Algorithm="{ENVELOPED}"><ds:X/></ds:Transform>'
        + EXCLUSIVE_TRANSFORM,
    }.items(),
    ids=lambda item: item[0],
)
def test_transforms_other_than_enveloped_and_exclusive_canonicalization_are_refused(
    transforms: tuple[str, str],
) -> None:
    root = signed_response()
    holder = one(signature_of(root), "ds:SignedInfo/ds:Reference/ds:Transforms")
    replacement = etree.fromstring(f'<ds:Transforms xmlns:ds="{DSIG}">{transforms[1]}</ds:Transforms>')
    holder.getparent().replace(holder, replacement)  # pyright: ignore[reportOptionalMemberAccess]
    assert refusal(root).reason is Reason.ALGORITHM


def test_a_genuine_signature_with_an_xpath_transform_is_refused() -> None:
    root = signed_response(how=Signing(transforms=ENVELOPED_TRANSFORM + XPATH + EXCLUSIVE_TRANSFORM))
    assert refusal(root).reason is Reason.ALGORITHM


@pytest.mark.parametrize("place", ["ds:CanonicalizationMethod", "ds:Reference/ds:Transforms/ds:Transform[2]"])
@pytest.mark.parametrize(
    "parameters",
    [
        "<X/>",
        f'<InclusiveNamespaces xmlns="{EXCLUSIVE_C14N}" PrefixList="xs"><X/></InclusiveNamespaces>',
        f'<InclusiveNamespaces xmlns="{EXCLUSIVE_C14N}" PrefixList="{" ".join(map("p{}".format, range(17)))}"/>',
        f'<InclusiveNamespaces xmlns="{EXCLUSIVE_C14N}" PrefixList="xs"/><X/>',
    ],
    ids=["another", "with content", "too many prefixes", "more than it"],
)
def test_parameters_of_a_canonicalization_other_than_a_prefix_list_are_refused(place: str, parameters: str) -> None:
    root = signed_response()
    canonicalization = one(signature_of(root), f"ds:SignedInfo/{place}")
    canonicalization.extend(list(etree.fromstring(f"<x>{parameters}</x>")))
    assert refusal(root).reason is Reason.ALGORITHM


@pytest.mark.parametrize(
    "method", ["http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11", "x", ""]
)
def test_another_canonicalization_of_signed_info_is_refused(method: str) -> None:
    root = signed_response()
    one(signature_of(root), "ds:SignedInfo/ds:CanonicalizationMethod").set("Algorithm", method)
    assert refusal(root).reason is Reason.ALGORITHM


@pytest.mark.parametrize("name", ["DigestValue", "SignatureValue"])
def test_elements_inside_a_value_are_refused(name: str) -> None:
    root = signed_response()
    value = next(signature_of(root).iter(f"{{{DSIG}}}{name}"))
    etree.SubElement(value, f"{{{DSIG}}}X")
    assert refusal(root).reason in {Reason.STRUCTURE, Reason.SIGNATURE_INVALID}


@pytest.mark.parametrize("name", ["DigestValue", "SignatureValue"])
@pytest.mark.parametrize("text", ["", "AAAA", "not base64!"])
def test_a_changed_value_is_refused(name: str, text: str) -> None:
    root = signed_response()
    next(signature_of(root).iter(f"{{{DSIG}}}{name}")).text = text
    assert refusal(root).reason is Reason.SIGNATURE_INVALID


def test_one_changed_letter_in_the_name_id_is_refused() -> None:
    document = to_bytes(signed_response())
    assert refusal(document.replace(b">bo@acme.test<", b">bp@acme.test<")).reason is Reason.SIGNATURE_INVALID


def test_text_moved_out_of_the_signed_part_is_refused() -> None:
    root = signed_response()
    signature_of(root).tail = None
    assert refusal(root).reason is Reason.SIGNATURE_INVALID


def test_bytes_that_cannot_be_made_a_second_time_are_refused_although_the_signature_holds() -> None:
    """lxml passes over #default, xmlsec does not: what the two make of this document differs."""
    prefixes = f'<InclusiveNamespaces xmlns="{EXCLUSIVE_C14N}" PrefixList="#default"/>'
    transform = f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}">{prefixes}</ds:Transform>'
    root = etree.fromstring(response_xml(Said()).replace("<samlp:Response ", '<samlp:Response xmlns="urn:unused" '))
    sign(assertion_in(root), Signing(transforms=ENVELOPED_TRANSFORM + transform))
    refused = refusal(root)
    assert refused.reason is Reason.SIGNATURE_INVALID
    assert "What was signed" in refused.detail


def test_a_relative_namespace_that_canonicalization_cannot_write_is_refused() -> None:
    root = signed_response()
    document = to_bytes(root).replace(b'ID="_assertion1"', b'ID="_assertion1" xmlns:void="1" void:x="y"')
    assert refusal(document).reason is Reason.SIGNATURE_INVALID
    in_signed_info = to_bytes(root).replace(b"<ds:SignedInfo>", b'<ds:SignedInfo xmlns:void="1" void:x="y">')
    assert refusal(in_signed_info).reason is Reason.SIGNATURE_INVALID


def test_threads_that_verify_with_one_kept_key_at_the_same_moment_disturb_nobody() -> None:
    good = to_bytes(signed_response())
    forged = good.replace(b">bo@acme.test<", b">bp@acme.test<")

    def outcomes(_: int) -> tuple[str, Reason]:
        return verify(form_value(good), trust()).assertion.id, refusal(forged).reason

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(outcomes, range(200)))
    assert found == {("_assertion1", Reason.SIGNATURE_INVALID)}


def test_a_key_that_was_kept_verifies_nothing_once_its_certificate_is_not_trusted() -> None:
    root = signed_response()
    assert verify(form_value(root), trust()).signed == {"assertion"}
    assert refusal(root, trust(attacker())).reason is Reason.CERTIFICATE_UNKNOWN
