"""The pool replaces connections that died while they rested, and does not ask those that just worked."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db import engine as module
from ostiary.adapters.db.engine import make_engine
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
