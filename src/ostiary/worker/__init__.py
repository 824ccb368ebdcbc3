"""Carries out what happens after transactions and by the clock: thin, it calls services.

It runs as a process of its own (`ostiary worker`) or as a task inside the service. Any number of workers share the
work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ostiary.services.cleanup import CleanupService
from ostiary.services.connection_checks import ConnectionCheckService
from ostiary.services.directory_token_warnings import DirectoryTokenWarningService
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
    token_warnings: DirectoryTokenWarningService,
    deliveries: WebhookDeliveryService,
    stop: asyncio.Event,
) -> None:
    """Work until `stop` is set; returns within two seconds of that, with jobs cut short back in the queue."""

    async def wake_webhooks() -> None:
        await deliveries.wake_waiting()

    handlers: dict[str, JobHandler] = {
        SEND_MAIL: MailJob(mailer),
        SEND_TOKEN: tokens,
        DELIVER_WEBHOOK: WebhookJob(deliveries),
    }
    by_the_clock: Mapping[str, tuple[str, Callable[[], Awaitable[int | Mapping[str, int]]]]] = {
        "cleanup": ("cleaned_up", cleanup.run),
        "domain_checks": ("domains_checked", domain_checks.run),
        "refresh_metadata": ("metadata_refreshed", connection_checks.refresh_metadata),
        "warn_of_expiry": ("certificates_expiring", connection_checks.warn_of_expiry),
        "warn_of_directory_tokens": ("directory_tokens_expiring", token_warnings.run),
    }
    schedules = [
        *(Schedule(name, EVERY_TEN_MINUTES, _logged(event, run)) for name, (event, run) in by_the_clock.items()),
        Schedule("wake_webhooks", EVERY_TEN_SECONDS, wake_webhooks),
    ]
    _log.info("worker_started")
    await queue.work(handlers, schedules, stop, at_once={DELIVER_WEBHOOK: WEBHOOKS_AT_ONCE})
    _log.info("worker_stopped")


def _logged(event: str, run: Callable[[], Awaitable[int | Mapping[str, int]]]) -> Callable[[], Awaitable[None]]:
    """What runs by the clock, telling the log how much it did, if it did anything."""

    async def logged() -> None:
        done = await run()
        if done:
            _log.info(event, **(done if isinstance(done, Mapping) else {"count": done}))

    return logged
