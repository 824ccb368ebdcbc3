"""Large organizations: what is set-based stays right, and runs as many statements as for a small one (R6, R10, R17)."""

import pytest
from sqlalchemy import text

from ostiary.services.sso import Enabled
from tests.support.directory import statements
from tests.support.house import House, Person
from tests.support.sso import connect

MANY = 100_000

INSERT_MEMBERS = text(
    """
    INSERT INTO members (organization_id, id, email, name, role, status, managed_by, joined_at, membership_source,
                         membership_at, role_source, role_at)
    SELECT organizations.id, gen_random_uuid(), 'm' || number || '@acme.test', 'M', 'member', 'active', 'manual', now(),
           'invitation', now(), 'invitation', now()
    FROM organizations, generate_series(1, :count) AS number WHERE slug = :slug
    """
)


async def crowd(house: House, slug: str, count: int) -> None:
    """Many members at once."""
    async with house._house.engine.begin() as connection:
        await connection.execute(INSERT_MEMBERS, {"slug": slug, "count": count})


async def enable(house: House, ada: Person, slug: str) -> tuple[Enabled, int]:
    """Enable SSO; what it did, and in how many statements."""
    with statements(house) as ran:
        enabled = await house.services.sso.enable(ada.caller, slug, acknowledge_untested=True)
    return enabled, len(ran)


@pytest.mark.long
async def test_R6_R10_enabling_sso_takes_as_many_statements_for_a_hundred_thousand_members_as_for_ten(
    house: House,
) -> None:
    ada = await house.person("ada@acme.test")
    for slug, count in (("small", 10), ("large", MANY), ("untouched", 10)):
        await house.organization(ada, slug)
        await crowd(house, slug, count)
    for slug in ("small", "large"):
        await connect(house, ada, slug, name=f"{slug} idp")
    preview = await house.services.sso.preview_enablement(ada.caller, "large")
    small, statements_for_small = await enable(house, ada, "small")
    large, statements_for_large = await enable(house, ada, "large")
    assert large.effects == preview
    assert (small.effects.members_removed, large.effects.members_removed) == (10, MANY)
    assert statements_for_large == statements_for_small
    assert await house.count("members") == 3 + 10
