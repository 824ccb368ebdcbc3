import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from ostiary.adapters.redaction import REDACTED, redacted, redacted_text
from ostiary.adapters.system import SystemIds
from ostiary.services import secrets

OURS = [
    secrets.SESSION,
    secrets.EMAIL_TOKEN,
    secrets.INVITATION,
    secrets.CODE,
    secrets.RELAY_STATE,
    secrets.BROWSER,
    secrets.SCIM,
    secrets.CREDENTIAL,
]
BASE64_SAML = base64.b64encode(b'<samlp:Response ID="_1">' + b"x" * 200).decode()


@pytest.mark.parametrize("prefix", OURS)
@pytest.mark.parametrize("around", ["{}", "x {} y", "'{}'", "a={}&b=1", "https://x.example/{}/y", "Bearer {}", "{}."])
def test_every_kind_of_secret_of_ours_is_recognised_anywhere(prefix: str, around: str) -> None:
    secret = SystemIds().secret(prefix)
    assert secret.removeprefix(prefix)[:8] not in redacted_text(around.format(secret))


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-s3cr3t",
        "authorization: Basic czNjcjN0LXMzY3IzdA==",
        "{'Authorization': 'Bearer s3cr3t-s3cr3t', 'accept': '*/*'}",
        "got Bearer s3cr3t-s3cr3t",
        "Cookie: __Host-ostiary=s3cr3t; theme=dark",
        "Set-Cookie: ostiary=s3cr3t; Path=/",
        '{"password": "s3cr3t s3cr3t", "email": "ada@acme.test"}',
        "{'new_password': 's3cr3t'}",
        "password=s3cr3t&email=x",
        "operator_token=s3cr3t",
        "POST /acs?SAMLResponse=s3cr3t&RelayState=s3cr3t",
        "GET /sso?code_verifier=s3cr3t",
        "postgresql+asyncpg://ostiary:s3cr3t@db.example/ostiary",
        "smtps://user:s3cr3t@mail.example:465",
        "hash $argon2id$v=19$m=8,t=1,p=1$s3cr3t$s3cr3t",
        "<saml:Assertion><saml:NameID>s3cr3t</saml:NameID>",
        '<?xml version="1.0"?>\n<samlp:Response>s3cr3t',
    ],
)
def test_secrets_of_others_are_recognised(text: str) -> None:
    clean = redacted_text(text)
    assert "s3cr3t" not in clean
    assert "czNjcjN0" not in clean
    assert REDACTED in clean


def test_a_saml_message_in_base64_is_recognised() -> None:
    assert redacted_text(f"got {BASE64_SAML} there") == f"got {REDACTED} there"


def test_a_private_key_is_recognised() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert redacted_text(f"key: {pem.decode()} end") == f"key: {REDACTED}\n end"
    assert redacted_text(pem.decode()[:100]) == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "org_01h455vb4pex5vsknk084sn02q was created by usr_01h455vb4pex5vsknk084sn02q",
        "GET /v1/organizations/acme/members?limit=50 200",
        "http://127.0.0.1:8000/docs",
        "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
        "ada@acme.test signed in",
        "The response's assertion is signed.",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redacted_text(text) == text


def test_values_under_secret_names_go_whatever_they_are_and_wherever_they_lie() -> None:
    event = {
        "event": "x",
        "Set-Cookie": ["a=b"],
        "request": {"password": 12345678, "SAMLResponse": b"x", "relay_state": "abc", "headers": ({"X-Api-Key": "k"},)},
        "token": None,
    }
    assert redacted(event) == {
        "event": "x",
        "Set-Cookie": REDACTED,
        "request": {
            "password": REDACTED,
            "SAMLResponse": REDACTED,
            "relay_state": REDACTED,
            "headers": [{"X-Api-Key": "k"}],
        },
        "token": None,
    }


def test_objects_are_written_as_redacted_text() -> None:
    class Leaky:
        def __repr__(self) -> str:
            return "Leaky(password='s3cr3t')"

    assert redacted(Leaky()) == f"Leaky(password={REDACTED})"
    assert redacted(SecretStr("s3cr3t")) == "SecretStr('**********')"
    assert (
        redacted(datetime(2025, 3, 4, tzinfo=UTC))
        == "datetime.datetime(2025, 3, 4, 0, 0, tzinfo=datetime.timezone.utc)"
    )


def test_bytes_are_counted_and_endless_text_is_cut() -> None:
    assert redacted(b"secret") == "[6 bytes]"
    text = redacted_text("word " * 10_000)
    assert len(text) < 5_000
    assert text.endswith("more characters)")
