# pysaml2 carries no type information.
# pyright: reportMissingTypeStubs=false
"""XML signatures for pysaml2 through the xmlsec library, in this process: neither the xmlsec1 program nor a key file."""

from pathlib import Path

import xmlsec
from lxml import etree
from saml2.sigver import CryptoBackend, SigverError

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

ACCEPTED_SIGNATURES = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{algorithm}"
    for algorithm in ("rsa-sha256", "rsa-sha384", "rsa-sha512", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512")
)
"""SignatureMethods taken from service providers: SHA-1 is refused, so that one who still uses it learns it here."""


class XmlsecBackend(CryptoBackend):
    """What pysaml2 asks of its crypto backend: sign one element of a document, check the signature of one."""

    def __init__(self, private_key_pem: bytes) -> None:
        super().__init__()
        self._key = xmlsec.Key.from_memory(private_key_pem, xmlsec.constants.KeyDataFormatPem)

    @property
    def version(self) -> str:
        """The version pysaml2 may log."""
        return ".".join(str(part) for part in xmlsec.get_libxmlsec_version())

    def sign_statement(self, statement: str | bytes, node_name: str, key_file: str, node_id: str) -> str:
        """The document with the signature template of the element `node_id` filled in, by our own key always."""
        root = _parse(statement)
        element = _element(root, node_id)
        context = xmlsec.SignatureContext()
        context.key = self._key
        context.register_id(element, "ID")
        context.sign(_signature(element))
        return etree.tostring(root, encoding="unicode")

    def validate_signature(
        self, enctext: str | bytes, cert_file: str, cert_type: str, node_name: str, node_id: str
    ) -> bool:
        """Whether the element `node_id` is signed by the certificate; raises SigverError for a refused algorithm."""
        element = _element(_parse(enctext), node_id)
        signature = _signature(element)
        method = signature.find("{*}SignedInfo/{*}SignatureMethod")
        check_algorithm(None if method is None else method.get("Algorithm"))
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(Path(cert_file).read_bytes(), xmlsec.constants.KeyDataFormatCertPem)
        context.register_id(element, "ID")
        try:
            context.verify(signature)
        except xmlsec.Error:
            return False
        return True


def check_algorithm(algorithm: str | None) -> None:
    """Refuse, with SigverError, a signature algorithm that is not on the list."""
    if algorithm not in ACCEPTED_SIGNATURES:
        raise SigverError(
            f"The signature algorithm {algorithm} is not accepted: use RSA or ECDSA with SHA-256 or more."
        )


def _parse(document: str | bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(document.encode() if isinstance(document, str) else document, parser)


def _element(root: etree._Element, element_id: str) -> etree._Element:
    found = [element for element in root.iter("{*}*") if element.get("ID") == element_id]
    if len(found) != 1:
        raise SigverError(f"The ID {element_id} stands {len(found)} times in the message; it must be there once.")
    return found[0]


def _signature(element: etree._Element) -> etree._Element:
    signature = element.find(SIGNATURE)
    if signature is None:
        raise SigverError(f"The element {element.get('ID')} carries no signature.")
    return signature
