"""The HTTP-Redirect binding, read: a deflated message in a query whose text is what was signed (bindings §3.4)."""

import base64
import binascii
import zlib
from urllib.parse import unquote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ostiary.adapters.saml.guard import MAX_DOCUMENT_BYTES, MAX_FORM_CHARACTERS
from ostiary.adapters.saml.signature import signer_of
from ostiary.adapters.saml.xml import DSIG
from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.domain.connection import Certificate
from ostiary.services.saml_ports import Trust

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_METHODS: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    f"{_MORE}{key}-{name}": (key, digest) for key in ("rsa", "ecdsa") for name, digest in _DIGESTS.items()
}
_RSA_SHA1 = f"{DSIG}rsa-sha1"
_MESSAGES = ("SAMLRequest", "SAMLResponse")
_SIGNED_WITH_IT = ("RelayState", "SigAlg")


def read_redirect(query: str, trust: Trust) -> bytes:
    """The document in a signed query; raises `ResponseRefused`.

    `query` is the query as it came, still encoded: senders sign their own way of writing it, upper or lower case.
    """
    if len(query) > MAX_FORM_CHARACTERS:
        raise ResponseRefused(Reason.TOO_LARGE, f"The query has {len(query)} characters.")
    raw = _parameters(query)
    carried = [name for name in _MESSAGES if name in raw]
    if len(carried) != 1:
        raise ResponseRefused(Reason.MALFORMED, "The query has not exactly one SAMLRequest or SAMLResponse.")
    _verify(raw, carried[0], trust)
    return _inflated(_base64(raw[carried[0]]))


def _parameters(query: str) -> dict[str, str]:
    """The values by name, still encoded. A name that stands twice could be read as either, so it is refused."""
    raw: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote_plus(name) != name:
            # Read one way here, and another way where the query is decoded whole.
            raise ResponseRefused(Reason.MALFORMED, f"The query has a name that is percent-encoded: {name[:64]!r}.")
        if name in raw:
            raise ResponseRefused(Reason.MALFORMED, f"The query has {name[:64]!r} twice.")
        raw[name] = value
    return raw


def _verify(raw: dict[str, str], carried: str, trust: Trust) -> None:
    if "Signature" not in raw or "SigAlg" not in raw:
        raise ResponseRefused(
            Reason.SIGNATURE_MISSING, "The message is not signed. Let the identity provider sign logout messages."
        )
    algorithm = unquote_plus(raw["SigAlg"])
    method = ("rsa", hashes.SHA1()) if algorithm == _RSA_SHA1 and trust.allow_sha1 else _METHODS.get(algorithm)  # noqa: S303 -- where the connection allows it
    if method is None:
        raise ResponseRefused(
            Reason.ALGORITHM, f"The signature method {algorithm[:128]!r} is not allowed. Sign with RSA-SHA256."
        )
    signed = "&".join(f"{name}={raw[name]}" for name in (carried, *_SIGNED_WITH_IT) if name in raw).encode()
    signature = _base64(raw["Signature"])
    kind, digest = method
    signer_of(trust, lambda certificate: _verifies(certificate, kind, digest, signature, signed))


def _verifies(
    certificate: Certificate, kind: str, digest: hashes.HashAlgorithm, signature: bytes, signed: bytes
) -> bool:
    key = x509.load_der_x509_certificate(base64.b64decode(certificate.der_base64)).public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind == "rsa":
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            # XML signature writes r and s one after the other (RFC 4050 §3.3).
            half = len(signature) // 2
            numbers = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, ValueError):
        # ValueError: a key too short for the digest.
        return False
    return True


def _base64(raw: str) -> bytes:
    try:
        return base64.b64decode("".join(unquote_plus(raw).split()), validate=True)
    except (binascii.Error, ValueError):
        raise ResponseRefused(Reason.MALFORMED, "A value of the query is not base64.") from None


def _inflated(deflated: bytes) -> bytes:
    """The message, of which no more is unpacked than we would read (a few bytes can deflate gigabytes)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        document = inflater.decompress(deflated, MAX_DOCUMENT_BYTES + 1)
    except zlib.error:
        raise ResponseRefused(Reason.MALFORMED, "The message is not deflated.") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ResponseRefused(Reason.TOO_LARGE, f"The message has more than {MAX_DOCUMENT_BYTES} bytes.")
    if not inflater.eof:
        raise ResponseRefused(Reason.MALFORMED, "The message is cut off.")
    return document
