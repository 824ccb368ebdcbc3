"""Whether an element was signed by one of a connection's certificates, and exactly which bytes were signed.

xmlsec verifies; because it does not hand out what it verified, the signed bytes are made a second time here, compared
with the signed digest, and parsed again. Callers read from those bytes only (SAML core §5.4).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import xmlsec
from lxml import etree

from ostiary.adapters.saml.certificates import fingerprint_of, weakness_of
from ostiary.adapters.saml.xml import DSIG, SIGNATURE, Element, local_name, parse, tag_of
from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.domain.connection import Certificate
from ostiary.services.saml_ports import Trust

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DSIG}enveloped-signature"
# Comments are refused before a signature is looked at, so both give the same bytes.
_CANONICALIZATIONS = frozenset({EXCLUSIVE_C14N, f"{EXCLUSIVE_C14N}WithComments"})
_INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"
_MAX_PREFIXES = 16

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
_SHA1_SIGNATURE = f"{DSIG}rsa-sha1"
_SIGNATURE_METHODS = frozenset(
    {
        *(f"{_MORE}{key}-sha{bits}" for key in ("rsa", "ecdsa") for bits in (256, 384, 512)),
        # RSA-PSS (RFC 6931 §2.3.10)
        *(f"{_MORE_2007}sha{bits}-rsa-MGF1" for bits in (256, 384, 512)),
    }
)
_SHA1_DIGEST = f"{DSIG}sha1"
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    _SHA1_DIGEST: "sha1",
}

_KEYS_KEPT = 1000
_CHILDREN_OF_SIGNATURE = re.compile("SignedInfo SignatureValue( KeyInfo)?")
_X509_CERTIFICATE = f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data/{{{DSIG}}}X509Certificate"


@dataclass(frozen=True, slots=True)
class SignedElement:
    """An element read from its signed bytes, without its signature, and what vouches for it."""

    element: Element
    certificate: Certificate
    algorithm: str
    uses_sha1: bool


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What a signature says about how it was made, after each choice was found on the list of those allowed."""

    algorithm: str
    digest_algorithm: str
    digest: bytes
    prefixes: tuple[str, ...]


def signature_of(element: Element) -> Element | None:
    """The signature that is the element's own child."""
    return element.find(SIGNATURE)


def verify_signature(element: Element, signature: Element, trust: Trust) -> SignedElement:
    """The element as it was signed; raises `ResponseRefused` unless a valid certificate of the connection signed it.

    `element` must come from the guard: no comments, ids unique, and `signature` its child.
    """
    recipe = _read_recipe(element, signature, allow_sha1=trust.allow_sha1)
    certificate = signer_of(
        trust,
        lambda candidate: _verifies(element, signature, candidate),
        seen=_enclosed_fingerprint(signature),
    )
    return SignedElement(
        element=_signed_copy(element, recipe),
        certificate=certificate,
        algorithm=recipe.algorithm.rpartition("#")[2],
        uses_sha1=recipe.algorithm == _SHA1_SIGNATURE or recipe.digest_algorithm == "sha1",
    )


def _read_recipe(element: Element, signature: Element, *, allow_sha1: bool) -> _Recipe:
    if not _CHILDREN_OF_SIGNATURE.fullmatch(_child_names(signature)) or len(signature[1]):
        raise _structure("The Signature does not consist of SignedInfo, SignatureValue and KeyInfo.")
    signed_info = signature[0]
    if _child_names(signed_info) != "CanonicalizationMethod SignatureMethod Reference":
        raise _structure("SignedInfo does not hold exactly one Reference.")
    canonicalization, method, reference = signed_info
    if reference.get("URI") != f"#{element.get('ID')}":
        raise _structure(f"The signature refers to {reference.get('URI')!r}, not to the element it stands in.")
    if _child_names(reference) != "Transforms DigestMethod DigestValue":
        raise _structure("The Reference does not consist of Transforms, DigestMethod and DigestValue.")
    transforms, digest_method, digest_value = reference
    _canonicalization_prefixes(canonicalization)
    return _Recipe(
        algorithm=_allowed_method(method, allow_sha1=allow_sha1),
        digest_algorithm=_allowed_digest(digest_method, allow_sha1=allow_sha1),
        digest=_base64(digest_value),
        prefixes=_transform_prefixes(transforms),
    )


def _child_names(element: Element) -> str:
    """The names of the children, which must all be of XML Signature."""
    return " ".join(
        local_name(child) if tag_of(child).startswith(f"{{{DSIG}}}") else "another namespace's" for child in element
    )


def _allowed_method(method: Element, *, allow_sha1: bool) -> str:
    algorithm = method.get("Algorithm", "")
    if len(method) or (algorithm not in _SIGNATURE_METHODS and not (allow_sha1 and algorithm == _SHA1_SIGNATURE)):
        raise _algorithm(f"The signature method {algorithm!r} is not allowed. Sign with RSA-SHA256.")
    return algorithm


def _allowed_digest(method: Element, *, allow_sha1: bool) -> str:
    algorithm = method.get("Algorithm", "")
    if len(method) or algorithm not in _DIGESTS or (algorithm == _SHA1_DIGEST and not allow_sha1):
        raise _algorithm(f"The digest method {algorithm!r} is not allowed. Use SHA-256.")
    return _DIGESTS[algorithm]


def _transform_prefixes(transforms: Element) -> tuple[str, ...]:
    """The PrefixList of the one recipe allowed: the enveloped signature removed, then exclusive canonicalization."""
    if _child_names(transforms) == "Transform Transform":
        enveloped, canonicalization = transforms
        if enveloped.get("Algorithm") == ENVELOPED and not len(enveloped):
            return _canonicalization_prefixes(canonicalization)
    raise _algorithm("The transforms are not the enveloped signature and exclusive canonicalization, in this order.")


def _canonicalization_prefixes(method: Element) -> tuple[str, ...]:
    algorithm = method.get("Algorithm", "")
    if algorithm not in _CANONICALIZATIONS:
        raise _algorithm(f"The canonicalization {algorithm!r} is not allowed. Use exclusive canonicalization.")
    if not len(method):
        return ()
    inclusive = method[0]
    prefixes = tuple(inclusive.get("PrefixList", "").split())
    if len(method) > 1 or inclusive.tag != _INCLUSIVE_NAMESPACES or len(inclusive) or len(prefixes) > _MAX_PREFIXES:
        raise _algorithm("The canonicalization has parameters other than one short PrefixList.")
    return prefixes


def signer_of(trust: Trust, verifies: Callable[[Certificate], bool], seen: str | None = None) -> Certificate:
    """The connection's certificate with which a signature holds; raises `ResponseRefused` naming what is known.

    Only the connection's certificates are asked. `seen` is the fingerprint of the one the message encloses, if any: it
    is named to the administrator, never believed.
    """
    valid = [certificate for certificate in trust.certificates if certificate.is_valid_at(trust.now)]
    for certificate in valid:
        if verifies(certificate):
            if weakness := weakness_of(base64.b64decode(certificate.der_base64)):
                raise _algorithm(f"The certificate {certificate.fingerprint_sha256} is too weak: {weakness}.")
            return certificate
    for certificate in trust.certificates:
        if certificate not in valid and verifies(certificate):
            raise ResponseRefused(
                Reason.CERTIFICATE_EXPIRED,
                f"Signed with the certificate {certificate.fingerprint_sha256}, which is valid only from "
                f"{certificate.not_before.isoformat()} to {certificate.not_after.isoformat()}. Renew it at the "
                "identity provider, then refresh the metadata or add the new certificate here.",
            )
    raise _not_verified(trust, seen)


def _verifies(element: Element, signature: Element, certificate: Certificate) -> bool:
    context = xmlsec.SignatureContext()
    context.register_id(element, "ID")
    try:
        # With a key given, xmlsec looks for none in KeyInfo. It verifies with a copy of it.
        context.key = _key_of(certificate.der_base64)
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


@lru_cache(_KEYS_KEPT)
def _key_of(der_base64: str) -> xmlsec.Key:
    """The key in a certificate; kept because reading it takes as long as verifying with it.

    Whether the certificate is trusted, and still valid, was asked before, for this response.
    """
    return xmlsec.Key.from_memory(base64.b64decode(der_base64), xmlsec.constants.KeyDataFormatCertDer)


def _enclosed_fingerprint(signature: Element) -> str | None:
    enclosed = signature.find(_X509_CERTIFICATE)
    if enclosed is None:
        return None
    try:
        return fingerprint_of(_base64(enclosed))
    except ResponseRefused:
        return None


def _not_verified(trust: Trust, seen: str | None) -> ResponseRefused:
    known = [certificate.fingerprint_sha256 for certificate in trust.certificates]
    if seen is not None and seen not in known:
        return ResponseRefused(
            Reason.CERTIFICATE_UNKNOWN,
            f"Signed with the certificate {seen}; this connection knows {', '.join(known) or 'none'}. If the "
            "identity provider has a new certificate, refresh the metadata or add it here.",
        )
    return ResponseRefused(
        Reason.SIGNATURE_INVALID,
        f"The signature holds with no certificate of this connection ({', '.join(known) or 'it has none'}). The "
        "message was changed on its way, or signed with another key.",
    )


def _signed_copy(element: Element, recipe: _Recipe) -> Element:
    """The element parsed from the very bytes whose digest was signed."""
    # Written out and parsed, the copy declares every namespace that is in scope, and keeps every prefix.
    copy = parse(etree.tostring(element, with_tail=False))
    _remove_keeping_tail(copy, copy.find(SIGNATURE))
    try:
        # lxml passes over "#default" in a PrefixList. That makes a difference only where a default namespace is
        # declared and not used by the element itself, and there the digest differs: refused, never misread.
        content = etree.tostring(
            copy, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=recipe.prefixes
        )
    except etree.C14NError:
        raise _differs() from None
    if not hmac.compare_digest(hashlib.new(recipe.digest_algorithm, content).digest(), recipe.digest):
        raise _differs()
    return parse(content)


def _remove_keeping_tail(parent: Element, child: Element | None) -> None:
    """Remove a child but not the text behind it: the enveloped-signature transform keeps that text."""
    if child is None:
        return
    previous = child.getprevious()
    if child.tail and previous is not None:
        previous.tail = (previous.tail or "") + child.tail
    elif child.tail:
        parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def _base64(element: Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise ResponseRefused(Reason.SIGNATURE_INVALID, f"{local_name(element)} is not base64.") from None


def _structure(detail: str) -> ResponseRefused:
    return ResponseRefused(Reason.STRUCTURE, detail)


def _algorithm(detail: str) -> ResponseRefused:
    return ResponseRefused(Reason.ALGORITHM, detail)


def _differs() -> ResponseRefused:
    return ResponseRefused(Reason.SIGNATURE_INVALID, "What was signed is not what the response says.")
