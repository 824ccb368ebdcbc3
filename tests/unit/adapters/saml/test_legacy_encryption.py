"""AES-CBC, which some identity providers know alone: only where it is allowed, and only under a verified signature."""

import base64

import pytest

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import EMAIL_FORMAT, NameId, Reason
from ostiary.services.saml_ports import Trust
from tests.support.saml_factory import (
    XENC,
    Element,
    Encrypting,
    assertion_in,
    encrypt,
    encrypt_name_id,
    form_value,
    one,
    party,
    response,
    sign,
    signed_response,
    trust,
)
from tests.unit.adapters.saml.refusing import refusal

VALUE = "saml:EncryptedAssertion/xenc:EncryptedData/xenc:CipherData/xenc:CipherValue"


def trusting(*, allow_aes_cbc: bool = True) -> Trust:
    return trust(decryption_keys=(party("sp").as_sp_key(),), allow_aes_cbc=allow_aes_cbc)


def in_cbc(root: Element, bits: int = 128) -> Element:
    encrypt(root, Encrypting(party("sp"), method=f"{XENC}aes{bits}-cbc"))
    return root


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("inner", [False, True], ids=["response signed", "both signed"])
def test_aes_cbc_is_decrypted_where_the_response_is_signed_and_the_connection_allows_it(bits: int, inner: bool) -> None:
    root = in_cbc(signed_response() if inner else response(), bits)
    sign(root)
    verified = verify(form_value(root), trusting())
    assert verified.assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)
    assert verified.signed == ({"response", "assertion"} if inner else {"response"})


def test_aes_cbc_is_refused_where_the_connection_does_not_allow_it() -> None:
    root = in_cbc(response())
    sign(root)
    refused = refusal(root, trusting(allow_aes_cbc=False))
    assert refused.reason is Reason.ALGORITHM
    assert "allow AES-CBC" in refused.detail


def test_aes_cbc_without_a_signature_over_the_ciphertext_is_never_decrypted() -> None:
    # The inner signature can be verified after decryption only: too late for a padding oracle.
    assert refusal(in_cbc(signed_response()), trusting()).reason is Reason.ALGORITHM


def test_a_changed_ciphertext_under_a_signed_response_fails_at_the_signature() -> None:
    root = in_cbc(response())
    sign(root)
    value = one(root, VALUE)
    content = bytearray(base64.b64decode(value.text or ""))
    content[-1] ^= 1
    value.text = base64.b64encode(content).decode()
    refused = refusal(root, trusting())
    assert refused.reason is Reason.SIGNATURE_INVALID
    assert refused.checks[-1].name == "response signature"


@pytest.mark.parametrize("cut", [0, 15, 16, 17])
def test_a_signed_ciphertext_that_is_no_whole_number_of_blocks_is_refused(cut: int) -> None:
    root = in_cbc(response())
    value = one(root, VALUE)
    value.text = base64.b64encode(base64.b64decode(value.text or "")[:cut]).decode()
    sign(root)
    assert refusal(root, trusting()).reason is Reason.DECRYPTION


def test_triple_des_is_refused_even_there() -> None:
    root = response()
    encrypt(root, Encrypting(party("sp"), method=f"{XENC}tripledes-cbc"))
    sign(root)
    assert refusal(root, trusting()).reason is Reason.ALGORITHM


def test_an_encrypted_name_id_in_cbc_is_read_where_the_assertion_around_it_is_signed() -> None:
    root = response()
    encrypt_name_id(assertion_in(root), Encrypting(party("sp"), method=f"{XENC}aes128-cbc"))
    sign(assertion_in(root))
    assert verify(form_value(root), trusting()).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)
    assert refusal(root, trusting(allow_aes_cbc=False)).reason is Reason.ALGORITHM
