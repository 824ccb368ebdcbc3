"""Look-ups by the filters that identity providers send read indexes, of groups as of users, alone and joined."""

import re
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from ostiary.domain import ids
from ostiary.services.ports.provisioning import ListQuery
from tests.support.directory import DirectorySync, directory_sync, fill, statements
from tests.support.house import House

MANY = 4000
FILL_GROUPS = f"""
    WITH made AS (
        INSERT INTO teams (organization_id, id, name, managed_by, created_at)
        SELECT organizations.id, ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Group ' || n,
               'directory', now()
        FROM organizations, generate_series(1, {MANY}) AS n
        RETURNING *
    )
    INSERT INTO directory_groups (organization_id, id, display_name, external_id, document, version, created_at,
                                  modified_at)
    SELECT organization_id, id, name, 'ext' || substr(name, 7), jsonb_build_object('displayName', name), 1, now(), now()
    FROM made
"""
JOIN_GROUPS = """
    INSERT INTO directory_group_members
    SELECT g.organization_id, g.id, u.id FROM directory_groups g JOIN directory_users u ON u.user_name = 'user' ||
        (('x' || right(g.id::text, 8))::bit(32)::int)
"""
ANALYZE = "ANALYZE directory_groups, directory_group_members, directory_users, members"
SOMEBODY = ids.encode(ids.MEMBER, UUID("01900000-0000-7000-8000-00000000004d"))
THEIRS = ids.encode(ids.TEAM, UUID("01900000-0000-7000-9000-00000000004d"))


@pytest.fixture
async def sync(house: House) -> DirectorySync:
    """A directory with many users, each in a group of its own."""
    await house.organization(await house.person("ada@acme.test"))
    sync = await directory_sync(house)
    await fill(sync, MANY)
    async with house.uow() as uow:
        for statement in (FILL_GROUPS, JOIN_GROUPS, ANALYZE):
            await uow._transaction.execute(text(statement))
        await uow.commit()
    return sync


async def ensure_looked_up(sync: DirectorySync, ran: list[tuple[str, Any]]) -> None:
    """Of what the directory pushed nothing is read but what an index names, narrower than the whole organization."""
    lines: list[str] = []
    async with sync.house.uow() as uow:
        for statement, parameters in ran:
            rows = await uow._transaction._connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            lines += [str(row[0]) for row in rows]
    whole = "\n".join(lines)
    assert "on directory_" in whole
    for line, below in pairwise(lines):
        if "Scan using" in line and " on directory_" in line:
            assert "Index Cond" in below, whole
            assert " AND " in below, whole
        assert not re.search("Seq Scan on (directory_|members)", line), whole


async def test_a_look_up_of_groups_among_thousands_reads_by_an_index(sync: DirectorySync) -> None:
    for wanted, found in (
        ('displayName eq "GROUP 77"', 1),
        ('externalId eq "ext77"', 1),
        (f'id eq "{THEIRS}"', 1),
        (f'members.value eq "{SOMEBODY}"', 1),
        (f'members eq "{SOMEBODY}"', 1),
        (f'members[value eq "{SOMEBODY}"]', 1),
        (f'displayName eq "Group 77" and members.value eq "{SOMEBODY}"', 1),
        ('displayName eq "Group 77" or externalId eq "ext78"', 2),
    ):
        with statements(sync.house) as ran:
            listing = await sync.house.services.groups.list(sync.caller, ListQuery(filter=wanted))
        assert listing.total == found, wanted
        await ensure_looked_up(sync, ran)


async def test_a_look_up_of_users_by_either_of_two_attributes_reads_by_their_indexes(sync: DirectorySync) -> None:
    for wanted, found in (
        ('userName eq "user77" or emails.value eq "user78@acme.test"', 2),
        ('externalId eq "ext77" or userName eq "USER78"', 2),
        ('userName eq "user77" and active eq true', 1),
        ('active eq true and emails[type eq "work"].value eq "user77@acme.test"', 1),
        (f'groups.value eq "{THEIRS}"', 1),
    ):
        with statements(sync.house) as ran:
            listing = await sync.house.services.users.list(sync.caller, ListQuery(filter=wanted))
        assert listing.total == found, wanted
        await ensure_looked_up(sync, ran)
