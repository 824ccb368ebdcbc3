"""Work that happens after a transaction, and by the clock."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

JobHandler = Callable[[bytes, int], Awaitable[None]]
"""Carries out one job, from its payload and the number of attempts that failed before.

A job is tried at least once and, when a worker dies in its middle, twice: handlers bear that. Raising `RetryLater`
puts the job back; any other exception ends it as failed.
"""


class RetryLater(Exception):
    """The job could not be done now and is tried again after the delay. The reason is kept: no secrets in it."""

    def __init__(self, delay: timedelta, reason: str) -> None:
        super().__init__(reason)
        self.delay = delay
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something done by the clock, once for all workers together.

    `cron` is minute, hour, day, month, weekday and, where wanted, second, in UTC.
    """

    name: str
    cron: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many jobs of a kind are due and untaken, and for how many seconds the oldest of them."""

    jobs: int
    late_seconds: float


class JobQueue(Protocol):
    """Where workers find what to do."""

    async def work(
        self,
        handlers: Mapping[str, JobHandler],
        schedules: Sequence[Schedule],
        stop: asyncio.Event,
        *,
        at_once: Mapping[str, int] | None = None,
    ) -> None:
        """Carry out jobs and schedules until `stop` is set; returns within two seconds of that.

        `at_once` says of which jobs only so many are carried out at a time, by all workers together.
        Jobs cut short go back to the queue. A lost connection is made again, for as long as it takes.
        """
        ...


class WaitingJobs(Protocol):
    """Tells what no worker took yet."""

    async def backlog(self) -> Mapping[str, Backlog]:
        """What waits for a worker, by the name of the job; raises TimeoutError or OSError where nobody can tell."""
        ...
