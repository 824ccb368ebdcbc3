"""Everything real identity providers send and that carries a valid signature over what is read."""

import base64
import textwrap
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.verifier import SamlVerifier, verify
from ostiary.domain.assertion import EMAIL_FORMAT, Expectation, NameId, Reason, ResponseRefused, accept
from tests.support.saml_factory import (
    ACS_URL,
    AUTHN_STATEMENT,
    EXCLUSIVE_C14N,
    IDP_ENTITY_ID,
    NOW,
    REQUEST_ID,
    SP_ENTITY_ID,
    Said,
    Signing,
    assertion_in,
    assertion_xml,
    form_value,
    idp,
    instant,
    party,
    response,
    response_xml,
    sign,
    signed_response,
    to_bytes,
    trust,
)

EXPECTED = Expectation(IDP_ENTITY_ID, SP_ENTITY_ID, ACS_URL, REQUEST_ID, False, timedelta(seconds=60))


@pytest.mark.parametrize(
    ("what", "signed"),
    [
        ("assertion", {"assertion"}),
        ("response", {"response"}),
        ("both", {"assertion", "response"}),
    ],
)
async def test_the_assertion_the_response_or_both_may_be_signed(what: str, signed: set[str]) -> None:
    verified = await SamlVerifier(BoundedThreads("saml")).verify(form_value(signed_response(what=what)), trust())
    assert verified.signed == signed
    assert verified.assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)
    assert verified.assertion.attributes["groups"] == ("platform", "data")
    assert verified.certificate_fingerprint == idp().certificate.fingerprint_sha256
    assert accept(verified, EXPECTED, NOW).assertion == verified.assertion


def test_the_checks_name_the_certificate_and_the_algorithm() -> None:
    checks = verify(form_value(signed_response(what="both")), trust()).checks
    assert [check.name for check in checks] == ["guard", "structure", "response signature", "assertion signature"]
    assert all(check.passed for check in checks)
    assert idp().certificate.fingerprint_sha256 in checks[-1].detail
    assert "rsa-sha256" in checks[-1].detail


def test_a_signature_without_key_info_is_checked_with_the_known_certificate() -> None:
    assert verify(form_value(signed_response(how=Signing(with_key_info=False))), trust())


def test_a_foreign_certificate_in_key_info_does_not_matter_where_the_known_key_signed() -> None:
    renewed = Signing(by=idp(), key_info_of=party("renewed certificate"))
    assert verify(form_value(signed_response(how=renewed)), trust())


def test_white_space_and_line_breaks_in_the_base64_are_accepted() -> None:
    lines = "\r\n".join(textwrap.wrap(form_value(signed_response()), 76))
    assert verify(f"\n  {lines}\t\r\n", trust())


def test_a_byte_order_mark_and_an_xml_declaration_are_accepted() -> None:
    assert verify(form_value(b"\xef\xbb\xbf" + to_bytes(signed_response())), trust())
    bare = etree.tostring(signed_response(), encoding="utf-8")
    assert verify(form_value(bare), trust())


@pytest.mark.parametrize(
    "method",
    [
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
        "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
    ],
)
def test_every_rsa_method_on_the_list_is_accepted(method: str) -> None:
    assert verify(form_value(signed_response(how=Signing(method=method))), trust())


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_ecdsa_is_accepted(bits: int) -> None:
    signer = party("ec", kind="p256")
    how = Signing(by=signer, method=f"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha{bits}")
    assert verify(form_value(signed_response(how=how)), trust(signer))


@pytest.mark.parametrize(
    "digest",
    [
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    ],
)
def test_every_digest_on_the_list_is_accepted(digest: str) -> None:
    assert verify(form_value(signed_response(how=Signing(digest=digest))), trust())


def test_sha1_is_accepted_where_the_connection_allows_it_and_the_check_warns() -> None:
    how = Signing(method="http://www.w3.org/2000/09/xmldsig#rsa-sha1", digest="http://www.w3.org/2000/09/xmldsig#sha1")
    verified = verify(form_value(signed_response(how=how)), trust(allow_sha1=True))
    assert "SHA-1 can be forged" in verified.checks[-1].detail


def test_each_valid_certificate_of_the_connection_is_tried() -> None:
    verified = verify(form_value(signed_response()), trust(party("old"), party("ec", kind="p256"), idp()))
    assert verified.certificate_fingerprint == idp().certificate.fingerprint_sha256


def test_a_prefix_list_is_honoured_also_for_prefixes_declared_above_the_assertion() -> None:
    transforms = (
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}">'
        f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="xs xsi #default"/></ds:Transform>'
    )
    xml = response_xml(Said()).replace(
        "<samlp:Response ",
        '<samlp:Response xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ',
    )
    xml = xml.replace("<saml:AttributeValue>", '<saml:AttributeValue xsi:type="xs:string">')
    root = etree.fromstring(xml)
    sign(assertion_in(root), Signing(transforms=transforms))
    assert verify(form_value(root), trust()).assertion.attributes["firstName"] == ("Bo",)
    sign(root, Signing(transforms=transforms))
    assert verify(form_value(root), trust()).signed == {"assertion", "response"}


def test_canonicalization_with_comments_is_the_same_where_there_are_no_comments() -> None:
    how = Signing(
        canonicalization=f"{EXCLUSIVE_C14N}WithComments",
        transforms='<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}WithComments"/>',
    )
    assert verify(form_value(signed_response(how=how)), trust())


def test_an_assertion_with_prefixes_of_its_own_and_indented_is_read_the_same() -> None:
    xml = assertion_xml(Said()).replace("saml:", "").replace("xmlns:saml=", "xmlns=")
    root = etree.fromstring(response_xml(Said(), assertion=xml))
    etree.indent(root)
    sign(root[-1])
    verified = verify(form_value(root), trust())
    assert verified.assertion == verify(form_value(signed_response()), trust()).assertion


def test_of_several_authentication_statements_the_first_index_and_the_earliest_end_count() -> None:
    second = AUTHN_STATEMENT.replace(
        'SessionIndex="_session1"',
        f'SessionIndex="_session2" SessionNotOnOrAfter="{instant(NOW + timedelta(hours=1))}"',
    )
    third = AUTHN_STATEMENT.replace(
        'SessionIndex="_session1"', f'SessionNotOnOrAfter="{instant(NOW + timedelta(hours=2))}"'
    )
    verified = verify(form_value(signed_response(Said(authn_statements=third + AUTHN_STATEMENT + second))), trust())
    assert verified.assertion.session_index == "_session1"
    assert verified.assertion.session_not_on_or_after == NOW + timedelta(hours=1)


def test_thousands_of_group_values_are_read() -> None:
    groups = tuple(f"group-{number}" for number in range(3000))
    verified = verify(form_value(signed_response(Said(attributes={"groups": groups}))), trust())
    assert verified.assertion.attributes["groups"] == groups


def test_extensions_and_a_status_detail_may_stand_at_their_places() -> None:
    said = Said(
        extensions='<samlp:Extensions><x xmlns="urn:other">more</x></samlp:Extensions>',
        status=f'{Said().status}<samlp:StatusDetail><x xmlns="urn:other"/></samlp:StatusDetail>',
    )
    root = response(said)
    sign(assertion_in(root))
    assert verify(form_value(root), trust())


def test_an_identity_provider_that_refuses_without_an_assertion_is_quoted() -> None:
    status = (
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">'
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>'
        "<samlp:StatusMessage>Bo is not assigned to this application</samlp:StatusMessage>"
    )
    root = response(Said(status=status), assertion="")
    with pytest.raises(ResponseRefused, match="not assigned to this application") as caught:
        verify(form_value(root), trust())
    assert caught.value.reason is Reason.STATUS
    assert caught.value.checks[-1].name == "status"


def test_text_with_every_special_character_comes_through() -> None:
    strange = "a&b <c> \"d\" 'e' \u00e9\u4e2d\U0001f600 \t."
    verified = verify(form_value(signed_response(Said(attributes={"name": (strange,)}))), trust())
    assert verified.assertion.attributes["name"] == (strange,)


def test_the_envelope_is_read_from_what_was_signed() -> None:
    verified = verify(form_value(signed_response(what="response")), trust())
    envelope = verified.envelope
    assert (envelope.id, envelope.issuer, envelope.destination) == ("_response1", IDP_ENTITY_ID, ACS_URL)
    assert (envelope.in_response_to, envelope.issue_instant) == (REQUEST_ID, NOW)
    without = replace(Said(), response_issuer=None, destination=None, in_response_to=None)
    bare = verify(form_value(signed_response(without)), trust()).envelope
    assert (bare.issuer, bare.destination, bare.in_response_to) == (None, None, None)


def test_the_form_value_is_the_standard_alphabet_of_base64() -> None:
    document = to_bytes(signed_response(Said(attributes={"name": ("\u00ff\u00fe\u00ff" * 5,)})))
    standard = base64.b64encode(document).decode()
    assert "+" in standard or "/" in standard
    assert verify(standard, trust()).assertion.id == "_assertion1"
