"""Encrypted assertions: what is decrypted, with what, and what is believed of it."""

import base64
import os
import re

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import EMAIL_FORMAT, NameId, Reason
from ostiary.services.saml_ports import Trust
from tests.support.saml_factory import (
    DSIG,
    XENC,
    XENC11,
    Element,
    Encrypting,
    Said,
    Signing,
    assertion_in,
    assertion_xml,
    attacker,
    encrypt,
    form_value,
    one,
    party,
    response,
    response_xml,
    sign,
    signed_response,
    trust,
    twin,
)
from tests.unit.adapters.saml.refusing import refusal

DATA = "saml:EncryptedAssertion/xenc:EncryptedData"
KEY = f"{DATA}/ds:KeyInfo/xenc:EncryptedKey"


def trusting(**changes: object) -> Trust:
    return trust(decryption_keys=(party("sp").as_sp_key(),), **changes)


def encrypted(root: Element | None = None, **how: object) -> Element:
    """A response whose assertion was signed, then encrypted."""
    root = signed_response() if root is None else root
    encrypt(root, Encrypting(party("sp"), **how))  # pyright: ignore[reportArgumentType]
    return root


@pytest.mark.parametrize("beside", [False, True], ids=["key inside the data", "key beside the data"])
@pytest.mark.parametrize("bits", [128, 192, 256])
def test_aes_gcm_with_the_key_in_either_place_is_decrypted(bits: int, beside: bool) -> None:
    root = encrypted(method=f"{XENC11}aes{bits}-gcm", key_beside_data=beside)
    verified = verify(form_value(root), trusting())
    assert verified.assertion == verify(form_value(signed_response()), trust()).assertion
    assert verified.signed == {"assertion"}
    assert [check.name for check in verified.checks] == ["guard", "structure", "encryption", "assertion signature"]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (f"{XENC}rsa-oaep-mgf1p", f'<ds:DigestMethod Algorithm="{DSIG}sha1"/>'),
        (f"{XENC}rsa-oaep-mgf1p", f'<ds:DigestMethod Algorithm="{XENC}sha256"/>'),
        (f"{XENC11}rsa-oaep", ""),
        (
            f"{XENC11}rsa-oaep",
            f'<ds:DigestMethod Algorithm="{XENC}sha256"/><x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1sha256"/>',
        ),
        (
            f"{XENC11}rsa-oaep",
            f'<ds:DigestMethod Algorithm="{XENC}sha512"/><x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1sha1"/>',
        ),
    ],
)
def test_every_oaep_on_the_list_is_decrypted(method: str, parameters: str) -> None:
    root = encrypted(key_method=method, key_parameters=parameters)
    assert verify(form_value(root), trusting()).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


def test_a_response_signed_over_the_ciphertext_vouches_for_the_plaintext() -> None:
    root = encrypted(response())
    sign(root)
    verified = verify(form_value(root), trusting())
    assert verified.signed == {"response"}
    assert verified.assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


def test_where_the_response_and_the_encrypted_assertion_are_signed_both_are_verified() -> None:
    root = encrypted()
    sign(root)
    assert verify(form_value(root), trusting()).signed == {"response", "assertion"}
    forged = response()
    sign(assertion_in(forged), Signing(by=attacker()))
    encrypt(forged, Encrypting(party("sp")))
    sign(forged)
    assert refusal(forged, trusting()).reason is Reason.CERTIFICATE_UNKNOWN


def test_prefixes_declared_outside_the_ciphertext_are_understood() -> None:
    without = re.sub(r' xmlns:saml="[^"]*"', "", assertion_xml(Said()))
    root = etree.fromstring(response_xml(Said(), assertion=without))
    root = encrypted(root)
    sign(root)
    assert verify(form_value(root), trusting()).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


def test_each_of_our_keys_is_tried_so_that_one_can_be_replaced() -> None:
    keys = (party("new sp key").as_sp_key(), party("sp").as_sp_key())
    assert verify(form_value(encrypted()), trust(decryption_keys=keys))


def test_anybody_can_encrypt_so_an_unsigned_plaintext_is_refused() -> None:
    assert refusal(encrypted(response()), trusting()).reason is Reason.SIGNATURE_MISSING


def test_the_signature_inside_the_ciphertext_must_be_the_identity_providers() -> None:
    root = encrypted(signed_response(how=Signing(by=attacker())))
    assert refusal(root, trusting()).reason is Reason.CERTIFICATE_UNKNOWN


def test_a_ciphertext_exchanged_under_a_signed_response_is_not_decrypted() -> None:
    root = encrypted(response())
    sign(root)
    other = encrypted(response(Said(name_id="ada@acme.test")))
    root.replace(one(root, "saml:EncryptedAssertion"), one(other, "saml:EncryptedAssertion"))
    refused = refusal(root, trusting())
    assert refused.reason is Reason.SIGNATURE_INVALID
    assert refused.checks[-1].name == "response signature"


def test_a_plain_assertion_is_refused_where_encryption_is_wanted() -> None:
    refused = refusal(signed_response(what="both"), trusting(want_assertions_encrypted=True))
    assert refused.reason is Reason.STRUCTURE
    assert refused.checks[-1].name == "encryption"
    assert verify(form_value(encrypted()), trusting(want_assertions_encrypted=True))


@pytest.mark.parametrize(
    "method",
    [f"{XENC}aes128-cbc", f"{XENC}aes256-cbc", f"{XENC}tripledes-cbc"],
)
def test_genuine_ciphertext_of_a_weak_cipher_is_refused_before_it_is_decrypted(method: str) -> None:
    root = encrypted(method=method)
    one(root, f"{KEY}/xenc:CipherData/xenc:CipherValue").text = "this cannot be decrypted"
    assert refusal(root, trusting()).reason is Reason.ALGORITHM


@pytest.mark.parametrize(
    "method", [f"{XENC}rsa-1_5", f"{XENC}kw-aes128", f"{XENC11}ECDH-ES", f"{XENC11}aes256-gcm", ""]
)
def test_a_key_transport_that_is_not_on_the_list_is_refused(method: str) -> None:
    root = encrypted()
    one(root, f"{KEY}/xenc:EncryptionMethod").set("Algorithm", method)
    assert refusal(root, trusting()).reason is Reason.ALGORITHM


@pytest.mark.parametrize(
    "parameter",
    [
        f'<d:DigestMethod xmlns:d="{DSIG}" Algorithm="http://www.w3.org/2001/04/xmldsig-more#md5"/>',
        f'<x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1sha256"/>',
        f'<e:OAEPparams xmlns:e="{XENC}">AAAA</e:OAEPparams>',
    ],
)
def test_parameters_of_oaep_that_are_not_on_the_list_are_refused(parameter: str) -> None:
    root = encrypted()
    one(root, f"{KEY}/xenc:EncryptionMethod").append(etree.fromstring(parameter))
    assert refusal(root, trusting()).reason is Reason.ALGORITHM


@pytest.mark.parametrize("place", [DATA, KEY])
def test_a_missing_encryption_method_is_refused(place: str) -> None:
    root = encrypted()
    one(root, place).remove(one(root, f"{place}/xenc:EncryptionMethod"))
    assert refusal(root, trusting()).reason is Reason.ALGORITHM


def test_every_failure_of_decryption_gives_the_same_answer() -> None:
    def broken(place: str, text: str) -> Element:
        root = encrypted()
        one(root, place).text = text
        return root

    data_value, key_value = (f"{place}/xenc:CipherData/xenc:CipherValue" for place in (DATA, KEY))
    genuine = one(encrypted(), data_value).text or ""
    another_size = encrypted()
    one(another_size, f"{DATA}/xenc:EncryptionMethod").set("Algorithm", f"{XENC11}aes128-gcm")
    failures = [
        refusal(encrypted(), trust()),
        refusal(encrypted(), trust(decryption_keys=(party("another sp").as_sp_key(),))),
        refusal(encrypted(), trust(decryption_keys=(party("ec", kind="p256").as_sp_key(),))),
        refusal(broken(key_value, "AAAA"), trusting()),
        refusal(broken(key_value, "not base64!"), trusting()),
        refusal(broken(data_value, genuine), trusting()),
        refusal(broken(data_value, "AAAA"), trusting()),
        refusal(broken(data_value, ""), trusting()),
        refusal(broken(data_value, "not base64!"), trusting()),
        refusal(another_size, trusting()),
        refusal(encrypted_text("neither < nor >"), trusting()),
    ]
    assert {refused.reason for refused in failures} == {Reason.DECRYPTION}
    assert len({refused.detail for refused in failures}) == 1


def encrypted_text(plaintext: str) -> Element:
    """A response whose ciphertext decrypts to exactly this text."""
    public_key = load_pem_x509_certificate(party("sp").certificate_pem.encode()).public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    key, nonce = AESGCM.generate_key(256), os.urandom(12)
    sha1 = hashes.SHA1()  # noqa: S303 (what rsa-oaep-mgf1p means)
    oaep = padding.OAEP(mgf=padding.MGF1(sha1), algorithm=sha1, label=None)
    root = encrypted()
    values = {
        DATA: nonce + AESGCM(key).encrypt(nonce, plaintext.encode(), None),
        KEY: public_key.encrypt(key, oaep),
    }
    for place, value in values.items():
        one(root, f"{place}/xenc:CipherData/xenc:CipherValue").text = base64.b64encode(value).decode()
    return root


@pytest.mark.parametrize(
    ("plaintext", "reason"),
    [
        (f'<!DOCTYPE x [<!ENTITY e "x">]>{assertion_xml(Said())}', Reason.FORBIDDEN_XML),
        (assertion_xml(Said()).replace("bo@", "bo<!-- -->@"), Reason.FORBIDDEN_XML),
        (assertion_xml(Said()).replace("bo@", "bo<?evil ?>@"), Reason.FORBIDDEN_XML),
        (assertion_xml(Said()) * 2, Reason.STRUCTURE),
        ("", Reason.STRUCTURE),
        ("<x/>", Reason.STRUCTURE),
        (response_xml(Said()), Reason.STRUCTURE),
        (etree.tostring(one(encrypted(), "saml:EncryptedAssertion")).decode(), Reason.STRUCTURE),
        (assertion_xml(Said(advice=f"<saml:Advice>{assertion_xml(Said())}</saml:Advice>")), Reason.STRUCTURE),
        (
            assertion_xml(Said()).replace("</saml:Subject>", f'<e:EncryptedData xmlns:e="{XENC}"/></saml:Subject>'),
            Reason.STRUCTURE,
        ),
        (assertion_xml(Said()).replace('Version="2.0"', 'Version="1.1"'), Reason.STRUCTURE),
        (f"</decrypted><decrypted>{assertion_xml(Said())}", Reason.DECRYPTION),
    ],
)
def test_a_plaintext_is_guarded_as_strictly_as_a_document(plaintext: str, reason: Reason) -> None:
    assert refusal(encrypted_text(plaintext), trusting()).reason is reason


def test_a_plaintext_may_begin_with_an_xml_declaration() -> None:
    signed = etree.tostring(assertion_in(signed_response()), with_tail=False).decode()
    root = encrypted_text(f'<?xml version="1.0" encoding="UTF-8"?>{signed}')
    assert verify(form_value(root), trusting()).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


@pytest.mark.parametrize("path", [DATA, KEY])
def test_an_encrypted_assertion_without_data_or_key_is_refused(path: str) -> None:
    root = encrypted()
    removed = one(root, path)
    removed.getparent().remove(removed)  # pyright: ignore[reportOptionalMemberAccess]
    assert refusal(root, trusting()).reason is Reason.STRUCTURE


def test_more_keys_than_a_few_are_refused() -> None:
    root = encrypted()
    key = one(root, KEY)
    one(root, f"{DATA}/ds:KeyInfo").extend([twin(key) for _ in range(4)])
    assert refusal(root, trusting()).reason is Reason.STRUCTURE


def test_two_data_in_one_encrypted_assertion_are_refused() -> None:
    root = encrypted()
    wrapper = one(root, "saml:EncryptedAssertion")
    wrapper.append(twin(wrapper[0]))
    assert refusal(root, trusting()).reason is Reason.STRUCTURE


def test_a_key_for_somebody_else_beside_ours_does_not_disturb() -> None:
    root = encrypted()
    stranger = signed_response()
    encrypt(stranger, Encrypting(party("somebody else")))
    one(root, f"{DATA}/ds:KeyInfo").insert(0, one(stranger, KEY))
    assert verify(form_value(root), trusting()).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)
