"""Counts of attempts: global, because who tries is not known yet."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import any_, bindparam, case, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.tables import attempt_counts
from ostiary.domain.throttle import Count, Counter

_HELD = (
    select(attempt_counts.c.key)
    .where(
        attempt_counts.c.key == any_(bindparam("keys", type_=ARRAY(attempt_counts.c.key.type))),
        attempt_counts.c.tried > 0,
    )
    .order_by(attempt_counts.c.key)
    .with_for_update()
)
_TAKE_BACK = Prepared(
    update(attempt_counts).where(attempt_counts.c.key.in_(_HELD)).values(tried=attempt_counts.c.tried - 1)
)


class Attempts(Repository):
    """One row a key; an attempt is one statement for all of its keys."""

    async def add(self, counters: Sequence[Counter], now: datetime) -> tuple[Count, ...]:
        """Add one attempt to each; a count whose time is over begins anew. Answers the counts after it."""
        if not counters:
            return ()
        statement = insert(attempt_counts).values(
            [
                {"key": counter.key, "tried": 1, "expires_at": now + counter.limit.within}
                for counter in sorted(counters, key=lambda counter: counter.key)
            ]
        )
        counts = attempt_counts.c
        living = counts.expires_at > now
        rows = await self._execute(
            statement.on_conflict_do_update(
                index_elements=[counts.key],
                set_={
                    "tried": case((living, counts.tried + 1), else_=1),
                    "expires_at": case((living, counts.expires_at), else_=statement.excluded.expires_at),
                },
            ).returning(counts.key, counts.tried, counts.expires_at)
        )
        return tuple(Count(row.key, row.tried, row.expires_at) for row in rows)

    async def take_back(self, counters: Sequence[Counter]) -> None:
        """Take one attempt back from each."""
        await self._defer(_TAKE_BACK, {"keys": [counter.key for counter in counters]})

    async def remember(self, key: bytes, until: datetime) -> None:
        """Keep a key that is looked for with `is_known`."""
        statement = insert(attempt_counts).values(key=key, tried=1, expires_at=until)
        await self._execute(
            statement.on_conflict_do_update(index_elements=[attempt_counts.c.key], set_={"expires_at": until})
        )

    async def is_known(self, key: bytes, now: datetime) -> bool:
        """Whether the key is kept."""
        statement = select(attempt_counts.c.key).where(attempt_counts.c.key == key, attempt_counts.c.expires_at > now)
        return await self._first(statement) is not None
