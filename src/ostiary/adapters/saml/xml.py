"""The one XML parser of this service's SAML, and the names it looks for."""

from lxml import etree
from lxml.etree import _Element  # pyright: ignore[reportPrivateUsage] -- lxml has no public name for the type

# lxml names its element class as private, although every annotation needs it.
Element = _Element

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
XML = "http://www.w3.org/XML/1998/namespace"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

RESPONSE = f"{{{SAMLP}}}Response"
LOGOUT_REQUEST = f"{{{SAMLP}}}LogoutRequest"
LOGOUT_RESPONSE = f"{{{SAMLP}}}LogoutResponse"
SESSION_INDEX = f"{{{SAMLP}}}SessionIndex"
EXTENSIONS = f"{{{SAMLP}}}Extensions"
STATUS = f"{{{SAMLP}}}Status"
ISSUER = f"{{{SAML}}}Issuer"
ASSERTION = f"{{{SAML}}}Assertion"
ENCRYPTED_ASSERTION = f"{{{SAML}}}EncryptedAssertion"
SUBJECT = f"{{{SAML}}}Subject"
NAME_ID = f"{{{SAML}}}NameID"
ENCRYPTED_ID = f"{{{SAML}}}EncryptedID"
SIGNATURE = f"{{{DSIG}}}Signature"


def parse(document: bytes) -> Element:
    """The root of an UTF-8 document; raises `etree.XMLSyntaxError`.

    No DTD is loaded, no entity resolved, no file or address opened, and the parser's own limits on depth and on the
    length of a text stay on. The encoding a document declares is not asked: it is UTF-8 or it is refused.
    """
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
    )
    return etree.fromstring(document, parser)


def tag_of(element: Element) -> str:
    """The element's name as `{namespace}name`; empty for a comment or a processing instruction."""
    tag = element.tag
    return tag if isinstance(tag, str) else ""


def local_name(element: Element) -> str:
    """The element's name without its namespace."""
    return tag_of(element).rpartition("}")[2]
