"""Certificates as people paste them."""

import textwrap
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.metadata import SamlMetadataReader
from ostiary.domain.errors import DomainError, Kind
from tests.support.saml_factory import NOW, idp, party

read_certificate = SamlMetadataReader(BoundedThreads("saml")).read_certificate
PEM = idp().certificate_pem
BASE64 = idp().certificate.der_base64


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        f"Bag Attributes\n  friendlyName: idp\n{PEM}\n",
        BASE64,
        f"  {BASE64}\n",
        "\n".join(textwrap.wrap(BASE64, 64)),
    ],
    ids=["pem", "windows", "with text", "one line", "with space", "lines"],
)
def test_a_certificate_is_read_however_it_was_copied(text: str) -> None:
    assert read_certificate(text) == idp().certificate


def test_an_expired_certificate_is_read() -> None:
    expired = party("expired", valid=(timedelta(days=-60), timedelta(days=-30)))
    assert read_certificate(expired.certificate_pem) == expired.certificate


def test_an_elliptic_curve_certificate_is_read() -> None:
    assert read_certificate(party("ec", kind="p256").certificate_pem) == party("ec", kind="p256").certificate


def signed_by(key: dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    certificate = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not an X.509 certificate"),
        ("certificate!", "not base64"),
        ("AAAA", "not an X.509 certificate"),
        (BASE64[:-8], "not an X.509 certificate"),
        (PEM + party("other").certificate_pem, "2 PEM blocks"),
        (idp().key_pem.decode(), "private key"),
        (PEM + idp().key_pem.decode(), "private key"),
        (PEM.replace("CERTIFICATE", "PUBLIC KEY"), "public key"),
        (party("weak", kind="rsa1024").certificate_pem, "1024 bits"),
        (signed_by(ed25519.Ed25519PrivateKey.generate()), "neither RSA nor"),
        (signed_by(ec.generate_private_key(ec.SECP192R1())), "192 bits"),
        ("A" * 70_000, "longer than"),
    ],
)
def test_what_is_not_one_strong_certificate_is_refused_saying_why(text: str, says: str) -> None:
    with pytest.raises(DomainError) as caught:
        read_certificate(text)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "certificate_validation_failed")
    assert says in caught.value.detail
