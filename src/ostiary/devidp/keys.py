"""The identity provider's signing key and certificate: made once, then kept, as service providers remember them."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The private key (PKCS#8 PEM) and its self-signed certificate (PEM)."""

    key: Path
    certificate: Path


def load_or_create(folder: Path, now: datetime | None = None) -> KeyFiles:
    """The key pair of the folder; made first where there is none. Both files are readable by their owner only."""
    files = KeyFiles(folder / "idp-signing.key", folder / "idp-signing.crt")
    if not (files.key.exists() and files.certificate.exists()):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key, certificate = _new_pair(now or datetime.now(UTC))
        _write_private(files.key, key)
        # The certificate comes second: whoever finds it finds its key too.
        _write_private(files.certificate, certificate)
    return files


def _new_pair(now: datetime) -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ostiary development identity provider")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def _write_private(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
