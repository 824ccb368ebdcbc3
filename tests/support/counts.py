"""Rows of a directory by SQL alone, and whether they are counted."""

from uuid import UUID

import asyncpg

ORGANIZATION = (
    "INSERT INTO organizations (id, slug, name, plan, session_duration_seconds, role_attribute, created_at)"
    " VALUES ($1, gen_random_uuid()::text, 'Many', 'business', 3600, 'role', now())"
)
# Of these the first value is the organization, the second how many.
MEMBERS = (
    "INSERT INTO members (organization_id, id, email, name, role, status, managed_by, joined_at, membership_source,"
    " membership_at, role_source, role_at) SELECT $1, gen_random_uuid(), 'm@acme.test', 'M', 'member', 'active',"
    " (ARRAY['directory', 'manual', 'sso'])[1 + n % 3], now(), 'directory', now(), 'directory', now()"
    " FROM generate_series(1, $2) AS n"
)
USERS = (
    "INSERT INTO directory_users (organization_id, id, user_name, display_name, active, document, version, created_at,"
    " modified_at) SELECT $1, gen_random_uuid(), gen_random_uuid()::text, 'U', true, '{}', 1, now(), now()"
    " FROM generate_series(1, $2)"
)
GROUPS = (
    "WITH made AS (INSERT INTO teams (organization_id, id, name, managed_by, created_at)"
    " SELECT $1, gen_random_uuid(), gen_random_uuid()::text, 'directory', now() FROM generate_series(1, $2)"
    " RETURNING *) INSERT INTO directory_groups (organization_id, id, display_name, document, version, created_at,"
    " modified_at) SELECT organization_id, id, name, '{}', 1, now(), now() FROM made"
)
THERE = """
    SELECT (SELECT count(*) FROM directory_users WHERE organization_id = $1) AS "user",
           (SELECT count(*) FROM directory_groups WHERE organization_id = $1) AS "group",
           (SELECT count(*) FROM members WHERE organization_id = $1 AND managed_by <> 'directory') AS unmanaged
"""
COUNTED = """
    SELECT coalesce(sum(n) FILTER (WHERE kind = 'user'), 0) AS "user",
           coalesce(sum(n) FILTER (WHERE kind = 'group'), 0) AS "group",
           coalesce(sum(n) FILTER (WHERE kind = 'unmanaged'), 0) AS unmanaged
    FROM directory_counts WHERE organization_id = $1
"""


async def ensure_exact(session: "asyncpg.Connection[asyncpg.Record]", organization: UUID) -> None:
    """What is counted is what is there, at one moment."""
    async with session.transaction(isolation="repeatable_read", readonly=True):
        there, counted = await session.fetchrow(THERE, organization), await session.fetchrow(COUNTED, organization)
    assert there is not None
    assert counted is not None
    assert dict(counted) == dict(there)
