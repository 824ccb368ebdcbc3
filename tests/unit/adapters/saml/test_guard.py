"""Documents refused before any signature is looked at."""

import base64

import pytest
from lxml import etree

from ostiary.adapters.saml.guard import MAX_DOCUMENT_BYTES, decode
from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import Reason, ResponseRefused
from tests.support.saml_factory import (
    Said,
    form_value,
    one,
    signed_response,
    to_bytes,
    trust,
)
from tests.unit.adapters.saml.refusing import refusal


def genuine() -> bytes:
    return to_bytes(signed_response())


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


@pytest.mark.parametrize("name", ["EncryptedID", "EncryptedAttribute"])
def test_encrypted_ids_and_attributes_are_refused_with_the_advice_to_encrypt_the_assertion(name: str) -> None:
    root = signed_response()
    place = "saml:Assertion/saml:Subject" if name == "EncryptedID" else "saml:Assertion/saml:AttributeStatement"
    data = '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/>'
    one(root, place).append(etree.fromstring(data))
    refused = refusal(root)
    assert refused.reason is Reason.STRUCTURE
    assert "Encrypt the whole assertion" in refused.detail
