"""Turns of the directories that ask one process at the same time, so that none takes what all of them need.

A directory that is filled for the first time sends as much as it may. Its requests would stand in front of everybody
else's, on the event loop and at the database, however many of them come at once: so many are worked on as are its
share, and the rest wait in line behind one another, and behind nobody else.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ostiary.domain.errors import DomainError, Kind
from ostiary.services.metrics import QUEUE_LENGTH, QUEUE_REFUSED

# How long a directory that asked counts as one that may ask again.
RECENT_SECONDS = 1.0
MOST_WAITING = 64


@dataclass(slots=True)
class _Line:
    """Of one directory: how many of its requests are worked on, and those that wait."""

    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque[asyncio.Future[None]])


class Turns:
    """Shares what one process can do at once among the directories that asked lately.

    A directory alone has all of it. It is for one event loop.
    """

    def __init__(self, at_once: int, *, waiting: int = MOST_WAITING, now: Callable[[], float] = time.monotonic) -> None:
        """`at_once` is what all of them share; `now` tells seconds from any beginning."""
        self._at_once = at_once
        self._most_waiting = waiting
        self._now = now
        self._lines: dict[str, _Line] = {}
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._length = QUEUE_LENGTH.labels("directory")
        self._refused = QUEUE_REFUSED.labels("directory")

    async def enter(self, directory: str) -> "Turn":
        """Wait for a turn of the directory's, which its holder ends; raises `too_many_requests` if its line is full."""
        self._asked[directory] = self._now()
        self._asked.move_to_end(directory)
        line = self._lines.get(directory)
        if line is None:
            line = self._lines[directory] = _Line()
        if not line.waiting and line.running < self._share():
            line.running += 1
        else:
            await self._wait(directory, line)
        return Turn(self, directory)

    def leave(self, directory: str) -> None:
        """Give a turn back, for `Turn.end`."""
        line = self._lines[directory]
        line.running -= 1
        self._let_in(line)
        if not line.running:
            del self._lines[directory]

    async def _wait(self, directory: str, line: _Line) -> None:
        if len(line.waiting) >= self._most_waiting:
            self._refused.inc()
            raise _too_many_requests()
        turn = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        self._length.inc()
        # Those before it too, if their share has grown since they came.
        self._let_in(line)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in line.waiting:
                line.waiting.remove(turn)
            elif not turn.cancelled():
                # It was let in, and has gone: the next one's turn.
                self.leave(directory)
            raise
        finally:
            self._length.dec()

    def _let_in(self, line: _Line) -> None:
        """Let in as many as the share of now leaves room for: it grows when others have gone."""
        share = self._share()
        while line.waiting and line.running < share:
            turn = line.waiting.popleft()
            if not turn.cancelled():
                line.running += 1
                turn.set_result(None)

    def _share(self) -> int:
        """How many requests of one directory are worked on at once, where all that asked lately have as many."""
        while self._asked and self._now() - next(iter(self._asked.values())) > RECENT_SECONDS:
            self._asked.popitem(last=False)
        return max(1, self._at_once // max(1, len(self._asked)))


class Turn:
    """One request's turn, which is over when its answer is known."""

    __slots__ = ("_directory", "_turns")

    def __init__(self, turns: Turns, directory: str) -> None:
        self._turns: Turns | None = turns
        self._directory = directory

    def end(self) -> None:
        """Let the next one in; a second time it does nothing."""
        if self._turns is not None:
            self._turns.leave(self._directory)
            self._turns = None


def _too_many_requests() -> DomainError:
    return DomainError(
        Kind.THROTTLED,
        "too_many_requests",
        "Too many requests of this directory wait already. Nothing was changed. Wait a second (Retry-After), then send "
        "this again, and fewer of them at the same time.",
        extra={"retry_after_seconds": 1},
    )
