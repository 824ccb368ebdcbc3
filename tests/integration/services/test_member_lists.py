"""Members listed page by page in every order, while others come and go, among very many."""

from typing import Any

import pytest
from sqlalchemy import text

from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import MemberDetails, MemberFilter, MemberOrder
from tests.support.directory import statements
from tests.support.house import House, Person

MANY = 1_000_000

# Names and sign-ins repeat, cases mix, and some never signed in.
CROWD = text(
    """
    INSERT INTO members (organization_id, id, email, name, role, status, managed_by, joined_at, last_signed_in_at,
                         membership_source, membership_at, role_source, role_at)
    SELECT organizations.id,
           (lpad(to_hex(CAST(:first AS integer) + number), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
           'm' || md5(number::text || :tag) || '@acme.test',
           CASE WHEN number % 3 = 0 THEN 'Same Name' WHEN number % 3 = 1 THEN upper(md5(number::text))
                ELSE 'm' || lpad((number % 1000)::text, 4, '0') END,
           'member', 'active', 'manual', now(),
           CASE WHEN number % 4 = 0 THEN NULL ELSE now() - (number % 50) * interval '1 hour' END,
           'invitation', now(), 'invitation', now()
    FROM organizations, generate_series(CAST(:begin AS integer), CAST(:end AS integer)) AS number WHERE slug = :slug
    """
)


async def crowd(house: House, many: int, *, slug: str = "acme", tag: str = "", first: int = 0) -> None:
    # In parts, for no statement may take long here.
    for begin in range(0, many, 20_000):
        part = {"begin": begin + 1, "end": min(begin + 20_000, many)}
        async with house._house.engine.begin() as connection:
            await connection.execute(CROWD, {"slug": slug, "tag": tag, "first": first, **part})


async def vacuum(house: House) -> None:
    """As the server does by itself after a while: statistics, and what new rows left to be put into indexes."""
    async with house._house.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("SET statement_timeout = 0"))
        await connection.execute(text("VACUUM ANALYZE members"))


def sorted_by(order: MemberOrder, details: MemberDetails) -> tuple[Any, ...]:
    member = details.member
    signed_in = member.last_signed_in_at.timestamp() if member.last_signed_in_at else 0.0
    keys = {
        "joined_at": (),
        "name": (member.name.lower(),),
        "email": (member.email,),
        "last_signed_in_at": (signed_in,),
    }
    return (*keys[order.removeprefix("-")], member.id)


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    await house.organization(ada, "bolts")
    return ada


@pytest.mark.parametrize("order", MemberOrder)
async def test_every_page_goes_on_where_the_last_ended_while_others_join(
    house: House, ada: Person, order: MemberOrder
) -> None:
    await crowd(house, 60)
    await crowd(house, 20, slug="bolts", tag="bolts", first=1000)
    everybody = await house.services.members.list(ada.caller, "acme", MemberFilter(), PageRequest(200))
    there = {each.member.email for each in everybody.items}
    listed: list[MemberDetails] = []
    after, joined = None, 0
    while True:
        page = await house.services.members.list(ada.caller, "acme", MemberFilter(order=order), PageRequest(7, after))
        listed += page.items
        after, joined = page.next_cursor, joined + 1
        if after is None:
            break
        await crowd(house, 3, tag=f"later {joined}", first=5000 + joined * 10)
    assert listed == sorted(listed, key=lambda each: sorted_by(order, each), reverse=order.startswith("-"))
    emails = [each.member.email for each in listed]
    assert len(set(emails)) == len(emails)
    assert there <= set(emails)
    assert {each.member.organization_id for each in listed} == {everybody.items[0].member.organization_id}


async def plans(house: House, ada: Person, matching: MemberFilter, page: PageRequest, *, forced: bool = False) -> str:
    """How the database carries out what lists these members; `forced` keeps it from reading a small table whole."""
    with statements(house) as ran:
        await house.services.members.list(ada.caller, "acme", matching, page)
    [listing] = [one for one in ran if "FROM members" in one[0] and "LIMIT" in one[0]]
    async with house._house.engine.connect() as connection:
        if forced:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = await connection.exec_driver_sql(f"EXPLAIN {listing[0]}", listing[1])
        return "\n".join(rows.scalars())


async def deep(house: House, ada: Person, matching: MemberFilter, pages: int) -> PageRequest:
    """A page far down the list."""
    request = PageRequest(200)
    for _ in range(pages):
        found = await house.services.members.list(ada.caller, "acme", matching, request)
        request = PageRequest(200, found.next_cursor)
    return request


@pytest.mark.parametrize("many", [20_000, pytest.param(MANY, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_a_deep_page_of_every_order_and_a_search_are_read_from_an_index(
    house: House, ada: Person, many: int
) -> None:
    await crowd(house, many)
    await crowd(house, many // 10, slug="bolts", tag="bolts", first=many + 10)
    await vacuum(house)
    [_, somebody] = (await house.services.members.list(ada.caller, "acme", MemberFilter(), PageRequest(2))).items
    for order in MemberOrder:
        matching = MemberFilter(order=order)
        plan = await plans(house, ada, matching, await deep(house, ada, matching, 5))
        assert "Index" in plan, plan
        assert "Seq Scan" not in plan, plan
        # Equal addresses are put in order among themselves alone.
        assert "Sort" not in plan.replace("Incremental Sort", "").replace("Sort Key", ""), plan
    part_of_an_address = somebody.member.email[5:17]
    plan = await plans(house, ada, MemberFilter(q=part_of_an_address), PageRequest(), forced=many < MANY)
    assert "ix_members_search" in plan, plan
    found = await house.services.members.list(ada.caller, "acme", MemberFilter(q=part_of_an_address), PageRequest())
    assert [each.member.email for each in found.items] == [somebody.member.email]
