"""A mail's whole way: from a transaction through the queue and a worker to a real SMTP server."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.db.engine import make_engine
from ostiary.adapters.db.job_queue import PgJobQueue
from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.adapters.dns import DnsResolver
from ostiary.adapters.fetcher import HttpMetadataFetcher
from ostiary.adapters.guarded_http import GuardedHttp
from ostiary.adapters.mail import SmtpMailer
from ostiary.adapters.saml.metadata import SamlMetadataReader
from ostiary.adapters.sealing import AesGcmSealer
from ostiary.adapters.system import SystemClock, SystemIds
from ostiary.adapters.webhook_sender import HttpWebhookSender
from ostiary.services.cleanup import CleanupService
from ostiary.services.connection_checks import ConnectionCheckService
from ostiary.services.connection_sources import IdpDescriber
from ostiary.services.context import Kit, Urls
from ostiary.services.directory_token_warnings import DirectoryTokenWarningService
from ostiary.services.domain_checks import DomainCheckService
from ostiary.services.ports.world import Mail
from ostiary.services.webhook_delivery import WebhookDeliveryService
from ostiary.worker import run_worker
from ostiary.worker.jobs import TokenJob
from tests.support.house import open_house

SEALER = AesGcmSealer("a secret key of more than 32 characters")


class Inbox:
    """Takes the second of two deliveries, as a server that greylists does."""

    def __init__(self) -> None:
        self.recipients: list[list[str]] = []
        self.taken = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.recipients.append(envelope.rcpt_tos)
        if len(self.recipients) == 1:
            return "451 come back later"
        self._loop.call_soon_threadsafe(self.taken.set)
        return "250 OK"


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    engine = make_engine(database_url, pool_size=5)
    yield engine
    await engine.dispose()


@pytest.fixture
async def tokens(database_url: str) -> AsyncGenerator[TokenJob]:
    async with open_house(database_url) as house:
        yield TokenJob(house.services.passwords, house.services.recovery)


async def test_mail_of_a_committed_transaction_arrives_though_the_server_refused_it_first(
    engine: AsyncEngine, tokens: TokenJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.worker.jobs.MAIL_RETRIES", (timedelta(0),))
    monkeypatch.setattr("ostiary.adapters.db.job_queue._LOOK_EVERY", timedelta(seconds=0.1))
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    kit = Kit(lambda: SqlUnitOfWork(engine, SEALER), SystemClock(), SystemIds(), Urls("http://ostiary.test"))
    mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", sender="no-reply@ostiary.test", clock=kit.clock)
    stop = asyncio.Event()
    worker = asyncio.create_task(
        run_worker(
            PgJobQueue(engine, SEALER),
            mailer=mailer,
            cleanup=CleanupService(kit),
            domain_checks=DomainCheckService(kit, DnsResolver("127.0.0.1:9")),
            connection_checks=ConnectionCheckService(
                kit, IdpDescriber(SamlMetadataReader(BoundedThreads("saml")), HttpMetadataFetcher(allow_loopback=True))
            ),
            token_warnings=DirectoryTokenWarningService(kit),
            deliveries=WebhookDeliveryService(kit, SEALER, HttpWebhookSender(GuardedHttp())),
            tokens=tokens,
            stop=stop,
        )
    )
    try:
        async with kit.uow() as uow:
            await uow.outbox.mail(Mail("ada@acme.test", "Join Acme", "x\n"))
            await uow.commit()
        async with kit.uow() as uow:
            await uow.outbox.mail(Mail("never@acme.test", "Join Acme", "x\n"))
        await asyncio.wait_for(inbox.taken.wait(), 10)
        start = time.monotonic()
        stop.set()
        await worker
        assert time.monotonic() - start < 2
    finally:
        stop.set()
        await worker
        controller.stop()
    assert inbox.recipients == [["ada@acme.test"], ["ada@acme.test"]]
