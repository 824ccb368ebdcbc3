"""The shapes of an answer: what of it is signed, and whether the assertion is encrypted."""
# pysaml2 carries no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import base64
from dataclasses import dataclass

import xmlsec
from lxml import etree
from saml2 import SamlBase
from saml2.sigver import pre_signature_part
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from ostiary.devidp.crypto import XmlsecBackend, parse

SIGNABLE = ("both", "response", "assertion")

_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
_XENC = "http://www.w3.org/2001/04/xmlenc#"
_TEMPLATE = f"""<xenc:EncryptedData xmlns:xenc="{_XENC}" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
  Type="{_XENC}Element"><xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>
  <ds:KeyInfo><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{_XENC}rsa-oaep-mgf1p"/>
  <xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>
  <xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"""


@dataclass(frozen=True, slots=True)
class Shape:
    """`sign` is one of `SIGNABLE`; what is encrypted was signed before, the response afterwards."""

    sign: str = "both"
    encrypt: bool = False

    @property
    def signs_response(self) -> bool:
        """Whether the Response has a signature of its own."""
        return self.sign != "assertion"

    @property
    def signs_assertion(self) -> bool:
        """Whether the Assertion has a signature of its own."""
        return self.sign != "response"


def encrypted(response: str, certificate: str) -> str:
    """The response with its assertion encrypted for the certificate (base64 of DER): AES-256-GCM, RSA-OAEP."""
    root = parse(response)
    assertion = root.find(f"{{{_SAML}}}Assertion")
    if assertion is None:
        raise ValueError("The response has no assertion.")
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(base64.b64decode(certificate), xmlsec.constants.KeyDataFormatCertDer))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession)
    # As bytes of its own it declares every prefix it uses: a signature over the ciphertext covers no others.
    data = context.encrypt_binary(etree.fromstring(_TEMPLATE), etree.tostring(assertion, with_tail=False))
    wrapper = etree.Element(f"{{{_SAML}}}EncryptedAssertion")
    wrapper.append(data)
    root.replace(assertion, wrapper)
    return etree.tostring(root, encoding="unicode")


def signed(message: SamlBase | str, backend: XmlsecBackend, certificate: str) -> str:
    """The message with a signature of its own behind its Issuer: RSA-SHA256, by our key."""
    root = parse(str(message))
    message_id = root.get("ID", "")
    template = pre_signature_part(message_id, certificate, 1, sign_alg=SIG_RSA_SHA256, digest_alg=DIGEST_SHA256)
    root.insert(1, etree.fromstring(str(template)))
    return backend.sign_statement(etree.tostring(root, encoding="unicode"), "", "", message_id)
