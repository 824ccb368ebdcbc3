"""Checks and reads SAML documents with lxml and xmlsec alone, so that no code under test judges itself."""

import base64
from dataclasses import dataclass
from typing import cast

import lxml.etree as ET  # noqa: N812
import xmlsec

NAMESPACES = {
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}


@dataclass(frozen=True)
class SamlDocument:
    """A parsed document; the values an XPath finds in it are text."""

    root: ET._Element

    def all(self, path: str) -> list[str]:
        """Text and attribute values at the path."""
        found = cast("list[ET._Element | str]", self.root.xpath(path, namespaces=NAMESPACES))
        return [item if isinstance(item, str) else item.text or "" for item in found]

    def one(self, path: str) -> str:
        """The one value at the path; fails where there is none or more."""
        values = self.all(path)
        assert len(values) == 1, f"{path} matched {len(values)} times in {ET.tostring(self.root).decode()}"
        return values[0]

    def attributes(self) -> dict[str, str]:
        """The attributes of the assertion, by their names, each with one value."""
        names = self.all("//saml:Attribute/@Name")
        return {name: self.one(f"//saml:Attribute[@Name='{name}']/saml:AttributeValue") for name in names}


def read(document: str | bytes) -> SamlDocument:
    """The document, from XML or from the base64 of a form field."""
    raw = document.encode() if isinstance(document, str) else document
    if not raw.lstrip().startswith(b"<"):
        raw = base64.b64decode(raw)
    return SamlDocument(ET.fromstring(raw, ET.XMLParser(resolve_entities=False, no_network=True)))


def is_signed(document: SamlDocument, path: str, certificate: str) -> bool:
    """Whether the one element at the path carries a valid signature of its own by the certificate (base64 of DER)."""
    (element,) = cast("list[ET._Element]", document.root.xpath(path, namespaces=NAMESPACES))
    signature = element.find("ds:Signature", NAMESPACES)
    if signature is None:
        return False
    assert signature.xpath("string(ds:SignedInfo/ds:Reference/@URI)", namespaces=NAMESPACES) == f"#{element.get('ID')}"
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(base64.b64decode(certificate), xmlsec.constants.KeyDataFormatCertDer)
    context.register_id(element, "ID")
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def decrypt(document: SamlDocument, private_key: bytes) -> SamlDocument:
    """The document with its one encrypted assertion put in the place of the ciphertext."""
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(private_key, xmlsec.constants.KeyDataFormatPem))
    copy = read(ET.tostring(document.root))
    (encrypted,) = copy.root.findall("saml:EncryptedAssertion", NAMESPACES)
    data = encrypted.find("xenc:EncryptedData", NAMESPACES)
    assert data is not None
    assertion = xmlsec.EncryptionContext(manager).decrypt(data)
    copy.root.replace(encrypted, assertion)
    return copy
