"""X.509 certificates as identity providers publish them: reading them, and telling which keys are strong enough."""

import base64
import binascii
import hashlib
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ostiary.domain.connection import Certificate
from ostiary.domain.errors import DomainError, invalid

MIN_RSA_BITS = 2048
MIN_CURVE_BITS = 256
MAX_TEXT_CHARACTERS = 64 * 1024

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def fingerprint_of(der: bytes) -> str:
    """The SHA-256 of a certificate, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def weakness_of(der: bytes) -> str | None:
    """Why a signature made with the certificate's key is not to be trusted; None when it is strong enough.

    Strong enough are RSA from 2048 bits and elliptic curves from 256. Raises ValueError for what is no certificate.
    """
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except UnsupportedAlgorithm:
        return "its key is of an unknown kind"
    match key:
        case rsa.RSAPublicKey() if key.key_size < MIN_RSA_BITS:
            return f"its RSA key has {key.key_size} bits, fewer than {MIN_RSA_BITS}"
        case ec.EllipticCurvePublicKey() if key.key_size < MIN_CURVE_BITS:
            return f"its elliptic curve has {key.key_size} bits, fewer than {MIN_CURVE_BITS}"
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            return None
        case _:
            return "its key is neither RSA nor of an elliptic curve"


def read_certificate(text: str) -> Certificate:
    """A certificate from PEM, PEM without its headers, or a line of base64.

    Raises `certificate_validation_failed` for anything else and for a key too weak. An expired certificate is read:
    the connection says of itself that it is not ready, and a trace can name it.
    """
    der = _decode(text)
    try:
        certificate = x509.load_der_x509_certificate(der)
        weakness = weakness_of(der)
    except ValueError:
        raise _failed("This is not an X.509 certificate. Copy the identity provider's signing certificate.") from None
    if weakness is not None:
        raise _failed(f"This certificate cannot be trusted: {weakness}. Let the identity provider make a new one.")
    return Certificate(
        fingerprint_sha256=fingerprint_of(der),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        der_base64=base64.b64encode(der).decode("ascii"),
    )


def _decode(text: str) -> bytes:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise _failed(f"This text is longer than {MAX_TEXT_CHARACTERS} characters. Paste one certificate alone.")
    blocks = _PEM_BLOCK.findall(text)
    if any("PRIVATE KEY" in kind for kind, _ in blocks):
        raise _failed("This contains a private key. It is not stored here; make a new one, and paste the certificate.")
    if len(blocks) > 1:
        raise _failed(f"This contains {len(blocks)} PEM blocks. Paste each signing certificate on its own.")
    if blocks and blocks[0][0] != "CERTIFICATE":
        raise _failed(f"This is a {blocks[0][0].lower()}, not a certificate. Paste the block that begins CERTIFICATE.")
    body = blocks[0][1] if blocks else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _failed("This is not base64. Paste the certificate as PEM, or its base64 in one line.") from None


def _failed(detail: str) -> DomainError:
    return invalid("certificate_validation_failed", detail)
