"""Whatever is done to a signed response: it is refused, or it says exactly what was signed."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import EMAIL_FORMAT, NameId, ResponseRefused, VerifiedResponse
from tests.support.saml_factory import (
    Encrypting,
    encrypt,
    form_value,
    party,
    response,
    sign,
    signed_response,
    to_bytes,
    trust,
)
from tests.support.saml_mutations import OPERATIONS, Operation

# An example takes a millisecond or two; the long profile asks for more.
EXAMPLES = max(400, settings().max_examples)
SHAPES = ["assertion", "response", "both", "encrypted", "encrypted and signed"]


@cache
def genuine(shape: str) -> bytes:
    """The same response in each of the shapes that identity providers send."""
    if not shape.startswith("encrypted"):
        return to_bytes(signed_response(what=shape))
    root = signed_response() if shape == "encrypted" else response()
    encrypt(root, Encrypting(party("sp")))
    if shape == "encrypted and signed":
        sign(root)
    return to_bytes(root)


def read(document: bytes) -> VerifiedResponse:
    return verify(form_value(document), trust(decryption_keys=(party("sp").as_sp_key(),)))


@cache
def genuine_reading(shape: str) -> VerifiedResponse:
    return read(genuine(shape))


def assert_has_a_reason(refused: ResponseRefused) -> None:
    """Of the checks made, the last failed, and says why."""
    assert [check.passed for check in refused.checks] == [True] * (len(refused.checks) - 1) + [False]
    assert refused.detail == refused.checks[-1].detail


def assert_refused_or_the_same(shape: str, document: bytes) -> None:
    expected = genuine_reading(shape)
    try:
        found = read(document)
    except ResponseRefused as refused:
        assert_has_a_reason(refused)
        return
    assert found.assertion == expected.assertion
    assert found.certificate_fingerprint == expected.certificate_fingerprint
    if "response" in found.signed:
        assert found.envelope == expected.envelope


indexes = st.integers(0, 10_000)
mutations = st.tuples(st.sampled_from(OPERATIONS), indexes, indexes)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_genuine_response_is_accepted(shape: str) -> None:
    assert genuine_reading(shape).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=EXAMPLES)
@given(made=st.lists(mutations, min_size=1, max_size=4))
def test_a_response_whose_tree_was_rearranged_is_refused_or_says_the_same(
    shape: str, made: list[tuple[Operation, int, int]]
) -> None:
    root = etree.fromstring(genuine(shape))
    for operation, which, where in made:
        elements = list(root.iter())
        operation(elements[which % len(elements)], elements[where % len(elements)])
    assert_refused_or_the_same(shape, to_bytes(root))


def signed_part(shape: str) -> tuple[int, int]:
    """From where to where the signed, or encrypted, element stands in the bytes."""
    document = genuine(shape)
    if shape in {"response", "both", "encrypted and signed"}:
        return document.index(b"<samlp:Response"), len(document)
    name = b"saml:EncryptedAssertion" if shape == "encrypted" else b"saml:Assertion"
    end = b"</" + name + b">"
    return document.index(b"<" + name), document.index(end) + len(end)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=EXAMPLES)
@given(offset=indexes, bits=st.integers(1, 255), within=st.booleans())
def test_a_response_with_a_flipped_byte_is_refused_or_says_the_same(
    shape: str, offset: int, bits: int, within: bool
) -> None:
    """Anywhere in the document, and as often within the part that is believed."""
    document = bytearray(genuine(shape))
    start, end = signed_part(shape) if within else (0, len(document))
    document[start + offset % (end - start)] ^= bits
    assert_refused_or_the_same(shape, bytes(document))


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bit", [1, 2, 4, 32, 128])
def test_every_single_byte_flipped_is_refused_or_says_the_same(shape: str, bit: int) -> None:
    for offset in range(len(genuine(shape))):
        document = bytearray(genuine(shape))
        document[offset] ^= bit
        assert_refused_or_the_same(shape, bytes(document))


FRAGMENTS = [
    b"",
    b" ",
    b"<!-- -->",
    b"<?x?>",
    b"<![CDATA[x]]>",
    b"&#x61;",
    b"&lt;",
    b"<x/>",
    b"</x>",
    b'xmlns="urn:x" ',
    b'ID="_assertion1" ',
    b"\xef\xbb\xbf",
    b"\x00",
    b"ada@acme.test",
]


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=EXAMPLES)
@given(start=indexes, length=st.integers(0, 200), fragment=st.sampled_from(FRAGMENTS))
def test_a_response_with_a_piece_exchanged_is_refused_or_says_the_same(
    shape: str, start: int, length: int, fragment: bytes
) -> None:
    document = genuine(shape)
    start %= len(document)
    assert_refused_or_the_same(shape, document[:start] + fragment + document[start + length :])
