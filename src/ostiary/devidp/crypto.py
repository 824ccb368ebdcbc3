"""XML signatures through the xmlsec library, in this process: no xmlsec1 program, no temporary files."""

import base64
from importlib.metadata import version
from typing import TypeAlias

import xmlsec
from lxml import etree
from saml2.sigver import CryptoBackend, SigverError

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

# lxml names its element class as private, although every annotation needs it.
Element: TypeAlias = etree._Element  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- it has no public name

ACCEPTED_SIGNATURES = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{algorithm}"
    for algorithm in ("rsa-sha256", "rsa-sha384", "rsa-sha512", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512")
)
"""SignatureMethods taken from service providers: SHA-1 is refused, so that one who still uses it learns it here."""


class XmlsecBackend(CryptoBackend):
    """Signs for pysaml2. What service providers send is checked by `is_signed`, without pysaml2's certificate files."""

    def __init__(self, private_key_pem: bytes) -> None:
        super().__init__()
        self._key = xmlsec.Key.from_memory(private_key_pem, xmlsec.constants.KeyDataFormatPem)

    @property
    def version(self) -> str:
        """The version pysaml2 may log."""
        return version("xmlsec")

    def sign_statement(
        self,
        statement: str | bytes,
        node_name: str,  # noqa: ARG002 (pysaml2 hands it to its program)
        key_file: str,  # noqa: ARG002 (our key is here already)
        node_id: str,
    ) -> str:
        """The document with the signature template of the element `node_id` filled in, by our own key always."""
        root = parse(statement)
        element = _element(root, node_id)
        context = xmlsec.SignatureContext()
        context.key = self._key
        context.register_id(element, "ID")
        context.sign(_signature(element))
        return etree.tostring(root, encoding="unicode")


def is_signed(document: str | bytes, element_id: str, certificate: str) -> bool:
    """Whether the element with that ID carries its own signature, by the certificate (base64 of DER).

    Raises SigverError for an algorithm that is refused, and for a document without that element or signature.
    """
    element = _element(parse(document), element_id)
    signature = _signature(element)
    method = signature.find("{*}SignedInfo/{*}SignatureMethod")
    check_algorithm(None if method is None else method.get("Algorithm"))
    references = [reference.get("URI") for reference in signature.iterfind("{*}SignedInfo/{*}Reference")]
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(base64.b64decode(certificate), xmlsec.constants.KeyDataFormatCertDer)
    context.register_id(element, "ID")
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return references == [f"#{element_id}"]


def check_algorithm(algorithm: str | None) -> None:
    """Refuse, with SigverError, a signature algorithm that is not on the list."""
    if algorithm not in ACCEPTED_SIGNATURES:
        raise SigverError(
            f"The signature algorithm {algorithm} is not accepted: use RSA or ECDSA with SHA-256 or more."
        )


def parse(document: str | bytes) -> Element:
    """The root of the document; entities are not resolved."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(document.encode() if isinstance(document, str) else document, parser)


def _element(root: Element, element_id: str) -> Element:
    found = [element for element in root.iter("{*}*") if element.get("ID") == element_id]
    if len(found) != 1:
        raise SigverError(f"The ID {element_id} stands {len(found)} times in the message; it must be there once.")
    return found[0]


def _signature(element: Element) -> Element:
    signature = element.find(SIGNATURE)
    if signature is None:
        raise SigverError(f"The element {element.get('ID')} carries no signature.")
    return signature
