"""Databases, their administrators and their credentials (R14, R15)."""

import pytest

from ostiary.domain.errors import DomainError
from ostiary.services.paging import PageRequest
from ostiary.services.ports.databases import CredentialFilter
from tests.support.house import House, Person
from tests.support.sso import connect


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def bo(house: House, ada: Person) -> Person:
    """A member of acme."""
    return await house.joined(ada, "bo@acme.test")


async def test_a_database_is_made_once_under_a_name_and_deleted_with_all_it_has(
    house: House, ada: Person, bo: Person
) -> None:
    databases = house.services.databases
    orders = await databases.create(ada.caller, "acme", "orders")
    with pytest.raises(DomainError, match="database_name_taken"):
        await databases.create(ada.caller, "acme", "orders")
    await databases.grant_administrator(ada.caller, "acme", orders.id, (await house.member(bo)).id)
    made = await house.services.credentials.create(ada.caller, "acme", orders.id, "api")
    await databases.delete(ada.caller, "acme", orders.id)
    assert (await databases.list(bo.caller, "acme", PageRequest())).items == ()
    assert await house.services.credentials.verify(username=made.credential.username, secret=made.secret) is None
    assert await house.count("database_administrators") == 0
    with pytest.raises(DomainError, match="database_not_found"):
        await databases.delete(ada.caller, "acme", orders.id)


async def test_granting_and_revoking_the_role_twice_is_doing_it_once(house: House, ada: Person, bo: Person) -> None:
    databases = house.services.databases
    orders, member = await databases.create(ada.caller, "acme", "orders"), await house.member(bo)
    for _ in range(2):
        await databases.grant_administrator(ada.caller, "acme", orders.id, member.id)
    details = await house.services.members.get(bo.caller, "acme", member.id)
    assert details.database_administrator_of == ((orders.id, "orders"),)
    for _ in range(2):
        await databases.revoke_administrator(ada.caller, "acme", orders.id, member.id)
    assert (await house.services.members.get(bo.caller, "acme", member.id)).database_administrator_of == ()
    granted, revoked = "database.administrator_granted", "database.administrator_revoked"
    assert [len(await house.events(action)) for action in (granted, revoked)] == [1, 1]


async def test_a_database_administrator_keeps_credentials_of_that_database_alone(
    house: House, ada: Person, bo: Person
) -> None:
    services = house.services
    orders = await services.databases.create(ada.caller, "acme", "orders")
    billing = await services.databases.create(ada.caller, "acme", "billing")
    await services.databases.grant_administrator(ada.caller, "acme", orders.id, (await house.member(bo)).id)
    own = (await services.credentials.create(bo.caller, "acme", orders.id, "api")).credential
    other = (await services.credentials.create(ada.caller, "acme", billing.id, "api")).credential
    page = await services.credentials.of_database(bo.caller, "acme", orders.id, PageRequest())
    assert page.items == (own,)
    for attempt in (
        services.credentials.create(bo.caller, "acme", billing.id, "mine"),
        services.credentials.of_database(bo.caller, "acme", billing.id, PageRequest()),
        services.credentials.revoke(bo.caller, "acme", other.id),
        services.credentials.of_organization(bo.caller, "acme", CredentialFilter(), PageRequest()),
        services.databases.grant_administrator(bo.caller, "acme", billing.id, (await house.member(bo)).id),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    await services.credentials.revoke(bo.caller, "acme", own.id)
    page = await services.credentials.of_organization(ada.caller, "acme", CredentialFilter(), PageRequest())
    assert page.items == (other,)


async def test_a_credential_verifies_with_its_secret_until_it_is_revoked(house: House, ada: Person) -> None:
    credentials = house.services.credentials
    orders = await house.services.databases.create(ada.caller, "acme", "orders")
    made = await credentials.create(ada.caller, "acme", orders.id, "api")
    username = made.credential.username
    assert len(username) <= 32
    found = await credentials.verify(username=username, secret=made.secret)
    assert found == made.credential
    assert await credentials.verify(username=username, secret=f"{made.secret}x") is None
    assert await credentials.verify(username=username, secret="") is None
    assert await credentials.verify(username="cred_nobody", secret=made.secret) is None
    assert await credentials.verify(username="cred_nobody", secret="") is None
    await credentials.revoke(ada.caller, "acme", made.credential.id)
    assert await credentials.verify(username=username, secret=made.secret) is None
    with pytest.raises(DomainError, match="credential_not_found"):
        await credentials.revoke(ada.caller, "acme", made.credential.id)


async def test_the_secret_of_a_credential_is_stored_as_a_hash_and_in_no_event(house: House, ada: Person) -> None:
    orders = await house.services.databases.create(ada.caller, "acme", "orders")
    made = await house.services.credentials.create(ada.caller, "acme", orders.id, "api")
    assert await house.count("credentials", secret_hash=made.secret) == 0
    [event] = await house.events("credential.created")
    assert event.after == {"name": "api", "database_id": orders.id}


async def test_R15_credentials_of_removed_creators_can_be_listed(house: House, ada: Person, bo: Person) -> None:
    services = house.services
    orders = await services.databases.create(ada.caller, "acme", "orders")
    member = await house.member(bo)
    await services.databases.grant_administrator(ada.caller, "acme", orders.id, member.id)
    of_bo = (await services.credentials.create(bo.caller, "acme", orders.id, "bo's")).credential
    of_ada = (await services.credentials.create(ada.caller, "acme", orders.id, "ada's")).credential

    async def listed(creator_removed: bool | None) -> list[tuple[str, bool]]:
        matching = CredentialFilter(creator_removed=creator_removed)
        page = await services.credentials.of_organization(ada.caller, "acme", matching, PageRequest())
        return [(credential.id, credential.creator_removed) for credential in page.items]

    assert await listed(creator_removed=True) == []
    await services.members.remove(ada.caller, "acme", member.id)
    assert await listed(creator_removed=True) == [(of_bo.id, True)]
    assert await listed(creator_removed=False) == [(of_ada.id, False)]
    assert await listed(None) == [(of_bo.id, True), (of_ada.id, False)]


async def test_R15_enabling_sso_keeps_the_credentials_of_those_it_removes(
    house: House, ada: Person, bo: Person
) -> None:
    services = house.services
    orders = await services.databases.create(ada.caller, "acme", "orders")
    await services.databases.grant_administrator(ada.caller, "acme", orders.id, (await house.member(bo)).id)
    made = await services.credentials.create(bo.caller, "acme", orders.id, "api")
    await house.enable_sso()
    assert not await house.is_member(bo)
    assert await house.count("database_administrators") == 0
    found = await services.credentials.verify(username=made.credential.username, secret=made.secret)
    assert found is not None
    assert found.creator_removed
    assert found.created_by_email == bo.email


async def test_databases_and_credentials_of_another_organization_are_not_found(house: House, ada: Person) -> None:
    services = house.services
    orders = await services.databases.create(ada.caller, "acme", "orders")
    made = await services.credentials.create(ada.caller, "acme", orders.id, "api")
    eve = await house.person("eve@evil.test")
    await house.organization(eve, "evil")
    their_member = await house.member(eve, "evil")
    for attempt in (
        services.databases.delete(eve.caller, "evil", orders.id),
        services.databases.grant_administrator(eve.caller, "evil", orders.id, their_member.id),
        services.credentials.create(eve.caller, "evil", orders.id, "mine"),
        services.credentials.of_database(eve.caller, "evil", orders.id, PageRequest()),
        services.credentials.revoke(eve.caller, "evil", made.credential.id),
    ):
        with pytest.raises(DomainError, match=r"(database|credential)_not_found"):
            await attempt
    with pytest.raises(DomainError, match="organization_not_found"):
        await services.credentials.revoke(eve.caller, "acme", made.credential.id)
    assert await services.credentials.verify(username=made.credential.username, secret=made.secret) is not None


async def test_R15_surviving_credentials_of_removed_creators_are_revoked_in_one_call(
    house: House, ada: Person, bo: Person
) -> None:
    credentials = house.services.credentials
    database = await house.services.databases.create(ada.caller, "acme", name="orders")
    await house.services.databases.grant_administrator(ada.caller, "acme", database.id, (await house.member(bo)).id)
    bos = [(await credentials.create(bo.caller, "acme", database.id, f"bo {number}")) for number in range(3)]
    adas = await credentials.create(ada.caller, "acme", database.id, "ada's")
    await house.services.members.remove(ada.caller, "acme", (await house.member(bo)).id)

    revoked = await credentials.revoke_all(ada.caller, "acme", None)

    assert {credential.id for credential in revoked} == {made.credential.id for made in bos}
    assert all(credential.creator_removed for credential in revoked)
    for made in bos:
        assert await credentials.verify(username=made.credential.username, secret=made.secret) is None
    assert await credentials.verify(username=adas.credential.username, secret=adas.secret) is not None
    assert {event.target_id for event in await house.events("credential.revoked")} == {one.id for one in revoked}
    assert await credentials.revoke_all(ada.caller, "acme", None) == ()


async def test_credentials_named_are_revoked_all_or_none(house: House, ada: Person) -> None:
    credentials = house.services.credentials
    database = await house.services.databases.create(ada.caller, "acme", name="orders")
    made = [(await credentials.create(ada.caller, "acme", database.id, f"app {number}")) for number in range(2)]
    ids = [one.credential.id for one in made]

    with pytest.raises(DomainError) as refused:
        await credentials.revoke_all(ada.caller, "acme", [ids[0], "cred_01h455vb4pex5vsknk084sn02q"])
    assert (refused.value.code, refused.value.pointer) == ("credential_not_found", "/ids/1")
    assert await credentials.verify(username=made[0].credential.username, secret=made[0].secret) is not None
    assert await house.events("credential.revoked") == []

    assert {one.id for one in await credentials.revoke_all(ada.caller, "acme", ids)} == set(ids)


async def test_what_is_not_there_is_not_found_for_members_and_database_administrators_too(
    house: House, ada: Person, bo: Person
) -> None:
    services = house.services
    orders = await services.databases.create(ada.caller, "acme", "orders")
    await house.organization(ada, "bolts")
    foreign = await services.databases.create(ada.caller, "bolts", "theirs")
    secret = await services.credentials.create(ada.caller, "bolts", foreign.id, "api")
    cy = await house.joined(ada, "cy@acme.test")
    await services.databases.grant_administrator(ada.caller, "acme", orders.id, (await house.member(bo)).id)
    assert await services.databases.get(cy.caller, "acme", orders.id) == orders
    for person in (ada, bo, cy):
        with pytest.raises(DomainError, match="database_not_found"):
            await services.databases.get(person.caller, "acme", foreign.id)
        with pytest.raises(DomainError, match="database_not_found"):
            await services.credentials.create(person.caller, "acme", foreign.id, "api")
        with pytest.raises(DomainError, match="database_not_found"):
            await services.credentials.of_database(person.caller, "acme", foreign.id, PageRequest())
        with pytest.raises(DomainError, match="credential_not_found"):
            await services.credentials.revoke(person.caller, "acme", secret.credential.id)


async def test_R14_an_administrator_of_all_databases_administers_those_to_come_and_loses_it_with_the_membership(
    house: House, ada: Person, bo: Person
) -> None:
    services = house.services
    orders = await services.databases.create(ada.caller, "acme", "orders")
    await house.organization(ada, "bolts")
    foreign = await services.databases.create(ada.caller, "bolts", "theirs")
    member = (await house.member(bo)).id
    for _ in range(2):
        await services.databases.grant_administrator(ada.caller, "acme", "all", member)
    later = await services.databases.create(ada.caller, "acme", "later")
    for database in (orders, later):
        assert (await services.credentials.create(bo.caller, "acme", database.id, "app")).secret
    with pytest.raises(DomainError, match="database_not_found"):
        await services.credentials.create(bo.caller, "acme", foreign.id, "app")
    details = await services.members.get(ada.caller, "acme", member)
    assert (details.administers_all_databases, details.database_administrator_of) == (True, ())
    [granted] = await house.events("database.administrator_granted")
    assert (granted.target_kind, granted.after["member_id"]) == ("organization", member)

    for _ in range(2):
        await services.databases.revoke_administrator(ada.caller, "acme", "all", member)
    assert len(await house.events("database.administrator_revoked")) == 1
    with pytest.raises(DomainError, match="forbidden"):
        await services.credentials.create(bo.caller, "acme", orders.id, "another")

    await services.databases.grant_administrator(ada.caller, "acme", "all", member)
    await services.members.remove(ada.caller, "acme", member)
    [removed] = await house.events("member.removed")
    assert removed.before["administers_all_databases"] is True
    assert await house.count("all_database_administrators") == 0


async def test_R6_R14_enabling_sso_counts_administrators_of_all_databases_too(
    house: House, ada: Person, bo: Person
) -> None:
    await connect(house, ada, "acme")
    await house.services.databases.grant_administrator(ada.caller, "acme", "all", (await house.member(bo)).id)
    effects = await house.services.sso.preview_enablement(ada.caller, "acme")
    assert effects.database_administrators_revoked == 1
