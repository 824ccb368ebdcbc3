"""Carries out what happens after transactions and by the clock: thin, it calls services.

It runs as a process of its own (`ostiary worker`) or as a task inside the service. Any number of workers share the
work.
"""

import asyncio

import structlog

from ostiary.services.cleanup import CleanupService
from ostiary.services.connection_checks import ConnectionCheckService
from ostiary.services.domain_checks import DomainCheckService
from ostiary.services.jobs import DELIVER_WEBHOOK, SEND_MAIL, SEND_TOKEN
from ostiary.services.ports.jobs import JobHandler, JobQueue, Schedule
from ostiary.services.ports.world import Mailer
from ostiary.services.webhook_delivery import WebhookDeliveryService
from ostiary.worker.jobs import MailJob, TokenJob, WebhookJob

EVERY_TEN_MINUTES = "*/10 * * * *"
EVERY_TEN_SECONDS = "* * * * * */10"
# Fewer than a worker has hands, so that receivers which let us wait never hold up mail.
WEBHOOKS_AT_ONCE = 12
_log = structlog.get_logger(__name__)


async def run_worker(
    queue: JobQueue,
    *,
    mailer: Mailer,
    tokens: TokenJob,
    cleanup: CleanupService,
    domain_checks: DomainCheckService,
    connection_checks: ConnectionCheckService,
    deliveries: WebhookDeliveryService,
    stop: asyncio.Event,
) -> None:
    """Work until `stop` is set; returns within two seconds of that, with jobs cut short back in the queue."""

    async def clean_up() -> None:
        deleted = await cleanup.run()
        if deleted:
            _log.info("cleaned_up", **deleted)

    async def check_domains() -> None:
        checked = await domain_checks.run()
        if checked:
            _log.info("domains_checked", **checked)

    async def refresh_metadata() -> None:
        counts = await connection_checks.refresh_metadata()
        if counts:
            _log.info("metadata_refreshed", **counts)

    async def warn_of_expiry() -> None:
        told = await connection_checks.warn_of_expiry()
        if told:
            _log.info("certificates_expiring", connections=told)

    async def wake_webhooks() -> None:
        await deliveries.wake_waiting()

    handlers: dict[str, JobHandler] = {
        SEND_MAIL: MailJob(mailer),
        SEND_TOKEN: tokens,
        DELIVER_WEBHOOK: WebhookJob(deliveries),
    }
    schedules = [
        Schedule("cleanup", EVERY_TEN_MINUTES, clean_up),
        Schedule("domain_checks", EVERY_TEN_MINUTES, check_domains),
        Schedule("refresh_metadata", EVERY_TEN_MINUTES, refresh_metadata),
        Schedule("warn_of_expiry", EVERY_TEN_MINUTES, warn_of_expiry),
        Schedule("wake_webhooks", EVERY_TEN_SECONDS, wake_webhooks),
    ]
    _log.info("worker_started")
    await queue.work(handlers, schedules, stop, at_once={DELIVER_WEBHOOK: WEBHOOKS_AT_ONCE})
    _log.info("worker_stopped")
