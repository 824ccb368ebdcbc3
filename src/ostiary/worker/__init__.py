"""Carries out what happens after transactions and by the clock: thin, it calls services.

It runs as a process of its own (`ostiary worker`) or as a task inside the service. Any number of workers share the
work.
"""

import asyncio

import structlog

from ostiary.services.cleanup import CleanupService
from ostiary.services.jobs import SEND_MAIL
from ostiary.services.ports.jobs import JobQueue, Schedule
from ostiary.services.ports.world import Mailer
from ostiary.worker.jobs import MailJob

EVERY_TEN_MINUTES = "*/10 * * * *"
_log = structlog.get_logger(__name__)


async def run_worker(queue: JobQueue, *, mailer: Mailer, cleanup: CleanupService, stop: asyncio.Event) -> None:
    """Work until `stop` is set; returns within two seconds of that, with jobs cut short back in the queue."""

    async def clean_up() -> None:
        deleted = await cleanup.run()
        if deleted:
            _log.info("cleaned_up", **deleted)

    _log.info("worker_started")
    await queue.work({SEND_MAIL: MailJob(mailer)}, [Schedule("cleanup", EVERY_TEN_MINUTES, clean_up)], stop)
    _log.info("worker_stopped")
