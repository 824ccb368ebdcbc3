"""Enabling and disabling SSO (R1, R2, R4, R6, R10–R18, R55–R57, R62)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.domain import ids
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy, MemberStatus, Role
from ostiary.domain.organization import AddOn, Plan
from ostiary.services.context import Caller
from ostiary.services.directory import DirectoryChange
from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import MemberFilter
from ostiary.services.sso import Enabled
from tests.support.house import PASSWORD, House, Person
from tests.support.sso import Idp, connect, enable, entitle


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """An active connection with a verified domain."""
    return await connect(house, ada)


async def enabling(house: House, person: Person, *, acknowledge_untested: bool = True) -> Enabled:
    return await house.services.sso.enable(person.caller, "acme", acknowledge_untested=acknowledge_untested)


async def test_R1_only_an_administrator_enables_configures_or_disables_sso(house: House, ada: Person, idp: Idp) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    sso = house.services.sso
    for attempt in (
        enabling(house, bo),
        sso.update(bo.caller, "acme", session_duration_seconds=600, manage_roles=None, role_attribute=None),
        sso.preview_enablement(bo.caller, "acme"),
        sso.disable(bo.caller, "acme", suspend_member_ids=()),
        sso.renew_recovery_codes(bo.caller, "acme"),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    assert not (await sso.get(ada.caller, "acme")).settings.enabled
    assert await house.is_member(bo)


@pytest.mark.parametrize(("plan", "add_ons"), [(Plan.HOBBY, ()), (Plan.HOBBY, (AddOn.SSO,)), (Plan.SCALER_PRO, ())])
async def test_R2_enabling_without_the_entitlement_is_refused(
    house: House, ada: Person, idp: Idp, plan: Plan, add_ons: tuple[AddOn, ...]
) -> None:
    await entitle(house, "acme", plan, *add_ons)
    with pytest.raises(DomainError, match="sso_not_entitled"):
        await enabling(house, ada)


async def test_R2_the_add_on_entitles_scaler_pro(house: House, ada: Person, idp: Idp) -> None:
    await entitle(house, "acme", Plan.SCALER_PRO, AddOn.SSO)
    assert (await enabling(house, ada)).view.settings.enabled


async def test_R2_a_lost_entitlement_leaves_repair_and_disabling_open(house: House, ada: Person, idp: Idp) -> None:
    await enable(house, ada)
    await entitle(house, "acme", Plan.HOBBY)
    await house.services.connections.activate(ada.caller, "acme", idp.connection.id)
    disabled = await house.services.sso.disable(ada.caller, "acme", suspend_member_ids=())
    assert not disabled.view.settings.enabled


async def test_R4_sso_without_a_domain_or_an_active_connection_is_not_ready(house: House, ada: Person) -> None:
    await entitle(house)
    with pytest.raises(DomainError, match="sso_not_ready: Verify"):
        await enabling(house, ada)
    idp = await connect(house, ada)
    await house.services.connections.deactivate(ada.caller, "acme", idp.connection.id)
    with pytest.raises(DomainError, match="sso_not_ready: Activate"):
        await enabling(house, ada)


async def test_R4_an_untested_connection_needs_an_acknowledgement(house: House, ada: Person, idp: Idp) -> None:
    with pytest.raises(DomainError, match="connection_untested"):
        await enabling(house, ada, acknowledge_untested=False)
    request_id, relay_state = await idp.depart_test(ada)
    await idp.arrive(idp.says(request_id, "ada@acme.test"), relay_state)
    assert (await enabling(house, ada, acknowledge_untested=False)).view.settings.enabled


async def test_R4_what_carries_sso_cannot_be_taken_away_while_it_is_on(house: House, ada: Person, idp: Idp) -> None:
    await enable(house, ada)
    connections, domain_id = house.services.connections, idp.connection.domain_ids[0]
    for attempt in (
        connections.deactivate(ada.caller, "acme", idp.connection.id),
        connections.delete(ada.caller, "acme", idp.connection.id),
        house.services.domains.delete(ada.caller, "acme", domain_id),
    ):
        with pytest.raises(DomainError, match="sso_in_use"):
            await attempt
    assert (await connections.get(ada.caller, "acme", idp.connection.id)).connection.domain_ids == (domain_id,)


async def test_R6_the_preview_says_what_enabling_then_does_and_changes_nothing(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.joined(ada, "bo@acme.test")
    await house.joined(ada, "eve@elsewhere.test", Role.ADMINISTRATOR)
    await house.services.invitations.create(ada.caller, "acme", email="x@acme.test", role=Role.MEMBER, team_ids=[])
    preview = await house.services.sso.preview_enablement(ada.caller, "acme")
    assert not (await house.services.sso.get(ada.caller, "acme")).settings.enabled
    assert (preview.members_removed, preview.invitations_revoked, preview.administrators_kept) == (1, 1, 2)
    assert [(item.email, item.in_allowed_domain) for item in preview.administrators] == [
        ("ada@acme.test", True),
        ("eve@elsewhere.test", False),
    ]
    assert (await enabling(house, ada)).effects == preview


async def test_R10_R11_members_are_removed_and_administrators_await_their_first_sso_sign_in(
    house: House, ada: Person, idp: Idp
) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    deputy = await house.joined(ada, "di@acme.test", Role.ADMINISTRATOR)
    await enable(house, ada)
    assert not await house.is_member(bo)
    assert (await house.member(ada)).awaiting_first_sso_sign_in
    assert (await house.member(deputy)).awaiting_first_sso_sign_in
    [event] = await house.events("sso.enabled")
    assert event.actor.id == ada.account_id
    assert event.after["members_removed"] == 1


async def test_R12_an_awaiting_administrator_uses_old_and_new_password_sessions_until_the_first_sso_sign_in(
    house: House, ada: Person, idp: Idp
) -> None:
    await enable(house, ada)
    await house.services.sso.get(ada.caller, "acme")
    again = await house.services.accounts.sign_in(email=ada.email, password=PASSWORD)
    newer = Caller(await house.principal(again.token))
    await house.services.sso.get(newer, "acme")
    await idp.sign_in(ada.email)
    assert not (await house.member(ada)).awaiting_first_sso_sign_in
    for caller in (ada.caller, newer):
        with pytest.raises(DomainError, match="sso_required") as refused:
            await house.services.sso.get(caller, "acme")
        assert refused.value.extra["sign_in_url"] == "http://ostiary.test/sso/acme"
    with pytest.raises(DomainError, match="sso_required"):
        await house.services.accounts.sign_in(email=ada.email, password=PASSWORD)
    with pytest.raises(DomainError, match="invalid_credentials"):
        await house.services.accounts.sign_in(email=ada.email, password="not the password")


async def test_R12_an_account_with_another_organization_still_signs_in_with_the_password(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.organization(ada, "other")
    await enable(house, ada)
    await idp.sign_in(ada.email)
    again = await house.services.accounts.sign_in(email=ada.email, password=PASSWORD)
    caller = Caller(await house.principal(again.token))
    assert (await house.services.organizations.get(caller, "other")).slug == "other"
    with pytest.raises(DomainError, match="sso_required"):
        await house.services.organizations.get(caller, "acme")


async def test_R13_R14_team_memberships_and_database_roles_go_with_the_member_and_do_not_come_back(
    house: House, ada: Person, idp: Idp
) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    member = await house.member(bo)
    team = await house.services.teams.create(ada.caller, "acme", "Crew")
    await house.services.teams.add_member(ada.caller, "acme", team.id, member.id)
    database = await house.services.databases.create(ada.caller, "acme", "orders")
    await house.services.databases.grant_administrator(ada.caller, "acme", database.id, member.id)
    enabled = await enabling(house, ada)
    assert enabled.effects.team_memberships_removed == 1
    assert enabled.effects.database_administrators_revoked == 1
    await idp.sign_in("bo@acme.test")
    back = await house.member(bo)
    async with house.uow() as uow:
        details = await uow.members.details(back.organization_id, back.id)
    assert details is not None
    assert (details.teams, details.database_administrator_of) == ((), ())
    async with house.uow() as uow:
        remaining = await uow.teams.list(back.organization_id, PageRequest())
    assert [item.name for item in remaining.items] == ["Crew"]


async def test_R16_pending_invitations_are_revoked_and_new_ones_refused(house: House, ada: Person, idp: Idp) -> None:
    await house.services.invitations.create(ada.caller, "acme", email="x@acme.test", role=Role.MEMBER, team_ids=[])
    token = await house.invitation_token("x@acme.test")
    person = await house.person("x@acme.test")
    await enable(house, ada)
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        await house.services.invitations.create(ada.caller, "acme", email="y@acme.test", role=Role.MEMBER, team_ids=[])
    with pytest.raises(DomainError):
        await house.services.invitations.accept(person.caller, token)
    assert not await house.is_member(person)


async def test_R17_sessions_of_removed_members_open_other_organizations_only(
    house: House, ada: Person, idp: Idp
) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    await house.organization(bo, "bos")
    await enable(house, ada)
    with pytest.raises(DomainError, match="organization_not_found"):
        await house.services.organizations.get(bo.caller, "acme")
    assert (await house.services.organizations.get(bo.caller, "bos")).slug == "bos"


async def test_R18_enabling_twice_removes_nobody_and_shows_no_new_codes(house: House, ada: Person, idp: Idp) -> None:
    first = await enabling(house, ada)
    await idp.sign_in("bo@acme.test")
    second = await enabling(house, ada)
    assert len(first.recovery_codes) == 10
    assert second.recovery_codes == ()
    assert second.effects.members_removed == 0
    assert second.view.settings.enabled_at == first.view.settings.enabled_at
    assert len(await house.events("sso.enabled")) == 1


async def test_R18_R63_two_enablings_at_the_same_moment_are_one(house: House, ada: Person, idp: Idp) -> None:
    await house.joined(ada, "bo@acme.test")
    results = await asyncio.gather(enabling(house, ada), enabling(house, ada))
    assert sorted(len(result.recovery_codes) for result in results) == [0, 10]
    assert sorted(result.effects.members_removed for result in results) == [0, 1]
    assert len(await house.events("sso.enabled")) == 1


async def test_R56_disabling_gives_passwords_and_invitations_back_and_removes_who_has_no_account(
    house: House, ada: Person, idp: Idp
) -> None:
    await enable(house, ada)
    signed_in = await idp.sign_in(ada.email)
    caller = Caller(await house.principal(signed_in.token))
    member = await house.member(ada)
    async with house.uow() as uow:
        provisioned = replace(
            member,
            id=house._ids.new("mem"),
            account_id=None,
            email="dee@acme.test",
            role=Role.MEMBER,
            managed_by=ManagedBy.DIRECTORY,
        )
        await uow.members.add(provisioned)
        await uow.commit()
    preview = await house.services.sso.preview_disablement(caller, "acme")
    disabled = await house.services.sso.disable(caller, "acme", suspend_member_ids=())
    assert disabled.effects == preview
    assert disabled.effects.members_without_account == (provisioned.id,)
    assert (await house.services.accounts.sign_in(email=ada.email, password=PASSWORD)).account.id == ada.account_id
    await house.services.invitations.create(ada.caller, "acme", email="y@acme.test", role=Role.MEMBER, team_ids=[])
    assert await house.count("members", organization_id=await _uuid(house)) == 1


async def _uuid(house: House) -> str:

    async with house.uow() as uow:
        organization = await uow.organizations.get("acme")
    assert organization is not None
    return str(ids.decode(ids.ORGANIZATION, organization.id))


async def test_R56_dormant_members_are_named_and_can_be_suspended(house: House, ada: Person, idp: Idp) -> None:
    await enable(house, ada)
    signed_in = await idp.sign_in("bo@acme.test")
    house.clock.turn(timedelta(days=31))
    fresh = await idp.sign_in(ada.email)
    caller = Caller(await house.principal(fresh.token))
    bo = (await house.services.members.list(caller, "acme", MemberFilter(), PageRequest())).items[1].member
    assert bo.account_id == signed_in.account.id
    preview = await house.services.sso.preview_disablement(caller, "acme")
    assert preview.dormant_member_ids == (bo.id,)
    await house.services.sso.disable(caller, "acme", suspend_member_ids=[bo.id])
    async with house.uow() as uow:
        after = await uow.members.get(bo.organization_id, bo.id)
    assert after is not None
    assert after.status is MemberStatus.SUSPENDED


async def test_R57_sso_sessions_end_except_that_of_who_disables(house: House, ada: Person, idp: Idp) -> None:
    await enable(house, ada)
    bo = await idp.sign_in("bo@acme.test")
    own = await idp.sign_in(ada.email)
    await house.services.sso.disable(Caller(await house.principal(own.token)), "acme", suspend_member_ids=())
    assert await house.principal(bo.token) is None
    assert await house.principal(own.token) is not None


async def test_R62_a_recovery_code_with_the_password_opens_sso_repair_and_nothing_else(
    house: House, ada: Person, idp: Idp
) -> None:
    codes = await enable(house, ada)
    await idp.sign_in(ada.email)
    recovery = house.services.recovery
    signed_in = await recovery.recover(
        organization="acme", email=ada.email, recovery_code=codes[0], password=PASSWORD, token=None
    )
    caller = Caller(await house.principal(signed_in.token))
    assert (await house.services.sso.get(caller, "acme")).settings.enabled
    for attempt in (house.services.organizations.get(caller, "acme"), house.services.accounts.me(caller)):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    await house.services.sso.disable(caller, "acme", suspend_member_ids=())
    assert len(await house.events("sso.recovery_code_used")) == 1
    assert any("recovery code" in mail.subject for mail in await house.mails() if mail.to == ada.email)
    house.clock.turn(timedelta(minutes=16))
    assert await house.principal(signed_in.token) is None


async def test_R62_a_code_works_once_and_never_without_the_second_proof(house: House, ada: Person, idp: Idp) -> None:
    codes = await enable(house, ada)
    recovery = house.services.recovery

    async def attempt(code: str, password: str | None, token: str | None = None) -> None:
        await recovery.recover(organization="acme", email=ada.email, recovery_code=code, password=password, token=token)

    for code, password in ((codes[0], "wrong"), (codes[0], None), ("ost_rec_guess", PASSWORD)):
        with pytest.raises(DomainError, match="recovery_refused"):
            await attempt(code, password)
    await recovery.request_link(organization="acme", email=ada.email)
    token = next(mail for mail in await house.mails() if mail.subject.startswith("Repair")).text.split()[-1]
    await attempt(codes[0], None, token)
    with pytest.raises(DomainError, match="recovery_refused"):
        await attempt(codes[0], PASSWORD)
    await house.services.sso.renew_recovery_codes(ada.caller, "acme")
    with pytest.raises(DomainError, match="recovery_refused"):
        await attempt(codes[1], PASSWORD)


async def test_R50_roles_come_from_the_sso_profile_or_from_the_directory_whichever_was_first(
    house: House, ada: Person, idp: Idp
) -> None:
    await enable(house, ada)
    sso, directory = house.services.sso, house.services.directory
    await sso.update(ada.caller, "acme", session_duration_seconds=None, manage_roles=True, role_attribute=None)
    with pytest.raises(DomainError, match="role_source_conflict"):
        await directory.update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    await sso.update(ada.caller, "acme", session_duration_seconds=None, manage_roles=False, role_attribute=None)
    await directory.update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    with pytest.raises(DomainError, match="role_source_conflict"):
        await sso.update(ada.caller, "acme", session_duration_seconds=None, manage_roles=True, role_attribute=None)
    assert (await directory.get(ada.caller, "acme")).manage_roles
