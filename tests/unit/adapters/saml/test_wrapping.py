"""Signature wrapping: a genuine signed part is kept somewhere, and something else is put where it would be read."""

import pytest

from ostiary.domain.assertion import Reason
from tests.support.saml_factory import (
    assertion_in,
    one,
    signed_response,
    twin,
)
from tests.support.saml_wrappings import signature_in
from tests.unit.adapters.saml.refusing import refusal


def test_a_signature_that_stands_in_the_response_but_signs_the_assertion_is_refused() -> None:
    root = signed_response()
    root.insert(1, signature_in(assertion_in(root)))
    refused = refusal(root)
    assert refused.reason is Reason.STRUCTURE
    assert "not to the element it stands in" in refused.detail


@pytest.mark.parametrize("place", ["saml:Subject", "saml:Conditions", "saml:AttributeStatement", "ds:Signature"])
def test_a_signature_deeper_than_a_child_is_refused(place: str) -> None:
    root = signed_response()
    assertion = assertion_in(root)
    one(assertion, place).append(twin(signature_in(assertion)))
    assert refusal(root).reason is Reason.STRUCTURE


@pytest.mark.parametrize("what", ["assertion", "response"])
def test_a_signature_elsewhere_than_behind_the_issuer_is_refused(what: str) -> None:
    root = signed_response(what=what)
    signed = root if what == "response" else assertion_in(root)
    signed.append(signature_in(signed))
    assert refusal(root).reason is Reason.STRUCTURE


def test_two_signatures_of_one_element_are_refused() -> None:
    root = signed_response()
    signature = signature_in(assertion_in(root))
    signature.addnext(twin(signature))
    assert refusal(root).reason is Reason.STRUCTURE
