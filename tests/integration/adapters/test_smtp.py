"""Against a real SMTP server on loopback."""

import asyncio
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ostiary.adapters.mail import SmtpMailer
from ostiary.adapters.system import SystemClock
from ostiary.services.ports.world import Mail
from tests.support.tls import server_and_client_tls

MAIL = Mail("ada@acme.test", "Join Acme", "Grüße\n.\n..\nost_inv_secret\n")
FROM = "Ostiary <no-reply@ostiary.example>"


class Inbox:
    """Takes mail, and remembers how it came."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.logins: list[LoginPassword] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return self.answer

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins.append(data)
        return AuthResult(success=data == LoginPassword(b"us:er", b"p@ss/word"))


class Smtps(Controller):
    """A controller whose start-up probe speaks TLS."""

    def _trigger_server(self) -> None:
        with socket.create_connection((self.hostname, self.port), timeout=5):
            pass


@contextmanager
def smtp_server(inbox: Inbox, *, kind: type[Controller] = Controller, **options: Any) -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = kind(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return server_and_client_tls("localhost")


def mailer(url: str, tls: ssl.SSLContext | None = None) -> SmtpMailer:
    return SmtpMailer(url, sender=FROM, clock=SystemClock(), tls=tls)


async def test_mail_arrives_whole_at_a_plain_server() -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)
    (envelope,) = inbox.envelopes
    assert envelope.mail_from == "no-reply@ostiary.example"
    assert envelope.rcpt_tos == ["ada@acme.test"]
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert message["Subject"] == "Join Acme"
    assert message.get_content().replace("\r\n", "\n") == MAIL.text


async def test_an_address_in_another_script_goes_to_a_server_that_knows_smtputf8() -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        await mailer(f"smtp://127.0.0.1:{port}").send(Mail("jürgen@acme.test", "Grüße", "x\n"))
    (envelope,) = inbox.envelopes
    assert envelope.rcpt_tos == ["jürgen@acme.test"]
    assert isinstance(envelope.content, bytes)
    assert "To: jürgen@acme.test\r\n".encode() in envelope.content


async def test_an_address_in_another_script_is_refused_where_the_server_does_not() -> None:
    inbox = Inbox()
    with smtp_server(inbox, enable_SMTPUTF8=False) as port, pytest.raises(aiosmtplib.SMTPNotSupported):
        await mailer(f"smtp://127.0.0.1:{port}").send(Mail("jürgen@acme.test", "Grüße", "x\n"))
    assert inbox.envelopes == []


async def test_starttls_is_used_when_offered(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    inbox = Inbox()
    with smtp_server(inbox, tls_context=tls[0]) as port:
        await mailer(f"smtp://localhost:{port}", tls[1]).send(MAIL)
    assert inbox.encrypted == [True]


async def test_an_unknown_certificate_stops_the_mail(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    inbox = Inbox()
    with smtp_server(inbox, tls_context=tls[0]) as port, pytest.raises((ssl.SSLError, aiosmtplib.SMTPException)):
        await mailer(f"smtp://localhost:{port}").send(MAIL)
    assert inbox.envelopes == []


async def test_smtps_speaks_tls_from_the_start(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    inbox = Inbox()
    with smtp_server(inbox, kind=Smtps, ssl_context=tls[0]) as port:
        await mailer(f"smtps://localhost:{port}", tls[1]).send(MAIL)
    assert len(inbox.envelopes) == 1


async def test_the_url_carries_user_name_and_password(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    inbox = Inbox()
    with smtp_server(inbox, tls_context=tls[0], authenticator=inbox.authenticate, auth_required=True) as port:
        await mailer(f"smtp://us%3Aer:p%40ss%2Fword@localhost:{port}", tls[1]).send(MAIL)
    assert inbox.logins == [LoginPassword(b"us:er", b"p@ss/word")]
    assert inbox.encrypted == [True]


async def test_a_password_is_never_sent_without_tls() -> None:
    inbox = Inbox()
    with (
        smtp_server(inbox, authenticator=inbox.authenticate, auth_require_tls=False) as port,
        pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"),
    ):
        await mailer(f"smtp://user:password@127.0.0.1:{port}").send(MAIL)
    assert inbox.logins == []
    assert inbox.envelopes == []


@pytest.mark.parametrize("answer", ["451 try later", "550 no"])
async def test_a_message_that_was_not_taken_raises(answer: str) -> None:
    inbox = Inbox(answer)
    with smtp_server(inbox) as port, pytest.raises(aiosmtplib.SMTPDataError):
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)


async def test_a_server_that_is_not_there_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.adapters.mail._SECONDS", 0.2)
    finished = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await finished.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TimeoutError):
            await mailer(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}").send(MAIL)
        finished.set()
