"""The pool replaces connections that died while they rested, and does not ask those that just worked."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db import engine as module
from ostiary.adapters.db.engine import make_engine
from ostiary.services.metrics import REGISTRY
from tests.support.database import connection


async def backend(engine: AsyncEngine) -> int:
    async with engine.connect() as session:
        return int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


@pytest.mark.parametrize(("pinged_after", "survives"), [(0.0, True), (3600.0, False)])
async def test_a_connection_that_died_at_rest_is_replaced(
    database_url: str, monkeypatch: pytest.MonkeyPatch, pinged_after: float, survives: bool
) -> None:
    monkeypatch.setattr(module, "PINGED_AFTER_SECONDS", pinged_after)
    engine = make_engine(database_url, pool_size=1)
    first = await backend(engine)
    async with connection(database_url) as other:
        await other.execute("SELECT pg_terminate_backend($1, 5000)", first)
    if survives:
        assert await backend(engine) != first
    else:
        with pytest.raises(DBAPIError):
            await backend(engine)
    await engine.dispose()


async def test_connections_in_use_are_counted_also_when_one_dies_or_leaves_the_pool(database_url: str) -> None:
    def in_use() -> float:
        return REGISTRY.get_sample_value("ostiary_database_connections") or 0

    before = in_use()
    engine = make_engine(database_url, pool_size=3)
    async with engine.connect(), engine.connect() as dying, engine.connect() as leaving:
        assert in_use() == before + 3
        await leaving.run_sync(lambda sync: sync.detach())
        assert in_use() == before + 2
        await dying.invalidate()
    assert in_use() == before
    async with engine.connect():
        assert in_use() == before + 1
    assert in_use() == before
    await engine.dispose()
