"""Work that would hold up the event loop, and no more of it than can be done soon."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from ostiary.adapters.tracing import span
from ostiary.domain.errors import DomainError, Kind
from ostiary.services.metrics import QUEUE_LENGTH, QUEUE_REFUSED

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_WAITING = 64
# Of every second, what brief work may take of the event loop; and how much of that may come at once.
_SHARE, _AT_ONCE_SECONDS = 0.5, 0.05


class BoundedThreads:
    """As many threads as asked for, and a short queue: who finds it full is sent away at once, to come again.

    A queue without an end would make everybody wait longer than they do, and hold everything they sent meanwhile.
    """

    def __init__(
        self,
        name: str,
        *,
        at_once: int | None = None,
        waiting: int = DEFAULT_WAITING,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`now` tells seconds from any beginning."""
        threads = at_once or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._name = f"{name} work"
        self._length = QUEUE_LENGTH.labels(name)
        self._refused = QUEUE_REFUSED.labels(name)
        self._now = now
        self._spare, self._spare_at = _AT_ONCE_SECONDS, now()

    def ensure_room(self) -> None:
        """Raise `too_busy` where `run` would, for those who have work to do before they come to it."""
        if not self._places.acquire(blocking=False):
            self._refused.inc()
            raise _too_busy()
        self._places.release()

    async def brief(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, for work of a millisecond or two, which reaching a thread and coming back would more than double.

        It is done at once, where it is asked for, unless much of the last moments went into such work already.
        """
        began = self._now()
        self._spare = min(_AT_ONCE_SECONDS, self._spare + (began - self._spare_at) * _SHARE)
        self._spare_at = began
        if self._spare <= 0:
            return await self.run(function, *args, **kwargs)
        try:
            with span(self._name):
                return function(*args, **kwargs)
        finally:
            self._spare -= self._now() - began

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function answers, or raises; raises `too_busy` without having called it when the queue is full."""
        if not self._places.acquire(blocking=False):
            self._refused.inc()
            raise _too_busy()
        self._length.inc()
        try:
            future = self._threads.submit(function, *args, **kwargs)
        except BaseException:
            self._leave()
            raise
        # Also of one that was cancelled: at once if it waited, else when its thread is free.
        future.add_done_callback(self._leave)
        # The wait for a thread is in it.
        with span(self._name):
            return await asyncio.wrap_future(future)

    def _leave(self, _: Future[T] | None = None) -> None:
        self._length.dec()
        self._places.release()


def _too_busy() -> DomainError:
    return DomainError(
        Kind.UNAVAILABLE,
        "too_busy",
        "There is more to do here at the moment than can be done. Nothing was changed. Wait a second, then send this "
        "again; in a browser, reload the page.",
        extra={"retry_after_seconds": 1},
    )
