"""An EncryptedID in the Subject: read as the NameID it holds, and nowhere else accepted (SAML core §2.2.4)."""

import pytest
from lxml import etree

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import EMAIL_FORMAT, NameId, Reason
from ostiary.services.saml_ports import Trust
from tests.support.saml_factory import (
    SAML,
    Element,
    Encrypting,
    Said,
    assertion_in,
    encrypt,
    encrypt_name_id,
    form_value,
    one,
    party,
    response,
    sign,
    trust,
    twin,
)
from tests.unit.adapters.saml.refusing import refusal


def trusting() -> Trust:
    return trust(decryption_keys=(party("sp").as_sp_key(),))


def hidden(said: Said | None = None, **how: object) -> Element:
    """An unsigned response whose NameID is encrypted."""
    root = response(said)
    encrypt_name_id(assertion_in(root), Encrypting(party("sp"), **how))  # pyright: ignore[reportArgumentType]
    return root


@pytest.mark.parametrize("beside", [False, True], ids=["key inside the data", "key beside the data"])
@pytest.mark.parametrize("what", ["assertion", "response", "both"])
def test_an_encrypted_name_id_is_read_whatever_is_signed(what: str, beside: bool) -> None:
    root = hidden(key_beside_data=beside)
    if what != "response":
        sign(assertion_in(root))
    if what != "assertion":
        sign(root)
    verified = verify(form_value(root), trusting())
    plain = response()
    sign(plain)
    assert verified.assertion == verify(form_value(plain), trust()).assertion
    assert "NameID encryption" in [check.name for check in verified.checks]


def test_an_encrypted_name_id_inside_an_encrypted_assertion_is_read() -> None:
    root = hidden()
    sign(assertion_in(root))
    encrypt(root, Encrypting(party("sp")))
    assert verify(form_value(root), trusting()).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


def test_an_encrypted_name_id_for_somebody_else_is_refused_as_every_failure_of_decryption_is() -> None:
    root = response()
    encrypt_name_id(assertion_in(root), Encrypting(party("somebody else")))
    sign(assertion_in(root))
    assert refusal(root, trusting()).reason is Reason.DECRYPTION


def test_a_name_id_beside_an_encrypted_one_is_refused() -> None:
    root = hidden()
    subject = one(root, "saml:Assertion/saml:Subject")
    subject.insert(0, etree.fromstring(f'<saml:NameID xmlns:saml="{SAML}">ada@acme.test</saml:NameID>'))
    sign(assertion_in(root))
    assert refusal(root, trusting()).reason is Reason.STRUCTURE


def test_two_encrypted_name_ids_are_refused() -> None:
    root = hidden()
    subject = one(root, "saml:Assertion/saml:Subject")
    subject.insert(0, twin(subject[0]))
    sign(assertion_in(root))
    assert refusal(root, trusting()).reason is Reason.STRUCTURE


@pytest.mark.parametrize("place", ["SubjectConfirmation", "Advice", "AttributeStatement"])
def test_an_encrypted_id_at_another_place_is_refused(place: str) -> None:
    root = hidden(Said(advice="<saml:Advice/>"))
    moved = one(root, "saml:Assertion/saml:Subject/saml:EncryptedID")
    root.find(f".//{{{SAML}}}{place}").insert(0, moved)  # pyright: ignore[reportOptionalMemberAccess]
    sign(assertion_in(root))
    assert refusal(root, trusting()).reason is Reason.STRUCTURE


def test_only_a_name_id_may_be_inside() -> None:
    root = response()
    one(root, "saml:Assertion/saml:Subject/saml:NameID").tag = f"{{{SAML}}}BaseID"
    encrypt_name_id(assertion_in(root), Encrypting(party("sp")))
    sign(assertion_in(root))
    refused = refusal(root, trusting())
    assert refused.reason is Reason.STRUCTURE
    assert refused.checks[-1].name == "NameID encryption"
