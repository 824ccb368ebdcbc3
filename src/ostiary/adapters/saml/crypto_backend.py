"""Signing our own messages in this process: no xmlsec1 program is started and no key is written to a file.

pysaml2's own backend starts a process per signature, and its signers for HTTP-Redirect sit in a table of the module
that every thread writes the key into: with a key for each organization, one could sign with another's.
"""
# pysaml2 declares no types of parameters.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

import xmlsec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from saml2 import SamlBase
from saml2.sigver import RSASigner, pre_signature_part
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256, Signature

from ostiary.adapters.saml.xml import DSIG, METADATA, SAML, SAMLP, SIGNATURE, XENC, XENC11, Element, parse
from ostiary.services.saml_ports import SpKeyPair

_PREFIXES = {"samlp": SAMLP, "saml": SAML, "md": METADATA, "ds": DSIG, "xenc": XENC, "xenc11": XENC11}


class QuerySigner:
    """The backend pysaml2 asks for a signer of one HTTP-Redirect query (SAML bindings §3.4.4.1)."""

    def __init__(self, key: SpKeyPair) -> None:
        self._key = _private_key(key)

    def get_signer(self, algorithm: str) -> RSASigner:
        """A signer of its own for RSA-SHA256, the only algorithm we sign with."""
        if algorithm != SIG_RSA_SHA256:
            raise ValueError(f"We sign with RSA-SHA256, not with {algorithm}.")
        return RSASigner(hashes.SHA256(), self._key)


def to_xml(message: SamlBase) -> bytes:
    """The message as UTF-8, with the prefixes people know instead of ns0, ns1."""
    return etree.tostring(_tree(message), encoding="utf-8")


def signature_template(element_id: str, key: SpKeyPair) -> Signature:
    """The signature a message carries before `to_signed_xml` fills it in: enveloped, over the id, RSA-SHA256.

    Both algorithms must be named: pysaml2 takes SHA-1 for one that is left out.
    """
    certificate = certificate_base64(key.certificate_pem)
    return pre_signature_part(element_id, certificate, digest_alg=DIGEST_SHA256, sign_alg=SIG_RSA_SHA256)


def to_signed_xml(message: SamlBase, key: SpKeyPair) -> bytes:
    """The message with its `signature_template` filled in (SAML core §5.4)."""
    root = _tree(message)
    signature = root.find(SIGNATURE)
    if signature is None:
        raise ValueError("The message has no signature template.")
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.private_key_pem, xmlsec.constants.KeyDataFormatPem)
    context.register_id(root, "ID")
    context.sign(signature)
    return etree.tostring(root, encoding="utf-8")


def certificate_base64(pem: str) -> str:
    """A certificate as KeyInfo carries it: base64 of the DER, without headers or line breaks."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _tree(message: SamlBase) -> Element:
    # Beneath an element that declares the prefixes already, lxml lets go of those that pysaml2 numbered.
    declaring = etree.Element("declaring", nsmap=_PREFIXES)
    declaring.append(parse(message.to_string()))
    root = parse(etree.tostring(declaring[0]))
    etree.cleanup_namespaces(root)
    return root


def _private_key(key: SpKeyPair) -> RSAPrivateKey:
    # The key is one we made; checking its primes again would take 36 ms.
    private_key = load_pem_private_key(key.private_key_pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private_key, RSAPrivateKey):
        raise TypeError("Our keys are RSA keys.")
    return private_key
