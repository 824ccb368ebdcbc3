"""A deleted organization opens nothing, comes back as it was, and is gone for good after 30 days."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from ostiary.adapters.db.tables import metadata
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import Role
from ostiary.domain.organization import RESTORABLE_FOR
from ostiary.domain.principal import OPERATOR
from ostiary.services.cleanup import CleanupService
from ostiary.services.context import Caller
from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import MemberFilter, OrganizationFilter
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import PASSWORD, House, Person
from tests.support.sso import Idp, connect

SUPPORT = Caller(OPERATOR)


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    return await connect(house, ada, "acme")


async def everything(house: House) -> dict[str, list[str]]:
    """Every row of the organization but sessions and what tells of its deletion."""
    found: dict[str, list[str]] = {}
    told = {"audit_events", "sessions", "one_time_codes", "sign_in_flows", "recovery_links", "webhook_deliveries"}
    async with house.uow() as uow:
        for table in metadata.sorted_tables:
            if table.name not in told and ("organization_id" in table.c or table.name == "organizations"):
                rows = await uow._transaction.execute(text(f"SELECT t::text AS row FROM {table.name} t ORDER BY 1"))
                found[table.name] = [row.row for row in rows]
    return found


async def test_every_access_ends_at_once_and_comes_back_with_the_organization(
    house: House, ada: Person, idp: Idp
) -> None:
    services, lookup = house.services, house.services.authenticator.lookup
    cy = await house.joined(ada, "cy@acme.test")
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    database = await services.databases.create(ada.caller, "acme", "orders")
    credential = await services.credentials.create(ada.caller, "acme", database.id, "app")
    robot = await services.service_accounts.create(ada.caller, "acme", name="Robot", role=Role.ADMINISTRATOR)
    token = await services.service_accounts.create_token(ada.caller, "acme", robot.id, name="CI", expires_at=None)
    await services.invitations.create(ada.caller, "acme", email="di@acme.test", role=Role.MEMBER, team_ids=[])
    invitation = await house.invitation_token("di@acme.test")
    di = await house.person("di@acme.test")
    await house.enable_sso()
    enabled = await services.directory.enable(ada.caller, "acme")
    session = await house.sso_session(cy)
    before = await everything(house)

    deleted = await services.organization_deletion.delete(ada.caller, "acme")
    assert deleted.deleted_at is not None
    assert deleted.purged_at == deleted.deleted_at + RESTORABLE_FOR

    for caller in (ada.caller, bo.caller, cy.caller):
        with pytest.raises(DomainError, match="organization_not_found"):
            await services.organizations.get(caller, "acme")
    for reference in ("acme", deleted.id):
        with pytest.raises(DomainError, match="organization_not_found"):
            await services.sign_in_start.start(reference, SignInWish())
    assert await services.sign_in_start.discover("cy@acme.test") == ()
    with pytest.raises(DomainError, match="connection_not_found"):
        await services.sign_in_start.sp_metadata(idp.connection.id)
    assert await house.principal(session) is None
    assert enabled.token is not None
    assert await lookup.directory_token(enabled.token) is None
    assert await lookup.service_account(token.secret) is None
    assert await services.credentials.verify(username=credential.credential.username, secret=credential.secret) is None
    with pytest.raises(DomainError, match="invalid_token"):
        await services.invitations.accept(di.caller, invitation)
    with pytest.raises(DomainError, match="slug_taken"):
        await services.organizations.create(di.caller, name="Acme", slug="acme")

    await services.organization_deletion.restore(bo.caller, "acme")
    assert await everything(house) == before
    assert await lookup.directory_token(enabled.token) is not None
    assert await lookup.service_account(token.secret) is not None
    assert await services.credentials.verify(username=credential.credential.username, secret=credential.secret)
    assert (await services.sign_in_start.discover("cy@acme.test")) != ()
    assert [event.action for event in await house.events("organization.deleted")] == ["organization.deleted"]
    [restored] = await house.events("organization.restored")
    assert restored.actor.id == bo.account_id


async def test_somebody_bound_to_sso_by_a_deleted_organization_alone_signs_in_by_password_again(
    house: House, ada: Person
) -> None:
    cy = await house.joined(ada, "cy@acme.test", Role.ADMINISTRATOR)
    await connect(house, ada, "acme")
    await house.services.sso.enable(ada.caller, "acme", acknowledge_untested=True)
    await house.services.members.require_sso(ada.caller, "acme", (await house.member(cy)).id)
    with pytest.raises(DomainError, match="sso_required"):
        await house.services.accounts.sign_in(email="cy@acme.test", password=PASSWORD)
    await house.services.organization_deletion.delete(ada.caller, "acme")
    signed_in = await house.services.accounts.sign_in(email="cy@acme.test", password=PASSWORD)
    assert signed_in.account.email == "cy@acme.test"


async def test_administrators_alone_see_it_and_have_it_back(house: House, ada: Person) -> None:
    services = house.services
    cy, eve = await house.joined(ada, "cy@acme.test"), await house.person("eve@elsewhere.test")
    with pytest.raises(DomainError, match="organization_not_deleted"):
        await services.organization_deletion.restore(ada.caller, "acme")
    with pytest.raises(DomainError, match="forbidden"):
        await services.organization_deletion.delete(cy.caller, "acme")
    await services.organization_deletion.delete(ada.caller, "acme")
    assert await services.accounts.my_organizations(cy.caller) == ()
    [entrance] = await services.accounts.my_organizations(ada.caller)
    assert entrance.organization.purged_at is not None
    for caller, code in ((cy.caller, "forbidden"), (eve.caller, "organization_not_found")):
        with pytest.raises(DomainError, match=code):
            await services.organization_deletion.restore(caller, "acme")
    mails = [mail for mail in await house.mails() if "was deleted" in mail.subject]
    assert [mail.to for mail in mails] == [ada.email]
    assert "/v1/organizations/acme/restore" in mails[0].text
    await services.organization_deletion.restore(ada.caller, "acme")
    assert (await services.members.list(cy.caller, "acme", MemberFilter(), PageRequest())).items


async def test_support_gives_it_back_and_says_why(house: House, ada: Person) -> None:
    services = house.services
    with pytest.raises(DomainError, match="organization_not_deleted"):
        await services.organization_deletion.restore_by_support(SUPPORT, "acme", "A letter came.")
    with pytest.raises(DomainError, match="organization_not_found"):
        await services.organization_deletion.restore_by_support(SUPPORT, "nobody", "A letter came.")
    await services.organization_deletion.delete(ada.caller, "acme")
    gone = OrganizationFilter(deleted=True)
    assert [each.slug for each in (await services.organizations.list_all(SUPPORT, gone, PageRequest())).items] == [
        "acme"
    ]
    await services.organization_deletion.restore_by_support(SUPPORT, "acme", "A letter came.")
    assert (await services.organizations.list_all(SUPPORT, gone, PageRequest())).items == ()
    [event] = await house.events("organization.restored")
    assert (event.actor.kind, event.after["reason"]) == ("operator", "A letter came.")


async def test_after_thirty_days_every_row_of_it_goes_and_nobody_elses(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = house.services
    await connect(house, ada, "acme")
    bolts = await house.organization(ada, "bolts")
    for number in range(7):
        await house.joined(ada, f"m{number}@acme.test")
    await services.teams.create(ada.caller, "acme", "Platform")
    await services.organization_deletion.delete(ada.caller, "acme")
    # So small that an organization takes several transactions.
    monkeypatch.setattr("ostiary.services.cleanup.BATCH", 3)
    house.clock.turn(RESTORABLE_FOR - timedelta(minutes=1))
    assert (await CleanupService(house.kit).run()).get("organizations") is None
    house.clock.turn(timedelta(minutes=2))
    gone = (await CleanupService(house.kit).run())["organizations"]
    assert gone > 10
    async with house.uow() as uow:
        for table in metadata.sorted_tables:
            if "organization_id" in table.c and table.name != "sessions":
                rows = await uow._transaction.execute(text(f"SELECT DISTINCT organization_id FROM {table.name}"))
                left = {str(row.organization_id) for row in rows}
                assert len(left) <= 1, table.name
    fresh = await services.accounts.sign_in(email=ada.email, password=PASSWORD)
    assert fresh.account.email == ada.email
    assert await house.count("organizations") == 1
    found = await services.organizations.list_all(SUPPORT, OrganizationFilter(), PageRequest())
    assert [each.id for each in found.items] == [bolts.id]
