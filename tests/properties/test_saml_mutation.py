"""Whatever is done to a signed response: it is refused, or it says exactly what was signed."""

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import EMAIL_FORMAT, NameId, ResponseRefused, VerifiedResponse
from tests.support.saml_factory import (
    SAML,
    Element,
    Encrypting,
    encrypt,
    form_value,
    party,
    response,
    sign,
    signed_response,
    to_bytes,
    trust,
    twin,
)

# An example takes a millisecond; the long profile asks for more.
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


def assert_refused_or_the_same(shape: str, document: bytes) -> None:
    expected = genuine_reading(shape)
    try:
        found = read(document)
    except ResponseRefused:
        return
    assert found.assertion == expected.assertion
    assert found.certificate_fingerprint == expected.certificate_fingerprint
    if "response" in found.signed:
        assert found.envelope == expected.envelope


def drop(element: Element, _: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def duplicate(element: Element, _: Element) -> None:
    if element.getparent() is not None:
        element.addnext(twin(element))


def move(element: Element, target: Element) -> None:
    if element is not target and element not in target.iterancestors():
        target.append(element)


def copy_into(element: Element, target: Element) -> None:
    target.insert(0, twin(element))


def move_before(element: Element, target: Element) -> None:
    if element is not target and element not in target.iterancestors() and target.getparent() is not None:
        target.addprevious(element)


def rename(element: Element, target: Element) -> None:
    element.tag = target.tag


def rename_foreign(element: Element, _: Element) -> None:
    element.tag = "{urn:evil}Evil"


def take_attributes(element: Element, target: Element) -> None:
    element.attrib.clear()
    element.attrib.update(target.attrib)


def take_text(element: Element, target: Element) -> None:
    element.text = target.text


def wrap(element: Element, target: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        wrapper = etree.Element(target.tag)
        parent.replace(element, wrapper)
        wrapper.append(element)


def wrap_in_an_assertion(element: Element, _: Element) -> None:
    wrap(element, etree.Element(f"{{{SAML}}}Assertion"))


def unwrap(element: Element, _: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        for child in list(element):
            element.addprevious(child)
        parent.remove(element)


OPERATIONS: list[Callable[[Element, Element], None]] = [
    drop,
    duplicate,
    move,
    copy_into,
    move_before,
    rename,
    rename_foreign,
    take_attributes,
    take_text,
    wrap,
    wrap_in_an_assertion,
    unwrap,
]

indexes = st.integers(0, 10_000)
mutations = st.tuples(st.sampled_from(OPERATIONS), indexes, indexes)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_genuine_response_is_accepted(shape: str) -> None:
    assert genuine_reading(shape).assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=EXAMPLES)
@given(made=st.lists(mutations, min_size=1, max_size=4))
def test_a_response_whose_tree_was_rearranged_is_refused_or_says_the_same(
    shape: str, made: list[tuple[Callable[[Element, Element], None], int, int]]
) -> None:
    root = etree.fromstring(genuine(shape))
    for operation, which, where in made:
        elements = list(root.iter())
        operation(elements[which % len(elements)], elements[where % len(elements)])
    assert_refused_or_the_same(shape, to_bytes(root))


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=EXAMPLES)
@given(offset=indexes, bits=st.integers(1, 255))
def test_a_response_with_a_flipped_byte_is_refused_or_says_the_same(shape: str, offset: int, bits: int) -> None:
    document = bytearray(genuine(shape))
    document[offset % len(document)] ^= bits
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
