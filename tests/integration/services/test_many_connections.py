"""Ten thousand connections cost a process nothing: none is read at start, and none is kept after it was used."""

import asyncio
import gc

from saml2.client import Saml2Client
from saml2.config import Config
from sqlalchemy import QueuePool, text

from ostiary import bootstrap
from ostiary.domain.connection import Connection, IdentityProvider
from ostiary.services.saml_ports import ServiceProvider
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import House
from tests.support.sso import CHALLENGE, REDIRECT_URI, connect

MANY = 10_000


def copies(first: int, last: int) -> tuple[str, ...]:
    """Statements that copy acme, with its key and its connection, as `many-{first}` to `many-{last}`."""
    new = f"o.slug = ANY (SELECT 'many-' || n FROM generate_series({first}, {last}) n)"
    return (
        f"""INSERT INTO organizations SELECT r.* FROM organizations o, generate_series({first}, {last}) n,
            LATERAL jsonb_populate_record(o, jsonb_build_object(
                'id', gen_random_uuid(), 'slug', 'many-' || n, 'sso_enabled', true)) r WHERE o.slug = 'acme'""",
        f"""INSERT INTO sp_keys SELECT r.* FROM sp_keys k JOIN organizations a ON a.id = k.organization_id
            AND a.slug = 'acme', organizations o,
            LATERAL jsonb_populate_record(k, jsonb_build_object('organization_id', o.id)) r WHERE {new}""",
        f"""INSERT INTO connections SELECT r.* FROM connections c JOIN organizations a ON a.id = c.organization_id
            AND a.slug = 'acme', organizations o, LATERAL jsonb_populate_record(c, jsonb_build_object(
                'organization_id', o.id, 'id', gen_random_uuid())) r WHERE {new}""",
    )


def parsed() -> int:
    """How many parsed configurations of connections are in memory."""
    gc.collect()
    kinds = (Connection, IdentityProvider, ServiceProvider, Saml2Client, Config)
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


async def test_ten_thousand_connections_are_neither_read_at_start_nor_kept(house: House) -> None:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    await connect(house, ada)
    begun = bootstrap.build(house.settings)
    async with begun.engine.begin() as connection:
        for statement in copies(1, MANY):
            await connection.execute(text(statement))
    await begun.engine.dispose()

    begun = bootstrap.build(house.settings)
    pool = begun.engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.checkedin(), pool.checkedout()) == (0, 0)
    kept = parsed()
    for number in range(1, 51):
        departed = await begun.services.sign_in_start.start(f"many-{number}", SignInWish(REDIRECT_URI, "s", CHALLENGE))
        assert departed.message.url.startswith("https://idp.acme.test/sso?")
    # The thread that carried the last message lets go of it a moment after it was answered.
    for _ in range(500):
        if parsed() == kept:
            break
        await asyncio.sleep(0.01)
    assert parsed() == kept
    await begun.engine.dispose()
