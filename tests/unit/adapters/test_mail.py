"""How a message is composed, and the development mailer's files."""

import stat
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ostiary.adapters.mail import FolderMailer, SmtpMailer, compose
from ostiary.services.ports.world import Mail

NOW = datetime(2025, 3, 4, 5, 6, 7, 891011, UTC)
SENDER = Address("Ostiary", addr_spec="no-reply@ostiary.example")
FROM = "Ostiary <no-reply@ostiary.example>"


class FrozenClock:
    def now(self) -> datetime:
        return NOW


def sent(mail: Mail) -> EmailMessage:
    """The message as a mail program reads it from the wire."""
    return message_from_bytes(compose(mail, SENDER, NOW).as_bytes(), policy=policy.default)


def body(message: EmailMessage) -> str:
    """The text with the line ends it was written with."""
    return message.get_content().replace("\r\n", "\n")


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_message_has_the_headers_a_mail_server_expects() -> None:
    message = sent(Mail("ada@acme.test", "Join Acme", "Welcome.\n"))
    assert message["From"] == "Ostiary <no-reply@ostiary.example>"
    assert message["To"] == "ada@acme.test"
    assert message["Subject"] == "Join Acme"
    assert message["Date"].datetime == NOW.replace(microsecond=0)
    assert message["Message-ID"].endswith("@ostiary.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert body(message) == "Welcome.\n"


def test_subject_and_body_carry_any_language_and_long_links() -> None:
    text = f"Grüße, 你好\nhttps://x.example/{'t' * 1500}\n.\n"
    message = sent(Mail("ada@acme.test", "Willkommen bei Ünï 你好", text))
    assert message["Subject"] == "Willkommen bei Ünï 你好"
    assert body(message) == text


@pytest.mark.parametrize("separator", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00", "\t"])
def test_a_subject_cannot_add_headers(separator: str) -> None:
    message = sent(Mail("ada@acme.test", f"Join Acme{separator}Bcc: eve@evil.test{separator}{separator}Body", "x"))
    assert message["Subject"] == "Join Acme Bcc: eve@evil.test Body"
    assert message["Bcc"] is None
    assert body(message) == "x\n"


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ada",
        "@acme.test",
        "ada@",
        "ada@acme.test, eve@evil.test",
        "ada@acme.test,eve@evil.test",
        "ada@acme.test;eve@evil.test",
        "ada@acme.test\r\nBcc: eve@evil.test",
        "ada@acme.test\n",
        "Ada <ada@acme.test>",
        '"a@b"@acme.test',
        "ada\x85bcc@acme.test",
        "ada\u2028@acme.test",
        "ada@@acme.test",
        "ada@acme.test (comment)",
        "group:ada@acme.test;",
    ],
)
def test_a_recipient_that_is_not_exactly_one_address_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="not one e-mail address"):
        compose(Mail(recipient, "x", "x"), SENDER, NOW)


async def test_development_mail_is_a_readable_file_that_only_we_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "mail"
    link = f"https://x.example/{'t' * 300}"
    with capture_logs() as logs:
        await FolderMailer(str(folder), sender=FROM, clock=FrozenClock()).send(
            Mail("Ada+1@acme.test", "Grüße", f"Größe: {link}\n")
        )
    (file,) = folder.iterdir()
    assert file.name.startswith("20250304T050607.891011Z-ada+1@acme.test-")
    assert file.suffix == ".eml"
    text = file.read_text("utf-8")
    assert "Subject: Grüße\n" in text
    assert f"Größe: {link}\n" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert logs == [
        {
            "event": "mail_written",
            "log_level": "info",
            "to": "Ada+1@acme.test",
            "subject": "Grüße",
            "read": str(file),
        }
    ]
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["To"] == "Ada+1@acme.test"


async def test_two_mails_of_one_moment_are_two_files(tmp_path: Path) -> None:
    mailer = FolderMailer(str(tmp_path), sender=FROM, clock=FrozenClock())
    for text in ("one", "two"):
        await mailer.send(Mail("ada@acme.test", "x", text))
    assert sorted(name.rsplit("-", 1)[0] for name in names(tmp_path)) == [
        "20250304T050607.891011Z-ada@acme.test",
        "20250304T050607.891011Z-ada@acme.test",
    ]


async def test_a_recipient_cannot_choose_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    await FolderMailer(str(folder), sender=FROM, clock=FrozenClock()).send(Mail("../../x/y@acme.test", "x", "x"))
    assert names(tmp_path) == ["mail"]
    assert "-.._.._x_y@acme.test-" in names(folder)[0]


@pytest.mark.parametrize("url", ["", "mail.example", "http://mail.example", "smtp://", "smtp://mail.example/path"])
def test_a_url_that_is_not_smtp_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match="OSTIARY_SMTP_URL: write smtp://host:port"):
        SmtpMailer(url, sender=FROM, clock=FrozenClock())


@pytest.mark.parametrize("sender", ["", "Ostiary", "Ostiary <no-reply>", "a@b.example, c@d.example"])
def test_a_sender_that_is_no_address_is_refused_with_an_example(sender: str) -> None:
    with pytest.raises(ValueError, match="OSTIARY_MAIL_FROM"):
        SmtpMailer("smtp://mail.example", sender=sender, clock=FrozenClock())
