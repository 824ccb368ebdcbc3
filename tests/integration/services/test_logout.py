"""Single logout on real rows: which sessions and codes it ends, what it leaves, and what it tells."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.domain.assertion import NameId
from ostiary.domain.connection import NameIdFormat, Provider
from ostiary.domain.errors import DomainError
from ostiary.services.accounts import SignedIn
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionDraft
from ostiary.services.context import Caller
from ostiary.services.ports.logout import LogoutFlow
from ostiary.services.saml_ports import BrowserMessage
from tests.support.house import House, Person, open_house
from tests.support.saml_factory import authn_statement
from tests.support.sso import VERIFIER, Idp, connect, enable, identity_provider


@pytest.fixture
async def house(database_url: str) -> AsyncGenerator[House]:
    async with open_house(database_url) as opened:
        yield opened


@pytest.fixture
async def ada(house: House) -> Person:
    return await house.person("ada@acme.test")


@pytest.fixture
async def okta(house: House, ada: Person) -> Idp:
    """acme with SSO on."""
    await house.organization(ada)
    idp = await connect(house, ada)
    await enable(house, ada)
    return idp


async def is_living(house: House, signed_in: SignedIn) -> bool:
    return await house.services.authenticator.lookup.session(signed_in.token) is not None


async def signed_in_as(house: House, idp: Idp, name_id: NameId, email: str, index: str = "_session1") -> SignedIn:
    """Signed in under a NameID of any kind."""
    request_id, relay_state = await idp.depart()
    said = replace(
        idp.says(request_id, email, name_id.value),
        name_id_format=name_id.format or "",
        authn_statements=authn_statement(index),
    )
    arrived = await idp.arrive(said, relay_state)
    assert arrived.code is not None
    return await house.services.sign_in_finish.exchange(arrived.code, VERIFIER)


EMAIL, UNSPECIFIED, PERSISTENT = NameIdFormat.EMAIL, NameIdFormat.UNSPECIFIED, NameIdFormat.PERSISTENT


@pytest.mark.parametrize(
    ("signed_in", "named", "ends"),
    [
        (NameId("Bo@acme.test", EMAIL), NameId("bo@ACME.test", EMAIL), True),
        (NameId("Bo@acme.test", EMAIL), NameId("Bo@acme.test"), True),
        (NameId("Bo@acme.test", UNSPECIFIED), NameId("Bo@acme.test", EMAIL), True),
        (NameId("Bo@acme.test", UNSPECIFIED), NameId("Bo@acme.test"), True),
        (NameId("aB3=", PERSISTENT), NameId("aB3=", PERSISTENT), True),
        (NameId("aB3=", PERSISTENT), NameId("aB3="), True),
        (NameId("aB3=", PERSISTENT), NameId("ab3=", PERSISTENT), False),
        (NameId("aB3=", PERSISTENT), NameId("ab3="), False),
        (NameId("ab3=", PERSISTENT), NameId("aB3=", PERSISTENT), False),
    ],
    ids=str,
)
async def test_who_is_named_is_who_signed_in(
    signed_in: NameId, named: NameId, ends: bool, house: House, okta: Idp
) -> None:
    session = await signed_in_as(house, okta, signed_in, "bo@acme.test")
    organization_id, connection_id = okta.connection.organization_id, okta.connection.id
    async with house.uow() as uow:
        ended = await uow.logouts.end_sessions(organization_id, connection_id, named, ())
        await uow.commit()
    assert ended == ({session.account.id: 1} if ends else {})
    assert await is_living(house, session) is not ends


async def test_a_logout_stays_in_its_organization_and_connection(house: House, ada: Person, okta: Idp) -> None:
    session = await okta.sign_in("bo@acme.test")
    bolt = await house.person("bolt@bolts.test")
    await house.organization(bolt, "bolts")
    theirs = await connect(house, bolt, "bolts", domains=("bolts.test",), name="bolts idp")
    named = NameId("bo@acme.test", EMAIL)
    ours = okta.connection
    for organization_id, connection_id in (
        (theirs.connection.organization_id, theirs.connection.id),
        (theirs.connection.organization_id, ours.id),
        (ours.organization_id, theirs.connection.id),
    ):
        async with house.uow() as uow:
            assert await uow.logouts.end_sessions(organization_id, connection_id, named, ()) == {}
            await uow.commit()
    assert await is_living(house, session)
    with pytest.raises(DomainError, match="could not be accepted"):
        await house.services.logout.receive(ours.id, theirs.logout("bo@acme.test"), None)
    assert await is_living(house, session)


async def test_codes_that_became_a_session_are_counted_with_it_and_others_by_themselves(
    house: House, okta: Idp
) -> None:
    session = await okta.sign_in("bo@acme.test")
    request_id, relay_state = await okta.depart()
    await okta.arrive(okta.says(request_id, "bo@acme.test"), relay_state)
    async with house.uow() as uow:
        ended = await uow.logouts.end_sessions(
            okta.connection.organization_id, okta.connection.id, NameId("bo@acme.test", EMAIL), ("_session1",)
        )
        await uow.commit()
    assert ended == {session.account.id: 2}
    assert await house.count("one_time_codes") == 0


async def test_a_logout_is_an_event_of_each_person_it_ended_and_of_nobody_else(house: House, okta: Idp) -> None:
    await okta.sign_in("bo@acme.test")
    await okta.log_out("nobody@acme.test")
    assert await house.events("session.logged_out") == []
    await okta.log_out("bo@acme.test")
    await okta.log_out("bo@acme.test")
    [event] = await house.events("session.logged_out")
    assert (event.target_kind, event.before) == ("account", {"sessions": 1})


async def test_who_signed_in_by_a_connection_that_is_switched_off_now_may_still_be_logged_out(
    house: House, ada: Person, okta: Idp
) -> None:
    connections, known = house.services.connections, identity_provider("second idp")
    source = IdpSource(
        entity_id="https://second.test", sso_url="https://second.test/sso", certificates=(known.certificate_pem,)
    )
    draft = ConnectionDraft("Second", Provider.GENERIC_SAML, okta.connection.domain_ids, source)
    second = await connections.create(ada.caller, "acme", draft)
    await connections.activate(ada.caller, "acme", second.connection.id)
    session = await okta.sign_in("bo@acme.test")
    await connections.deactivate(ada.caller, "acme", okta.connection.id)
    await okta.log_out("bo@acme.test")
    assert not await is_living(house, session)


async def test_a_flow_is_used_once_by_its_own_organization_in_its_time(house: House, okta: Idp) -> None:
    now, connection = house.clock.now(), okta.connection
    flow = LogoutFlow(
        organization_id=connection.organization_id,
        connection_id=connection.id,
        request_id="_r",
        subject=NameId("aB3=", PERSISTENT, "https://idp", "https://sp"),
        session_index=None,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    async with house.uow() as uow:
        await uow.logouts.add(flow, b"r" * 32)
        assert await uow.logouts.get(connection.organization_id, b"r" * 32, now) == flow
        assert await uow.logouts.get(connection.organization_id, b"x" * 32, now) is None
        assert await uow.logouts.get(connection.organization_id, b"r" * 32, flow.expires_at) is None
        assert await uow.logouts.consume(connection.organization_id, b"r" * 32, flow.expires_at) is None
        other = house.kit.ids.new("org")
        assert await uow.logouts.consume(other, b"r" * 32, now) is None
        assert await uow.logouts.consume(connection.organization_id, b"r" * 32, now) == flow
        assert await uow.logouts.consume(connection.organization_id, b"r" * 32, now) is None


async def test_a_sign_out_goes_on_only_where_the_identity_provider_has_single_logout(
    house: House, ada: Person, okta: Idp
) -> None:
    async def sign_out() -> str | None:
        session = await okta.sign_in("bo@acme.test")
        caller = Caller(await house.services.authenticator.lookup.session(session.token))
        url = await house.services.logout.sign_out(caller)
        assert not await is_living(house, session)
        return url

    assert await sign_out() is None
    await okta.offer_logout(ada)
    url = await sign_out()
    assert url is not None
    relay_state = url.partition("?flow=")[2]
    message = await house.services.logout.carry(okta.connection.id, relay_state)
    assert isinstance(message, BrowserMessage)
    assert message.url.startswith("https://idp.acme.test/slo?")


async def test_of_a_deleted_organization_a_sign_out_ends_here(house: House, ada: Person, okta: Idp) -> None:
    await okta.offer_logout(ada)
    session = await okta.sign_in("bo@acme.test")
    caller = Caller(await house.services.authenticator.lookup.session(session.token))
    async with house.uow() as uow:
        await uow.organizations.set_deleted(okta.connection.organization_id, house.clock.now())
        await uow.commit()
    assert await house.services.logout.sign_out(caller) is None
    with pytest.raises(DomainError, match="no such connection"):
        await okta.log_out("bo@acme.test")
