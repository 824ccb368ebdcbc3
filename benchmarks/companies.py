"""Organizations of any size: one row of each kind is made by the service, and copied in the database."""

from uuid import UUID

from sqlalchemy import text
from tests.support.directory import DirectorySync, directory_sync, group_document, user_document
from tests.support.house import House, Person

from ostiary.domain import ids
from ostiary.domain.directory import GroupChange
from ostiary.services.directory_cursors import sealed
from ostiary.services.ports.provisioning import Listing, ListQuery, Position

_COPY_USERS = """
WITH fresh AS MATERIALIZED (
    SELECT uuidv7() AS id, 'u' || n || '@acme.test' AS name, '00u' || n AS external_id
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
), joined AS (
    INSERT INTO members SELECT r.* FROM fresh, members t,
        LATERAL jsonb_populate_record(t, jsonb_build_object('id', fresh.id, 'email', fresh.name)) r
    WHERE t.organization_id = :organization AND t.id = :template
)
INSERT INTO directory_users SELECT r.* FROM fresh, directory_users t,
    LATERAL jsonb_populate_record(t, jsonb_build_object(
        'id', fresh.id, 'user_name', fresh.name, 'email', fresh.name, 'external_id', fresh.external_id,
        'document', t.document || jsonb_build_object('userName', fresh.name, 'externalId', fresh.external_id))) r
WHERE t.organization_id = :organization AND t.id = :template
"""
_FILL_GROUP = """
WITH filled AS (
    INSERT INTO directory_group_members (organization_id, group_id, member_id)
    SELECT organization_id, :group, id FROM directory_users
    WHERE organization_id = :organization ORDER BY id DESC LIMIT :size
    RETURNING organization_id, group_id, member_id
)
INSERT INTO team_members (organization_id, team_id, member_id, added_at)
SELECT organization_id, group_id, member_id, now() FROM filled
"""
_COPY_MEMBERS = """
INSERT INTO members SELECT r.* FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n, members t,
    LATERAL jsonb_populate_record(t, jsonb_build_object(
        'id', uuidv7(), 'email', 'm' || n || '@elsewhere.test', 'role', 'member', 'account_id', NULL)) r
WHERE t.organization_id = :organization AND t.id = :template
"""


async def founded(house: House, slug: str = "acme") -> Person:
    """An organization; answers its founder and administrator."""
    founder = await house.person(f"founder@{slug}.test")
    await house.organization(founder, slug)
    return founder


async def directory(house: House, slug: str = "acme") -> DirectorySync:
    """An organization with Directory Sync on."""
    await founded(house, slug)
    return await directory_sync(house, slug)


async def provision(house: House, sync: DirectorySync, count: int, *, already: int = 0) -> None:
    """So many users more, `u{number}@acme.test`: the first by SCIM, the others as its copies."""
    document = user_document("template@acme.test", externalId="00utemplate", title="Engineer")
    template = await house.services.users.create(sync.caller, {**document, "userName": f"t{already}@{sync.slug}.test"})
    await _execute(
        house,
        _COPY_USERS,
        organization=_uuid(sync.organization_id),
        template=_uuid(template.id),
        first=already,
        last=already + count - 1,
    )
    await _settle(house)


async def users(house: House, sync: DirectorySync, count: int) -> list[str]:
    """The ids of some users."""
    async with house.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT id FROM directory_users WHERE organization_id = :organization ORDER BY id LIMIT :count"),
            {"organization": _uuid(sync.organization_id), "count": count},
        )
        return [ids.encode(ids.MEMBER, row.id) for row in rows]


async def cursor_after(house: House, sync: DirectorySync, number: int) -> str:
    """The cursor of the page that begins after so many users, as the page before would give it."""
    async with house.engine.connect() as connection:
        found = await connection.scalar(
            text("SELECT id FROM directory_users WHERE organization_id = :organization ORDER BY id LIMIT 1 OFFSET :n"),
            {"organization": _uuid(sync.organization_id), "n": number - 1},
        )
    page: Listing[object] = Listing(0, (), Position(str(found)))
    cursor = sealed(page, ListQuery(), f"users of {sync.organization_id}", house.clock.now()).next_cursor
    assert cursor is not None
    return cursor


async def fill_group(house: House, sync: DirectorySync, size: int) -> str:
    """A group of so many of the users; its id."""
    group = await house.services.groups.create(sync.caller, group_document(f"Group of {size}"), GroupChange())
    await _execute(house, _FILL_GROUP, organization=_uuid(sync.organization_id), group=_uuid(group.id), size=size)
    await _settle(house)
    return group.id


async def crowd(house: House, founder: Person, slug: str, count: int) -> None:
    """So many members more, who joined by invitation."""
    member = await house.member(founder, slug)
    await _execute(
        house,
        _COPY_MEMBERS,
        organization=_uuid(member.organization_id),
        template=_uuid(member.id),
        first=1,
        last=count,
    )
    await _settle(house)


async def _execute(house: House, statement: str, **values: object) -> None:
    async with house.engine.connect() as connection:
        # For the session: its connections begin no transactions.
        await connection.execute(text("SET statement_timeout = 0"))
        try:
            await connection.execute(text(statement), values)
        finally:
            await connection.execute(text("RESET statement_timeout"))


async def _settle(house: House) -> None:
    """As a database is that has had the rows for a while: neither vacuum nor checkpoint of them is measured."""
    async with house.engine.connect() as connection:
        settled = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await settled.execute(text("SET statement_timeout = 0"))
        await settled.execute(text("VACUUM ANALYZE"))
        await settled.execute(text("CHECKPOINT"))
        await settled.execute(text("RESET statement_timeout"))


def _uuid(type_id: str) -> UUID:
    value = ids.decode(type_id.partition("_")[0], type_id)
    assert value is not None
    return value
