"""What the suite's own databases promise to the tests that use them."""

from ostiary.adapters.db import migrate
from tests.support.database import Broom, connection

INSERT = (
    "INSERT INTO accounts (id, email, name, created_at)"
    " VALUES ('019a0000-0000-7000-8000-000000000001', 'ada@acme.test', 'Ada', now())"
)


async def test_a_test_begins_with_a_migrated_database_that_has_no_rows(database_url: str, broom: Broom) -> None:
    assert await migrate.current(database_url) == migrate.heads()
    async with connection(database_url) as session:
        await session.execute(INSERT)
    await broom.sweep()
    async with connection(database_url) as session:
        assert await session.fetchval("SELECT count(*) FROM accounts") == 0
        assert await session.fetchval("SHOW session_replication_role") == "origin"
