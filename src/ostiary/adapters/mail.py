"""Delivering mail: by SMTP, or in development into a folder where people can read it."""

import asyncio
import os
import re
import ssl
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from ostiary.services.ports.world import Clock, Mail

_SECONDS = 30.0
# Neither white space, control characters nor specials (RFC 5322 §3.2.3): nothing that could end the address.
_PART = r"""[^\s\x00-\x1f\x7f-\x9f()<>\[\]:;@\\,"]+"""
_ADDRESS = re.compile(rf"(?P<local>{_PART})@(?P<domain>{_PART})")
# 8bit keeps links and umlauts readable in any editor.
_READABLE = policy.default.clone(max_line_length=0, utf8=True, cte_type="8bit")
_log = structlog.get_logger(__name__)


class SmtpMailer:
    """Hands mail to the server at `url`.

    `smtps://` speaks TLS from the start. `smtp://` upgrades by STARTTLS when the server offers it; with a user name in
    the URL it insists, so that a password never crosses the network in the clear. User name and password are
    percent-encoded. Raises ValueError for a URL or sender it cannot read.
    """

    def __init__(self, url: str, *, sender: str, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/"):
            raise ValueError("OSTIARY_SMTP_URL: write smtp://host:port or smtps://user:password@host:port.")
        self._host = parts.hostname
        self._port = parts.port
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls_from_start = parts.scheme == "smtps"
        self._tls = tls
        self._sender = _sender(sender)
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Hand one message over; returns when the server has taken it.

        Raises `aiosmtplib.SMTPException`, OSError or TimeoutError when it did not; ValueError for a recipient that is
        no address.
        """
        starttls = None if self._username is None else True
        async with asyncio.timeout(_SECONDS):
            await aiosmtplib.send(
                compose(mail, self._sender, self._clock.now()),
                sender=self._sender.addr_spec,
                recipients=[mail.to],
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._tls_from_start,
                start_tls=False if self._tls_from_start else starttls,
                tls_context=self._tls,
                timeout=_SECONDS,
            )


class FolderMailer:
    """Development: writes each message to a file of its own in a folder only we can read, and says so in the log."""

    def __init__(self, folder: str, *, sender: str, clock: Clock) -> None:
        self._folder = Path(folder)
        self._sender = _sender(sender)
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Write one message; file names sort by the time of writing. Raises OSError when it cannot be written."""
        now = self._clock.now()
        message = compose(mail, self._sender, now, encoding="8bit")
        recipient = re.sub(r"[^a-z0-9.@+-]", "_", mail.to.lower())[:80]
        path = self._folder / f"{now:%Y%m%dT%H%M%S.%fZ}-{recipient}-{os.urandom(2).hex()}.eml"
        await asyncio.to_thread(_write, path, message.as_bytes(policy=_READABLE))
        _log.info("mail_written", to=mail.to, subject=str(message["Subject"]), read=str(path))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Renamed when complete: whoever watches the folder sees whole files only.
    temporary = path.with_suffix(".part")
    temporary.touch(mode=0o600, exist_ok=False)
    temporary.write_bytes(content)
    temporary.rename(path)


def compose(mail: Mail, sender: Address, now: datetime, *, encoding: str | None = None) -> EmailMessage:
    """The message with its headers (RFC 5322): one recipient, plain text, the body in the given transfer encoding.

    Line breaks and other control characters in the subject become spaces, and a recipient that is not exactly one
    address raises ValueError: nobody adds headers or recipients by what they call themselves.
    """
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = sender
    message["To"] = _recipient(mail.to)
    message["Subject"] = " ".join("".join(c if c.isprintable() else " " for c in mail.subject).split())
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.domain)
    # Keeps out-of-office answers away (RFC 3834 §5).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte=encoding)
    return message


def _recipient(text: str) -> Address:
    parts = _ADDRESS.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is not one e-mail address.")
    return Address(username=parts["local"], domain=parts["domain"])


def _sender(text: str) -> Address:
    found = getaddresses([text])
    parts = _ADDRESS.fullmatch(found[0][1]) if len(found) == 1 else None
    if parts is None:
        raise ValueError(f"OSTIARY_MAIL_FROM: {text!r} is not an address such as Ostiary <no-reply@company.com>.")
    return Address(found[0][0], parts["local"], parts["domain"])
