"""Everything that is read comes from the bytes that were signed, never from the document around them.

Where no parser is at fault, the two say the same. So here a fault is played: what the verifier hands back as signed
differs from what arrived, and what is read must follow it.
"""

import pytest

from ostiary.adapters.saml import verifier
from ostiary.adapters.saml.signature import SignedElement, verify_signature
from ostiary.domain.assertion import EMAIL_FORMAT, NameId
from ostiary.services.saml_ports import Trust
from tests.support.saml_factory import (
    RESPONSE_TAG,
    Element,
    Encrypting,
    Said,
    assertion_in,
    encrypt,
    form_value,
    party,
    response,
    sign,
    signed_response,
    trust,
)

SIGNED = Said(name_id="signed@acme.test", destination="https://sp.example/signed")


@pytest.fixture(autouse=True)
def _signed_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was signed names another person, at another destination, than what arrived."""

    def verify(element: Element, signature: Element, trusted: Trust) -> SignedElement:
        verified = verify_signature(element, signature, trusted)
        whole = response(SIGNED)
        if element.find("{*}EncryptedAssertion") is not None:
            encrypt(whole, Encrypting(party("sp")))
        signed = whole if element.tag == RESPONSE_TAG else assertion_in(whole)
        return SignedElement(signed, verified.certificate, verified.algorithm, verified.uses_sha1)

    monkeypatch.setattr(verifier, "verify_signature", verify)


@pytest.mark.parametrize("what", ["assertion", "response", "both"])
def test_the_identity_is_the_signed_one(what: str) -> None:
    verified = verifier.verify(form_value(signed_response(what=what)), trust())
    assert verified.assertion.name_id == NameId("signed@acme.test", EMAIL_FORMAT)


@pytest.mark.parametrize(("what", "signed"), [("assertion", False), ("response", True), ("both", True)])
def test_the_envelope_is_the_signed_one_where_the_response_is_signed(what: str, signed: bool) -> None:
    verified = verifier.verify(form_value(signed_response(what=what)), trust())
    assert (verified.envelope.destination == SIGNED.destination) is signed


def test_what_is_decrypted_is_the_signed_ciphertext() -> None:
    root = response()
    encrypt(root, Encrypting(party("sp")))
    sign(root)
    verified = verifier.verify(form_value(root), trust(decryption_keys=(party("sp").as_sp_key(),)))
    assert verified.assertion.name_id == NameId("signed@acme.test", EMAIL_FORMAT)
