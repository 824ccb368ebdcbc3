"""Documents refused before any signature is looked at."""

import base64
from dataclasses import replace

import pytest
from lxml import etree

from ostiary.adapters.saml.guard import MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_ELEMENTS, decode
from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import Reason, ResponseRefused
from tests.support.saml_factory import (
    Said,
    assertion_in,
    form_value,
    one,
    response,
    response_xml,
    sign,
    signed_response,
    to_bytes,
    trust,
)
from tests.unit.adapters.saml.refusing import refusal

DECLARATION = b"<?xml version='1.0' encoding='utf-8'?>\n"


def genuine() -> bytes:
    return to_bytes(signed_response())


def inside_name_id(insertion: str) -> bytes:
    """A genuine response into whose NameID something was put."""
    return genuine().replace(b">bo@acme.test</saml:NameID>", f">bo@acme{insertion}.test</saml:NameID>".encode())


@pytest.mark.parametrize("value", ["", "!", "PHNhbWxw", "PHNhbWxwOg=", "not base64", "PHNh\u00e9", "PHNhbWxwOg===="])
def test_a_form_value_that_holds_no_base64_xml_is_malformed(value: str) -> None:
    with pytest.raises(ResponseRefused) as caught:
        verify(value, trust())
    assert caught.value.reason is Reason.MALFORMED


def test_url_safe_base64_is_refused() -> None:
    document = to_bytes(signed_response(Said(attributes={"name": ("\u00ff\u00fe\u00ff" * 5,)})))
    value = base64.urlsafe_b64encode(document).decode()
    assert "-" in value or "_" in value
    with pytest.raises(ResponseRefused) as caught:
        verify(value, trust())
    assert caught.value.reason is Reason.MALFORMED


def test_a_document_at_the_limit_is_decoded_and_one_byte_more_is_too_large() -> None:
    assert len(decode(form_value(b"x" * MAX_DOCUMENT_BYTES))) == MAX_DOCUMENT_BYTES
    with pytest.raises(ResponseRefused) as caught:
        decode(form_value(b"x" * (MAX_DOCUMENT_BYTES + 1)))
    assert caught.value.reason is Reason.TOO_LARGE


def test_white_space_without_end_is_too_large() -> None:
    with pytest.raises(ResponseRefused) as caught:
        decode(" " * 1_000_000 + form_value(genuine()))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "document",
    {
        "truncated": genuine()[:-1],
        "not xml": b"SAMLResponse",
        "empty": b"",
        "two roots": genuine() + b"<x/>",
        "a null": genuine().replace(b"bo@acme", b"bo\x00@acme"),
        "latin-1": genuine().replace(b"bo@acme", b"b\xf6@acme"),
        "overlong utf-8": genuine().replace(b"bo@acme", b"b\xc0\xaf@acme"),
        "utf-16 with mark": genuine().decode().encode("utf-16"),
        "undeclared prefix": genuine().replace(b"<saml:Subject>", b"<evil:Subject>"),
        "undefined entity": inside_name_id("&evil;"),
        "attribute twice": genuine().replace(b'ID="_assertion1"', b'ID="_assertion1" ID="_evil"'),
        "control character": inside_name_id("\x01"),
        "reference to a control character": inside_name_id("&#1;"),
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_not_well_formed_utf_8_is_malformed(document: tuple[str, bytes]) -> None:
    assert refusal(document[1]).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "document",
    {
        "comment in the name id": inside_name_id("<!-- -->"),
        "comment before the root": genuine().replace(DECLARATION, DECLARATION + b"<!-- generated -->"),
        "comment after the root": genuine() + b"<!-- -->",
        "processing instruction in the name id": inside_name_id("<?evil ?>"),
        "processing instruction after the root": genuine() + b"<?evil ?>",
        "cdata in the name id": inside_name_id("<![CDATA[.evil]]>"),
        "doctype": genuine().replace(DECLARATION, DECLARATION + b"<!DOCTYPE x>"),
        "doctype in lower case": genuine().replace(DECLARATION, DECLARATION + b"<!doctype x>"),
        "external doctype": genuine().replace(DECLARATION, b'<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">'),
        "entity": inside_name_id("&e;").replace(DECLARATION, b'<!DOCTYPE x [<!ENTITY e "x">]>'),
        "external entity": inside_name_id("&e;").replace(
            DECLARATION, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        ),
        "parameter entity": genuine().replace(
            DECLARATION, b'<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1/x"> %e;]>'
        ),
        "billion laughs": inside_name_id("&c;").replace(
            DECLARATION,
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
        ),
        "default attributes": genuine().replace(DECLARATION, b'<!DOCTYPE x [<!ATTLIST x ID CDATA "_evil">]>'),
        "another encoding": genuine().replace(b"utf-8", b"iso-8859-1"),
        "utf-7": genuine().replace(b"utf-8", b"utf-7"),
        "utf-16 declared": genuine().replace(b"utf-8", b"utf-16"),
        "xml 1.1": genuine().replace(b"1.0", b"1.1", 1),
        "two declarations": DECLARATION + genuine(),
        "space before the declaration": b" " + genuine(),
        "two byte order marks": b"\xef\xbb\xbf" * 2 + genuine(),
        "xml:id": genuine().replace(b"<saml:Subject>", b'<saml:Subject xml:id="_x">'),
        "too many namespaces": genuine().replace(
            b"<saml:Subject>",
            b"<saml:Subject " + b" ".join(b'xmlns:a%d="u"' % number for number in range(10_001)) + b">",
        ),
        "too many attributes": genuine().replace(
            b"<saml:Subject>", b"<saml:Subject " + b" ".join(b'a%d=""' % number for number in range(33)) + b">"
        ),
        "too deep": genuine().replace(
            b"</saml:Subject>", b"<x>" * MAX_DEPTH + b"</x>" * MAX_DEPTH + b"</saml:Subject>"
        ),
        "too many elements": genuine().replace(b"</saml:Subject>", b"<x/>" * MAX_ELEMENTS + b"</saml:Subject>"),
    }.items(),
    ids=lambda item: item[0],
)
def test_xml_that_no_identity_provider_writes_is_forbidden(document: tuple[str, bytes]) -> None:
    assert refusal(document[1]).reason is Reason.FORBIDDEN_XML


def test_a_doctype_is_refused_also_in_utf_16_without_a_mark() -> None:
    assert refusal(genuine().decode().encode("utf-16-le")).reason is Reason.MALFORMED


def test_a_comment_is_refused_even_where_it_was_signed() -> None:
    """Cut at the comment, the NameID would be another person's; canonicalization leaves comments out."""
    xml = response_xml(Said()).replace("bo@acme.test<", "bo@acme.test<!-- -->.evil.example<")
    root = etree.fromstring(xml)
    sign(assertion_in(root))
    assert refusal(root).reason is Reason.FORBIDDEN_XML


@pytest.mark.parametrize(
    "xml",
    [
        response_xml(Said()).replace('Version="2.0"', 'Version="1.1"', 1),
        response_xml(Said()).replace(' Version="2.0"', "", 1),
        response_xml(Said()).replace("protocol", "PROTOCOL"),
        response_xml(Said()).replace("samlp:Response", "samlp:LogoutResponse"),
        response_xml(replace(Said(), response_id="")),
        response_xml(replace(Said(), assertion_id="_response1")),
        response_xml(replace(Said(), assertion_id="a'b")),
        response_xml(replace(Said(), assertion_id="_" + "a" * 256)),
        response_xml(Said()).replace(' ID="_assertion1"', ""),
        response_xml(Said()).replace(' ID="_response1"', ""),
        response_xml(Said()).replace("<samlp:Status>", "<samlp:Status/><samlp:Status>"),
        response_xml(Said(), assertion=""),
        response_xml(Said()).replace("</samlp:Response>", "<x/></samlp:Response>"),
        response_xml(Said()).replace("<saml:Conditions", "<saml:Subject/><saml:Conditions"),
        response_xml(Said()).replace("<saml:AttributeStatement>", "<saml:Conditions/><saml:AttributeStatement>"),
        response_xml(Said()).replace("<saml:AttributeStatement>", "<saml:Issuer/><saml:AttributeStatement>"),
        '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_x" Version="2.0"/>',
        "<html><body>Sign in</body></html>",
    ],
)
def test_a_document_that_is_not_shaped_as_a_response_is_refused_for_its_structure(xml: str) -> None:
    assert refusal(xml).reason is Reason.STRUCTURE


@pytest.mark.parametrize("attribute", ["ID", "Id", "id"])
def test_an_id_that_stands_a_second_time_under_any_name_is_refused(attribute: str) -> None:
    root = signed_response()
    one(root, "saml:Assertion/saml:AttributeStatement/saml:Attribute[1]").set(attribute, "_assertion1")
    refused = refusal(root)
    assert refused.reason is Reason.STRUCTURE
    assert "used twice" in refused.detail


@pytest.mark.parametrize("name", ["EncryptedID", "EncryptedAttribute"])
def test_encrypted_ids_and_attributes_are_refused_with_the_advice_to_encrypt_the_assertion(name: str) -> None:
    root = signed_response()
    place = "saml:Assertion/saml:Subject" if name == "EncryptedID" else "saml:Assertion/saml:AttributeStatement"
    data = '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/>'
    one(root, place).append(etree.fromstring(data))
    refused = refusal(root)
    assert refused.reason is Reason.STRUCTURE
    assert "Encrypt the whole assertion" in refused.detail


def test_success_without_an_assertion_is_refused() -> None:
    assert refusal(response(assertion="")).reason is Reason.STRUCTURE
