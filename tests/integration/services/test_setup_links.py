"""Setup links on real data: what their bearers reach, and what ends them, also at the same moment (R7, R63)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.domain.connection import ConnectionStatus, Provider
from ostiary.domain.directory import OnDeactivate
from ostiary.domain.domain_name import DomainStatus
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import MemberStatus, Role
from ostiary.domain.organization import Plan
from ostiary.domain.setup_link import MAX_SETUP_LINKS, SetupIntent
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionChange, ConnectionDraft
from ostiary.services.context import Caller
from ostiary.services.directory import DirectoryChange
from ostiary.services.paging import PageRequest
from ostiary.services.setup_links import SetupLinkDraft
from tests.integration.services.test_races import settled, while_holding
from tests.support.house import House, Person
from tests.support.sso import Idp, connect, entitle, identity_provider, verified_domain

HOUR = 3600
SOURCE = IdpSource(
    entity_id="https://idp.acme.test/",
    sso_url="https://idp.acme.test/sso",
    certificates=(identity_provider().certificate_pem,),
)


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme, which may use SSO."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    await entitle(house)
    return ada


async def bearer_of(house: House, secret: str) -> Caller:
    """The caller with the secret; fails where it opens nothing."""
    principal = await house.services.authenticator.lookup.setup_link(secret)
    assert principal is not None
    return Caller(principal, "a-request")


async def linked(
    house: House,
    administrator: Person,
    intent: SetupIntent,
    *,
    connection_id: str | None = None,
    domain_id: str | None = None,
) -> tuple[Caller, str, str]:
    """A new link: its bearer, its id, its secret."""
    draft = SetupLinkDraft(intent, HOUR, connection_id, domain_id)
    view, secret = await house.services.setup_links.create(administrator.caller, "acme", draft)
    return await bearer_of(house, secret), view.link.id, secret


async def drafted(house: House, ada: Person) -> str:
    """A draft connection; its id."""
    view = await house.services.connections.create(ada.caller, "acme", ConnectionDraft("Okta", Provider.OKTA))
    return view.connection.id


async def is_open(house: House, secret: str) -> bool:
    return await house.services.authenticator.lookup.setup_link(secret) is not None


async def test_R7_the_bearer_makes_one_connection_and_never_activates_it(house: House, ada: Person) -> None:
    domain_id = await verified_domain(house, ada, "acme.test")
    bearer, link_id, _ = await linked(house, ada, SetupIntent.SSO)
    connections = house.services.connections
    made = await connections.create(bearer, "acme", ConnectionDraft("Okta", Provider.OKTA))
    connection_id = made.connection.id
    assert made.connection.status is ConnectionStatus.DRAFT
    change = ConnectionChange(idp=SOURCE, domain_ids=(domain_id,))
    edited = await connections.update(bearer, "acme", connection_id, change)
    assert edited.connection.status is ConnectionStatus.TESTING
    assert (await connections.get(bearer, "acme", connection_id)).connection == edited.connection
    assert "flow=" in await house.services.sign_in_start.start_test(bearer, "acme", connection_id)
    with pytest.raises(DomainError, match="setup_link_names_another"):
        await connections.create(bearer, "acme", ConnectionDraft("Another", Provider.OKTA))
    setup = await house.services.setup_links.describe(bearer)
    assert (setup.link.connection_id, setup.finished) == (connection_id, False)
    assert [domain.name for domain in setup.domains] == ["acme.test"]
    event = (await house.events("connection.updated"))[0]
    assert (event.actor.kind, event.actor.id, event.actor.label) == ("setup_link", link_id, ada.email)
    for attempt in (
        connections.activate(bearer, "acme", connection_id),
        connections.delete(bearer, "acme", connection_id),
        connections.list(bearer, "acme", PageRequest()),
        house.services.domains.list(bearer, "acme", PageRequest()),
        house.services.sso.enable(bearer, "acme", acknowledge_untested=True),
        house.services.organizations.get(bearer, "acme"),
        house.services.setup_links.list(bearer, "acme", PageRequest()),
        house.services.setup_links.create(bearer, "acme", SetupLinkDraft(SetupIntent.SSO, HOUR)),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt


async def test_R7_to_the_bearer_there_is_no_other_connection_and_no_other_organization(
    house: House, ada: Person
) -> None:
    own, other = await drafted(house, ada), await drafted(house, ada)
    bearer, _, _ = await linked(house, ada, SetupIntent.SSO, connection_id=own)
    bo = await house.person("bo@bolts.test")
    await house.organization(bo, "bolts")
    connections = house.services.connections
    for attempt in (
        connections.get(bearer, "acme", other),
        connections.update(bearer, "acme", other, ConnectionChange(name="Mine")),
        # Nothing is fetched for it either.
        connections.update(bearer, "acme", other, ConnectionChange(idp=IdpSource(metadata_url="https://x.test"))),
        house.services.connection_metadata.refresh(bearer, "acme", other),
        house.services.sign_in_start.start_test(bearer, "acme", other),
    ):
        with pytest.raises(DomainError, match="connection_not_found"):
            await attempt
    for slug in ("bolts", "nowhere"):
        with pytest.raises(DomainError, match="organization_not_found"):
            await connections.get(bearer, slug, own)
    await connections.update(bearer, "acme", own, ConnectionChange(name="Mine"))


async def test_R7_a_connection_in_use_is_read_and_not_touched(house: House, ada: Person) -> None:
    connection_id = await drafted(house, ada)
    bearer, _, _ = await linked(house, ada, SetupIntent.SSO, connection_id=connection_id)
    domain_id = await verified_domain(house, ada, "acme.test")
    connections = house.services.connections
    await connections.update(bearer, "acme", connection_id, ConnectionChange(idp=SOURCE, domain_ids=(domain_id,)))
    for switch in (connections.activate, connections.deactivate):
        await switch(ada.caller, "acme", connection_id)
        for attempt in (
            connections.update(bearer, "acme", connection_id, ConnectionChange(name="Mine")),
            house.services.connection_metadata.refresh(bearer, "acme", connection_id),
            house.services.sign_in_start.start_test(bearer, "acme", connection_id),
        ):
            with pytest.raises(DomainError, match="connection_in_use"):
                await attempt
        assert (await connections.get(bearer, "acme", connection_id)).connection.name == "Okta"
        assert (await house.services.setup_links.describe(bearer)).finished
    with pytest.raises(DomainError, match="connection_in_use"):
        await linked(house, ada, SetupIntent.SSO, connection_id=connection_id)


async def test_R7_the_bearer_adds_one_domain_and_reaches_no_other(house: House, ada: Person) -> None:
    verified = await verified_domain(house, ada, "acme.test")
    bearer, _, _ = await linked(house, ada, SetupIntent.DOMAIN)
    domains = house.services.domains
    with pytest.raises(DomainError, match="free_mail_domain"):
        await domains.add(bearer, "acme", "gmail.com")
    added = await domains.add(bearer, "acme", "acme.example")
    assert await domains.get(bearer, "acme", added.id) == added
    with pytest.raises(DomainError, match="setup_link_names_another"):
        await domains.add(bearer, "acme", "acme.internal")
    for attempt in (domains.get(bearer, "acme", verified), domains.verify(bearer, "acme", verified)):
        with pytest.raises(DomainError, match="domain_not_found"):
            await attempt
    for attempt in (domains.delete(bearer, "acme", added.id), domains.list(bearer, "acme", PageRequest())):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    async with house.uow() as uow:
        await uow.domains.save(replace(added, status=DomainStatus.VERIFIED, verified_at=house.clock.now()))
        await uow.commit()
    with pytest.raises(DomainError, match="domain_in_use"):
        await domains.verify(bearer, "acme", added.id)
    assert (await house.services.setup_links.describe(bearer)).finished


async def test_R7_the_bearer_sets_the_directory_up_until_it_is_enabled(house: House, ada: Person) -> None:
    bearer, _, _ = await linked(house, ada, SetupIntent.DIRECTORY)
    directory = house.services.directory
    change = DirectoryChange(on_deactivate=OnDeactivate.SUSPEND)
    assert (await directory.update(bearer, "acme", change)).on_deactivate is OnDeactivate.SUSPEND
    assert not (await house.services.setup_links.describe(bearer)).finished
    for attempt in (
        directory.enable(bearer, "acme"),
        directory.create_token(bearer, "acme"),
        directory.tokens(bearer, "acme"),
        directory.users(bearer, "acme", PageRequest()),
        directory.disable(bearer, "acme"),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    await house.enable_directory()
    with pytest.raises(DomainError, match="directory_in_use"):
        await directory.update(bearer, "acme", change)
    assert (await directory.get(bearer, "acme")).enabled
    assert (await house.services.setup_links.describe(bearer)).finished
    with pytest.raises(DomainError, match="directory_in_use"):
        await linked(house, ada, SetupIntent.DIRECTORY)


async def test_R7_a_link_is_made_for_what_is_there_and_not_in_use(house: House, ada: Person) -> None:
    verified = await verified_domain(house, ada, "acme.test")
    for intent, names, code in (
        (SetupIntent.SSO, {"connection_id": "conn_unknown"}, "unknown_connection"),
        (SetupIntent.DOMAIN, {"domain_id": "dom_unknown"}, "unknown_domain"),
        (SetupIntent.DOMAIN, {"domain_id": verified}, "domain_in_use"),
        (SetupIntent.DIRECTORY, {"domain_id": verified}, "invalid_setup_link"),
    ):
        with pytest.raises(DomainError, match=code):
            await linked(house, ada, intent, **names)
    await entitle(house, "acme", Plan.HOBBY)
    with pytest.raises(DomainError, match="sso_not_entitled"):
        await linked(house, ada, SetupIntent.SSO)
    assert await house.count("setup_links") == 0


async def test_R7_a_link_is_stored_as_a_hash_listed_without_its_secret_and_audited(house: House, ada: Person) -> None:
    _, link_id, secret = await linked(house, ada, SetupIntent.SSO)
    links = house.services.setup_links
    (listed,) = (await links.list(ada.caller, "acme", PageRequest())).items
    assert (listed.link.id, listed.active, listed.link.created_by_email) == (link_id, True, ada.email)
    # It was looked up once, by the test.
    assert listed.link.last_used_at is not None
    assert await links.get(ada.caller, "acme", link_id) == listed
    assert await house.count("setup_links", secret_hash=secret) == 0
    created = (await house.events("setup_link.created"))[0]
    assert secret not in str(created)
    assert created.after["intent"] == "sso"
    await links.revoke(ada.caller, "acme", link_id)
    assert not await is_open(house, secret)
    assert (await house.events("setup_link.revoked"))[0].target_id == link_id
    for attempt in (links.get(ada.caller, "acme", link_id), links.revoke(ada.caller, "acme", link_id)):
        with pytest.raises(DomainError, match="setup_link_not_found"):
            await attempt


async def test_R1_R7_only_administrators_make_see_and_revoke_links(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    _, link_id, secret = await linked(house, ada, SetupIntent.SSO)
    links = house.services.setup_links
    for attempt in (
        links.create(bo.caller, "acme", SetupLinkDraft(SetupIntent.SSO, HOUR)),
        links.list(bo.caller, "acme", PageRequest()),
        links.get(bo.caller, "acme", link_id),
        links.revoke(bo.caller, "acme", link_id),
        links.describe(bo.caller),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    with pytest.raises(DomainError, match="authentication_required"):
        await links.describe(Caller(None))
    assert await is_open(house, secret)


async def test_R7_a_link_expires(house: House, ada: Person) -> None:
    bearer, _, secret = await linked(house, ada, SetupIntent.SSO)
    house.clock.turn(timedelta(seconds=HOUR))
    assert not await is_open(house, secret)
    assert not (await house.services.setup_links.list(ada.caller, "acme", PageRequest())).items[0].active
    assert bearer.principal is not None


async def demoted(house: House, ada: Person, bo: Person) -> None:
    members, member_id = house.services.members, (await house.member(bo)).id
    await members.set_role(ada.caller, "acme", member_id, Role.MEMBER)
    await members.set_role(ada.caller, "acme", member_id, Role.ADMINISTRATOR)


async def suspended(house: House, ada: Person, bo: Person) -> None:
    await house.services.members.suspend(ada.caller, "acme", (await house.member(bo)).id)


async def removed(house: House, ada: Person, bo: Person) -> None:
    await house.services.members.remove(ada.caller, "acme", (await house.member(bo)).id)


@pytest.mark.parametrize("end", [demoted, suspended, removed])
async def test_R7_a_link_dies_when_its_maker_stops_being_an_administrator(
    house: House, ada: Person, end: Callable[[House, Person, Person], Awaitable[None]]
) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    connection_id = await drafted(house, ada)
    bearer, _, secret = await linked(house, bo, SetupIntent.SSO, connection_id=connection_id)
    await end(house, ada, bo)
    assert not await is_open(house, secret)
    # Also for who was let in a moment before.
    with pytest.raises(DomainError, match="invalid_token"):
        await house.services.connections.get(bearer, "acme", connection_id)
    links = (await house.services.setup_links.list(ada.caller, "acme", PageRequest())).items
    assert [link.active for link in links] == ([] if end is removed else [False])


async def test_R7_R12_requiring_sso_of_the_maker_changes_nothing_of_the_link(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    _, _, secret = await linked(house, bo, SetupIntent.DIRECTORY)
    await house.enable_sso()
    await house.services.members.require_sso(ada.caller, "acme", (await house.member(bo)).id)
    assert await is_open(house, secret)


async def test_R7_a_link_goes_with_what_it_names(house: House, ada: Person) -> None:
    connection_id = await drafted(house, ada)
    _, _, secret = await linked(house, ada, SetupIntent.SSO, connection_id=connection_id)
    await house.services.connections.delete(ada.caller, "acme", connection_id)
    assert not await is_open(house, secret)


async def test_an_organization_has_so_many_links_and_no_more(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.setup_links.MAX_SETUP_LINKS", 1)
    draft = SetupLinkDraft(SetupIntent.DOMAIN, HOUR)
    create = house.services.setup_links.create
    assert await settled(*(create(ada.caller, "acme", draft) for _ in range(3))) == ["too_many_setup_links"] * 2
    assert MAX_SETUP_LINKS >= 10
    house.clock.turn(timedelta(seconds=HOUR))
    await create(ada.caller, "acme", draft)


async def test_R63_a_link_revoked_while_its_bearer_edits_changes_nothing(house: House, ada: Person) -> None:
    connection_id = await drafted(house, ada)
    bearer, link_id, _ = await linked(house, ada, SetupIntent.SSO, connection_id=connection_id)

    async def revoke(uow: SqlUnitOfWork, organization_id: str) -> None:
        await uow.setup_links.delete(organization_id, link_id)

    edit = house.services.connections.update(bearer, "acme", connection_id, ConnectionChange(name="Mine"))
    # The edit looks twice; make it wait at the second look, which is under the lock.
    with pytest.raises(DomainError, match="invalid_token"):
        await while_holding(house, revoke, edit)
    assert await house.count("connections", name="Mine") == 0


async def test_R63_a_connection_activated_while_a_link_edits_it_is_not_edited(house: House, ada: Person) -> None:
    idp: Idp = await connect(house, ada)
    draft = await drafted(house, ada)
    bearer, _, _ = await linked(house, ada, SetupIntent.SSO, connection_id=draft)

    async def activate(uow: SqlUnitOfWork, organization_id: str) -> None:
        connection = await uow.connections.get(organization_id, draft)
        assert connection is not None
        await uow.connections.save(replace(connection, idp=idp.connection.idp, status=ConnectionStatus.ACTIVE))

    edit = house.services.connections.update(bearer, "acme", draft, ConnectionChange(name="Mine"))
    with pytest.raises(DomainError, match="connection_in_use"):
        await while_holding(house, activate, edit)
    assert await house.count("connections", name="Mine") == 0


async def test_R63_the_maker_suspended_while_a_link_makes_a_connection_leaves_none(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    bearer, _, _ = await linked(house, bo, SetupIntent.SSO)
    member = await house.member(bo)

    async def suspend(uow: SqlUnitOfWork, _: str) -> None:
        await uow.members.save(replace(member, status=MemberStatus.SUSPENDED))

    create = house.services.connections.create(bearer, "acme", ConnectionDraft("Mine", Provider.OKTA))
    with pytest.raises(DomainError, match="invalid_token"):
        await while_holding(house, suspend, create)
    assert await house.count("connections") == 0


async def test_R63_a_link_used_twice_at_once_makes_one_connection(house: House, ada: Person) -> None:
    bearer, _, _ = await linked(house, ada, SetupIntent.SSO)
    create = house.services.connections.create
    refused = await settled(
        *(create(bearer, "acme", ConnectionDraft(f"Okta {number}", Provider.OKTA)) for number in range(3))
    )
    assert refused == ["setup_link_names_another"] * 2
    assert await house.count("connections") == 1
