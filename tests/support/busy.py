"""Queues that are full."""

import asyncio
import math
import threading
from contextlib import suppress

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.domain.errors import DomainError


class Busy:
    """Every thread and every place in a queue taken, and no time for brief work, for as long as the block lasts."""

    def __init__(self, threads: BoundedThreads) -> None:
        self._threads = threads
        self._go = threading.Event()
        self._held: list[asyncio.Task[bool]] = []

    async def __aenter__(self) -> None:
        self._threads._spare = -math.inf
        with suppress(DomainError):
            while True:
                self._threads.ensure_room()
                self._held.append(asyncio.create_task(self._threads.run(self._go.wait, 10)))
                await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        self._threads._spare = 0
        self._go.set()
        await asyncio.gather(*self._held)
