"""What is looked at before any signature: a response in a shape no identity provider sends is refused unread.

Signature wrapping, parser differentials and XML bombs all need an unusual document. So the bytes are searched before
they are parsed, the tree is walked once, and from then on there is one assertion, at its place.
"""

import base64
import binascii
import re

from lxml import etree

from ostiary.adapters.saml.xml import (
    ASSERTION,
    ENCRYPTED_ASSERTION,
    ENCRYPTED_ID,
    EXTENSIONS,
    ISSUER,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    NAME_ID,
    RESPONSE,
    SAML,
    SESSION_INDEX,
    SIGNATURE,
    STATUS,
    SUBJECT,
    XENC,
    XENC11,
    XML,
    Element,
    local_name,
    parse,
    tag_of,
)
from ostiary.domain.assertion import Reason, ResponseRefused

MAX_DOCUMENT_BYTES = 256 * 1024
# Base64 takes four characters for three bytes, and some senders break it into lines.
MAX_FORM_CHARACTERS = MAX_DOCUMENT_BYTES * 3 // 2
MAX_DEPTH = 32
MAX_ELEMENTS = 5_000
MAX_ATTRIBUTES_OF_AN_ELEMENT = 32
# Some identity providers declare two namespaces on every attribute value.
MAX_NAMESPACE_DECLARATIONS = 2 * MAX_ELEMENTS

_WHITESPACE = str.maketrans("", "", " \t\r\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DECLARATION = re.compile(
    rb"""<\?xml\s+version=(?:"1\.0"|'1\.0')(?:\s+encoding=["'](?P<encoding>[A-Za-z0-9._-]+)["'])?"""
    rb"""(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>"""
)
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}")
_ID_ATTRIBUTES = frozenset({"ID", "Id", "id"})
_XML_ID = f"{{{XML}}}id"

# The children of a Response and of an Assertion, in the order of the schema (SAML core §3.2.2, §2.3.3).
_LETTERS = {
    ISSUER: "I",
    SIGNATURE: "G",
    EXTENSIONS: "X",
    STATUS: "S",
    ASSERTION: "A",
    ENCRYPTED_ASSERTION: "A",
    SUBJECT: "U",
    f"{{{SAML}}}Conditions": "C",
    f"{{{SAML}}}Advice": "V",
    f"{{{SAML}}}Statement": "T",
    f"{{{SAML}}}AuthnStatement": "T",
    f"{{{SAML}}}AuthzDecisionStatement": "T",
    f"{{{SAML}}}AttributeStatement": "T",
    NAME_ID: "N",
    ENCRYPTED_ID: "N",
    SESSION_INDEX: "J",
}
_RESPONSE_CHILDREN = re.compile("I?G?X?SA?")
# SAML core §3.7.1, §3.7.2. Whom the request is about must be named, and both must say who sent them.
_LOGOUT_CHILDREN = {LOGOUT_REQUEST: re.compile("IG?X?NJ*"), LOGOUT_RESPONSE: re.compile("IG?X?S")}
_ASSERTION_CHILDREN = re.compile("IG?U?C?V?T*")
_ASSERTION_NAMES = frozenset({"Assertion", "EncryptedAssertion"})


def decode(form_value: str) -> bytes:
    """The document inside a `SAMLResponse` form value (SAML bindings §3.5.4); raises `ResponseRefused`.

    White space in the base64 is accepted. What comes back is UTF-8 without byte order mark, at most 256 KiB, and has
    no DOCTYPE, entity, comment, CDATA section or processing instruction.
    """
    if len(form_value) > MAX_FORM_CHARACTERS:
        raise ResponseRefused(Reason.TOO_LARGE, f"The form value has {len(form_value)} characters.")
    try:
        document = base64.b64decode(form_value.translate(_WHITESPACE), validate=True)
    except (binascii.Error, ValueError):
        raise ResponseRefused(Reason.MALFORMED, "SAMLResponse is not base64.") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ResponseRefused(
            Reason.TOO_LARGE, f"The response has {len(document)} bytes; at most {MAX_DOCUMENT_BYTES} are read."
        )
    document = document.removeprefix(_BYTE_ORDER_MARK)
    check_bytes(document)
    return document


def check_bytes(document: bytes) -> None:
    """Refuse, before it is parsed, a document with more than elements, attributes and text; raises `ResponseRefused`.

    Well-formed XML has `<!` only in front of DOCTYPE, ENTITY, comments and CDATA, and `<?` only in front of processing
    instructions and, once, the XML declaration: so a search of the bytes finds them all, provided the bytes are UTF-8.
    """
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        raise ResponseRefused(Reason.MALFORMED, "The response is not UTF-8.") from None
    body = document
    if declaration := _DECLARATION.match(document):
        encoding = declaration["encoding"]
        if encoding is not None and encoding.lower() != b"utf-8":
            raise ResponseRefused(Reason.FORBIDDEN_XML, "The XML declares another encoding than UTF-8.")
        body = document[declaration.end() :]
    if b"\0" in body:
        raise ResponseRefused(Reason.MALFORMED, "The response contains null characters.")
    if b"<!" in body:
        raise ResponseRefused(Reason.FORBIDDEN_XML, "The response has a DOCTYPE, an entity, a comment or CDATA.")
    if b"<?" in body:
        raise ResponseRefused(Reason.FORBIDDEN_XML, "The response has a processing instruction.")
    if body.count(b"xmlns") > MAX_NAMESPACE_DECLARATIONS:
        raise ResponseRefused(Reason.FORBIDDEN_XML, "The response declares too many namespaces.")


def parse_response(document: bytes) -> Element:
    """The Response in the bytes from `decode`, with every part at its place; raises `ResponseRefused`.

    It has no assertion, or one; that is its direct child, plain or encrypted, and there is no other in the tree.
    """
    try:
        root = parse(document)
    except etree.XMLSyntaxError as error:
        raise ResponseRefused(Reason.MALFORMED, f"The response is not well-formed XML: {error.msg}.") from None
    if root.tag != RESPONSE:
        raise ResponseRefused(Reason.STRUCTURE, f"This is a {local_name(root)[:64]}, not a SAML 2.0 Response.")
    _check_message(root, _RESPONSE_CHILDREN)
    assertion = assertion_of(root)
    if assertion is not None and assertion.tag == ASSERTION:
        _check_message(assertion, _ASSERTION_CHILDREN)
    _check_tree(root, assertion)
    return root


def parse_logout(document: bytes) -> Element:
    """The LogoutRequest or LogoutResponse in the bytes, with every part at its place; raises `ResponseRefused`."""
    check_bytes(document)
    try:
        root = parse(document)
    except etree.XMLSyntaxError as error:
        raise ResponseRefused(Reason.MALFORMED, f"The message is not well-formed XML: {error.msg}.") from None
    children = _LOGOUT_CHILDREN.get(tag_of(root))
    if children is None:
        raise ResponseRefused(Reason.STRUCTURE, f"This is a {local_name(root)[:64]}, not a logout message.")
    _check_message(root, children)
    _check_tree(root, None)
    return root


def parse_decrypted(plaintext: bytes, encrypted: Element) -> Element:
    """The Assertion that was inside an EncryptedAssertion, as strictly shaped; raises `ResponseRefused`.

    Raises `etree.XMLSyntaxError` when the plaintext is not XML. Prefixes that the plaintext leaves undeclared are those
    of the element it was encrypted in (XML encryption §4.4).
    """
    assertion = _decrypted(plaintext, encrypted, ASSERTION)
    _check_message(assertion, _ASSERTION_CHILDREN)
    _check_tree(assertion, assertion)
    return assertion


def parse_decrypted_id(plaintext: bytes, encrypted: Element) -> Element:
    """The NameID that was inside an EncryptedID; raises as `parse_decrypted` does."""
    name_id = _decrypted(plaintext, encrypted, NAME_ID)
    _check_tree(name_id, None)
    return name_id


def _decrypted(plaintext: bytes, encrypted: Element, tag: str) -> Element:
    check_bytes(plaintext)
    if declaration := _DECLARATION.match(plaintext):
        plaintext = plaintext[declaration.end() :]
    wrapper = etree.tostring(etree.Element("decrypted", nsmap=encrypted.nsmap))
    # An element without content is written as `<decrypted …/>`.
    content = wrapper.removesuffix(b"/>") + b">" + plaintext + b"</decrypted>"
    children = list(parse(content))
    if len(children) != 1 or children[0].tag != tag:
        wanted = tag.rpartition("}")[2]
        raise ResponseRefused(Reason.STRUCTURE, f"The {local_name(encrypted)} does not contain exactly one {wanted}.")
    # Read again on its own, so that it is a root, as the assertion of verified bytes is.
    return parse(etree.tostring(children[0], with_tail=False))


def assertion_of(response: Element) -> Element | None:
    """The response's assertion, plain or encrypted; None where it has none."""
    if len(response) and response[-1].tag in {ASSERTION, ENCRYPTED_ASSERTION}:
        return response[-1]
    return None


def _check_message(element: Element, children: re.Pattern[str]) -> None:
    name = local_name(element)
    if element.get("Version") != "2.0":
        raise ResponseRefused(Reason.STRUCTURE, f"The {name} is not of SAML version 2.0.")
    if "ID" not in element.attrib:
        raise ResponseRefused(Reason.STRUCTURE, f"The {name} has no ID.")
    if not children.fullmatch("".join(_LETTERS.get(tag_of(child), "?") for child in element)):
        names = ", ".join(local_name(child) for child in element)
        raise ResponseRefused(Reason.STRUCTURE, f"The {name} has not the children of the schema, in order: {names}.")


def _check_tree(root: Element, assertion: Element | None) -> None:
    """Walk the tree once: limits, unique ids, no second assertion, signatures and ciphertext only at their places."""
    may_be_signed = (root, assertion)
    elements = 0
    ids: set[str] = set()
    # Element, depth, and whether it is inside an EncryptedAssertion.
    pending: list[tuple[Element, int, bool]] = [(root, 1, False)]
    while pending:
        element, depth, encrypted = pending.pop()
        elements += 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise ResponseRefused(Reason.FORBIDDEN_XML, "The response is nested too deeply or has too many elements.")
        _check_attributes(element, ids)
        namespace, _, name = tag_of(element).rpartition("}")
        if name in _ASSERTION_NAMES and element is not assertion:
            raise ResponseRefused(Reason.STRUCTURE, f"There is another {name} than the response's one assertion.")
        if name == "Signature" and element.getparent() not in may_be_signed:
            raise ResponseRefused(Reason.STRUCTURE, "A Signature is neither the response's nor the assertion's child.")
        if not encrypted and namespace[1:] in {XENC, XENC11}:
            raise ResponseRefused(
                Reason.STRUCTURE,
                f"{name} stands outside an EncryptedAssertion. Encrypt the whole assertion, not its attributes.",
            )
        inside = encrypted or element.tag == ENCRYPTED_ASSERTION or _is_encrypted_subject(element, assertion)
        pending.extend((child, depth + 1, inside) for child in element)


def _is_encrypted_subject(element: Element, assertion: Element | None) -> bool:
    """Whether it is the EncryptedID of the assertion's Subject, or of a LogoutRequest (SAML core §2.4.1, §3.7.1)."""
    parent = element.getparent()
    if element.tag != ENCRYPTED_ID or parent is None:
        return False
    return parent.tag == LOGOUT_REQUEST or (parent.tag == SUBJECT and parent.getparent() is assertion)


def _check_attributes(element: Element, ids: set[str]) -> None:
    names = element.keys()
    if len(names) > MAX_ATTRIBUTES_OF_AN_ELEMENT:
        raise ResponseRefused(Reason.FORBIDDEN_XML, f"A {local_name(element)} has too many attributes.")
    for name in names:
        if name == _XML_ID:
            raise ResponseRefused(Reason.FORBIDDEN_XML, "The response uses xml:id, which no SAML message does.")
        if name not in _ID_ATTRIBUTES:
            continue
        value = element.get(name, "")
        if not _ID.fullmatch(value):
            raise ResponseRefused(Reason.STRUCTURE, f"A {local_name(element)} has an unusual id.")
        if value in ids:
            raise ResponseRefused(Reason.STRUCTURE, f"The id {value} is used twice.")
        ids.add(value)
