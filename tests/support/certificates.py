"""Keys and self-signed certificates for the parties tests make up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key (PKCS#8 PEM) and its certificate (PEM)."""

    key: bytes
    certificate: bytes

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Both as files: `stem.key` and `stem.crt`."""
        key, certificate = folder / f"{stem}.key", folder / f"{stem}.crt"
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        certificate.write_bytes(self.certificate)
        return key, certificate


def key_pair(common_name: str) -> KeyPair:
    """A new RSA-2048 pair, valid for a day either way."""
    now = datetime.now(UTC)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(private, certificate.public_bytes(pem))
