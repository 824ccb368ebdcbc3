"""Counts of attempts: global, because who tries is not known yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ostiary.domain.throttle import Count, Counter


class AttemptRepository(Protocol):
    """Counts by key, each for a time."""

    async def add(self, counters: Sequence[Counter], now: datetime) -> tuple[Count, ...]:
        """Add one attempt to each; a count whose time is over begins anew. Answers the counts after it.

        The counters come in the order of their keys, in which their rows are held until the transaction ends.
        """
        ...

    async def take_back(self, counters: Sequence[Counter]) -> None:
        """Take one attempt back from each."""
        ...

    async def remember(self, key: bytes, until: datetime) -> None:
        """Keep a key that is looked for with `is_known`."""
        ...

    async def is_known(self, key: bytes, now: datetime) -> bool:
        """Whether the key is kept."""
        ...
