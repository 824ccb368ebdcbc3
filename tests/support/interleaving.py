"""Two acts of the real services at the same moment, one held in the middle while the other comes by (R63)."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.transaction import Transaction
from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.domain.errors import DomainError
from tests.support.house import House

DONE = "done"


@dataclass(slots=True)
class Hold:
    """Stops whoever carries it before one of their statements: the one numbered, or before their first commit."""

    before: int | None
    passed: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_by(self, *, committing: bool) -> None:
        """Go on, or wait here until released."""
        here = committing if self.before is None else self.passed == self.before
        self.passed += 1
        if here and not self.stopped.is_set():
            self.stopped.set()
            await self.released.wait()


_HELD: ContextVar[Hold | None] = ContextVar("held", default=None)


@contextmanager
def holdable() -> Generator[None]:
    """Let statements and commits inside the block be held."""
    execute, exchange, commit = Repository._execute, Transaction._exchange, SqlUnitOfWork.commit

    async def holding_execute(self: Repository, statement: Any, parameters: Any = None) -> Any:
        if (hold := _HELD.get()) is not None:
            await hold.pass_by(committing=False)
        return await execute(self, statement, parameters)

    async def holding_exchange(self: Transaction, sql: str, arguments: Sequence[Any]) -> Any:
        if (hold := _HELD.get()) is not None:
            await hold.pass_by(committing=False)
        return await exchange(self, sql, arguments)

    async def holding_commit(self: SqlUnitOfWork) -> None:
        # Held with everything written, as late as can be.
        await self._transaction._send_waiting()
        if (hold := _HELD.get()) is not None:
            await hold.pass_by(committing=True)
        await commit(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Repository, "_execute", holding_execute)
        patch.setattr(Transaction, "_exchange", holding_exchange)
        patch.setattr(SqlUnitOfWork, "commit", holding_commit)
        yield


async def ending(act: Callable[[], Awaitable[object]], hold: Hold | None = None) -> str:
    """How the act ends: `done`, or the code of its refusal. Anything else is raised."""
    _HELD.set(hold)
    try:
        await act()
    except DomainError as refused:
        return refused.code
    return DONE


async def both(
    house: House, held: Callable[[], Awaitable[object]], other: Callable[[], Awaitable[object]], hold: Hold
) -> tuple[str, str] | None:
    """Carry `held` out as far as the hold, then `other` until it ends or waits for `held`, then both to their end.

    None where `held` ended before it came to the hold: there is no such moment in it.
    """
    first = asyncio.create_task(ending(held, hold))
    stopped = asyncio.create_task(hold.stopped.wait())
    await asyncio.wait((first, stopped), return_when=asyncio.FIRST_COMPLETED)
    if not hold.stopped.is_set():
        stopped.cancel()
        await first
        return None
    second = asyncio.create_task(ending(other))
    while not second.done() and not await _somebody_waits(house):
        await asyncio.wait((second,), timeout=0.005)
    hold.released.set()
    return await first, await second


async def _somebody_waits(house: House) -> bool:
    waiters = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with house.uow() as uow:
        return bool((await uow._transaction.execute(waiters)).scalar())
