"""How many there are in all is kept, not counted: exact at every moment, and nobody waits for it."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import asyncpg
import pytest

from ostiary.domain import ids
from ostiary.domain.directory import GroupChange
from ostiary.services.ports.provisioning import ListQuery, Sorting
from tests.support.counts import GROUPS, MEMBERS, ORGANIZATION, USERS, ensure_exact
from tests.support.database import connection
from tests.support.directory import DirectorySync, directory_sync, fill, statements, user_document
from tests.support.house import House, Person

# Some of a table, and nobody whom another transaction holds.
SOME = (
    "{act} WHERE organization_id = $1 AND id IN (SELECT id FROM {table} WHERE organization_id = $1 ORDER BY random()"
    " LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
ACTS = (
    MEMBERS,
    USERS,
    GROUPS,
    SOME.format(act="DELETE FROM members", table="members"),
    SOME.format(act="DELETE FROM directory_users", table="directory_users"),
    SOME.format(act="DELETE FROM directory_groups", table="directory_groups"),
    # A group goes with its team.
    SOME.format(act="DELETE FROM teams", table="teams"),
    SOME.format(act="UPDATE members SET managed_by = 'directory'", table="members"),
    SOME.format(act="UPDATE members SET managed_by = 'manual', name = 'N'", table="members"),
    SOME.format(act="UPDATE directory_users SET active = false", table="directory_users"),
)
Connect = Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


@pytest.fixture
async def connect(house: House) -> AsyncGenerator[Connect]:
    """Connections to the house's database, on which whoever waits for a lock fails."""
    async with AsyncExitStack() as stack:

        async def connected() -> "asyncpg.Connection[asyncpg.Record]":
            session = await stack.enter_async_context(connection(house.settings.database_url))
            await session.execute("SET lock_timeout = '5s'")
            return session

        yield connected


@pytest.fixture
async def organizations(connect: Connect) -> tuple[UUID, UUID]:
    """Two of them."""
    both = uuid4(), uuid4()
    session = await connect()
    for one in both:
        await session.execute(ORGANIZATION, one)
    return both


async def write(session: "asyncpg.Connection[asyncpg.Record]", organizations: tuple[UUID, UUID], seed: int) -> None:
    """Transactions of a few acts each, some of them given up, in whole or in part."""
    rng = random.Random(seed)  # noqa: S311

    async def act() -> None:
        await session.execute(rng.choice(ACTS), rng.choice(organizations), rng.randint(0, 5))

    async def at_times(what: Callable[[], Awaitable[None]]) -> None:
        transaction = session.transaction()
        await transaction.start()
        await what()
        await (transaction.rollback() if rng.random() < 0.3 else transaction.commit())

    async def acts() -> None:
        for _ in range(rng.randint(1, 4)):
            await (act() if rng.random() < 0.6 else at_times(act))

    for _ in range(15):
        await at_times(acts)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 60))])
async def test_whoever_writes_and_gives_up_meanwhile_the_sum_is_what_there_is(
    connect: Connect, organizations: tuple[UUID, UUID], seed: int
) -> None:
    reader = await connect()
    writers = [write(await connect(), organizations, 100 * seed + number) for number in range(4)]
    writing = asyncio.gather(*writers)
    while not writing.done():
        for organization in organizations:
            await ensure_exact(reader, organization)
    await writing
    for organization in organizations:
        await ensure_exact(reader, organization)
    rows = await reader.fetchval("SELECT max(n) FROM (SELECT count(*) n FROM directory_counts GROUP BY kind) AS each")
    assert 1 <= rows <= 2 * len(writers)


async def test_two_who_write_at_once_never_wait_whatever_their_order(
    connect: Connect, organizations: tuple[UUID, UUID]
) -> None:
    one, other = await connect(), await connect()
    for session in (one, other):
        await session.execute("SET lock_timeout = '50ms'")
    for _ in range(3):
        forth, back = one.transaction(), other.transaction()
        await forth.start()
        await back.start()
        for mine, theirs in ((USERS, GROUPS), (GROUPS, USERS), (MEMBERS, MEMBERS)):
            await one.execute(mine, organizations[0], 3)
            await other.execute(theirs, organizations[0], 3)
        await forth.commit()
        await back.rollback()
    await ensure_exact(one, organizations[0])
    # For two writers two rows of a kind at most, however often they meet.
    assert await one.fetchval("SELECT max(n) FROM (SELECT count(*) n FROM directory_counts GROUP BY kind) AS each") <= 2


async def test_counts_go_with_their_organization_and_no_other(
    connect: Connect, organizations: tuple[UUID, UUID]
) -> None:
    session = await connect()
    gone, kept = organizations
    for organization in organizations:
        for act in (USERS, GROUPS, MEMBERS):
            await session.execute(act, organization, 5)
    await session.execute("DELETE FROM directory_counts WHERE kind = 'group'")
    await session.execute("DELETE FROM organizations WHERE id = $1", gone)
    left = await session.fetch("SELECT DISTINCT organization_id FROM directory_counts")
    assert [row["organization_id"] for row in left] == [kept]


@pytest.fixture
async def sync(house: House, ada: Person) -> DirectorySync:
    """Her directory."""
    assert ada.email
    return await directory_sync(house)


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder of acme, the one member its directory does not manage."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def test_totals_follow_people_from_the_first_to_the_last(
    house: House, ada: Person, sync: DirectorySync, connect: Connect
) -> None:
    services = house.services

    async def totals() -> tuple[int, int]:
        users = await services.users.list(sync.caller, ListQuery(count=1))
        # Nothing on the page, so that nothing but the count says it.
        assert (await services.users.list(sync.caller, ListQuery(count=0))).total == users.total
        assert (await services.users.list(sync.caller, ListQuery(start_index=99))).total == users.total
        assert (await services.users.list(sync.caller, ListQuery(count=1, cursor=""))).total == users.total
        by_name = ListQuery(count=1, sorting=Sorting("userName"))
        assert (await services.users.list(sync.caller, by_name)).total == users.total
        groups = await services.groups.list(sync.caller, ListQuery(count=1))
        everything = await services.resources.search(
            sync.caller, ListQuery(count=1), groups_of_users=False, members_of_groups=False
        )
        assert everything.total == users.total + groups.total
        return users.total, groups.total

    assert await totals() == (1, 0)
    bo = await services.users.create(sync.caller, user_document("bo@acme.test"))
    assert await totals() == (2, 0)
    # Taken over, and counted once all the same.
    await services.users.create(sync.caller, user_document(ada.email))
    assert await totals() == (2, 0)
    group = await services.groups.create(sync.caller, {"displayName": "G"}, GroupChange(added=(bo.id,)))
    assert await totals() == (2, 1)
    await services.users.delete(sync.caller, bo.id)
    await services.groups.delete(sync.caller, group.id)
    assert await totals() == (1, 0)
    await services.directory.disable(ada.caller, "acme")
    organization = ids.decode(ids.ORGANIZATION, sync.organization_id)
    assert organization is not None
    await ensure_exact(await connect(), organization)


@pytest.mark.parametrize(
    "query",
    [
        ListQuery(),
        ListQuery(joined=False),
        ListQuery(start_index=3900),
        ListQuery(cursor=""),
        ListQuery(sorting=Sorting("userName")),
        ListQuery(sorting=Sorting("id", descending=True), start_index=3900),
    ],
    ids=["first", "bare", "deep", "cursor", "sorted", "deep and sorted"],
)
async def test_a_page_and_its_total_are_one_statement_that_reads_no_rows_but_the_pages(
    house: House, sync: DirectorySync, connect: Connect, query: ListQuery
) -> None:
    await fill(sync, 4000)
    with statements(house) as ran:
        found = await house.services.users.list(sync.caller, query)
    assert (found.total, len(found.items)) == (4001, 100)
    [(statement, parameters)] = ran
    session = await connect()
    await session.execute("VACUUM ANALYZE directory_users")
    # As it is planned for any values, once it has been asked for a few times.
    await session.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE page AS {statement}")
    values = ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in parameters)
    rows = await session.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) EXECUTE page({values})")
    plan = [str(row[0]) for row in rows]
    read = [
        float(number) * int(loops)
        for line in plan
        # Ids alone are read off an index.
        if " Scan " in line and "Index Only Scan" not in line
        for number, loops in re.findall(r"rows=([\d.]+) loops=(\d+)\)", line)
    ]
    assert 1 <= max(read) <= 101, "\n".join(plan)


async def test_an_administrator_is_told_how_many_by_reading_the_inactive_alone(
    house: House, ada: Person, sync: DirectorySync, connect: Connect
) -> None:
    await fill(sync, 4000)
    session = await connect()
    await session.execute(
        "UPDATE directory_users SET active = false WHERE id IN (SELECT id FROM directory_users ORDER BY id LIMIT 7)"
    )
    await session.execute("VACUUM ANALYZE directory_users")
    with statements(house) as ran:
        counts = await house.services.directory.counts(ada.caller, "acme")
    assert (counts.users, counts.active_users, counts.groups, counts.held_back) == (4000, 3993, 0, 0)
    statement, parameters = ran[-1]
    rows = await session.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", *parameters)
    plan = "\n".join(str(row[0]) for row in rows)
    read = [float(number) for number in re.findall(r"directory_users .*rows=([\d.]+) ", plan)]
    assert read == [7.0], plan
