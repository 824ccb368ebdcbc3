"""Members: roles, suspension, removal, links (R12, R14, R15, R17, R35, R40, R49, R61)."""

from dataclasses import replace

import pytest

from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.membership import ManagedBy, MemberStatus, Role, Source
from ostiary.services.paging import PageRequest
from ostiary.services.ports.databases import CredentialFilter
from ostiary.services.ports.organizations import MemberFilter
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def test_a_role_change_is_kept_with_who_made_it_and_audited(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    member = await house.member(bo)
    details = await house.services.members.set_role(ada.caller, "acme", member.id, Role.ADMINISTRATOR)
    assert details.member.role is Role.ADMINISTRATOR
    assert details.member.role_provenance.source is Source.PERSON
    assert details.member.role_provenance.by == ada.account_id
    [event] = await house.events("member.role_changed")
    assert event.actor.id == ada.account_id
    assert event.request_id == "a-request"
    assert event.before == {"role": "member"}
    assert event.after == {"role": "administrator", "email": "bo@acme.test"}


async def test_setting_the_role_a_member_has_changes_nothing_and_leaves_no_event(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    before = await house.member(bo)
    await house.services.members.set_role(ada.caller, "acme", before.id, Role.MEMBER)
    assert await house.member(bo) == before
    assert await house.events("member.role_changed") == []


async def test_R61_the_last_administrator_keeps_role_access_and_membership(house: House, ada: Person) -> None:
    members = house.services.members
    await house.joined(ada, "bo@acme.test")
    own = await house.member(ada)
    for attempt in (
        members.set_role(ada.caller, "acme", own.id, Role.MEMBER),
        members.suspend(ada.caller, "acme", own.id),
        members.remove(ada.caller, "acme", own.id),
    ):
        with pytest.raises(DomainError, match="last_administrator") as refused:
            await attempt
        assert refused.value.kind is Kind.CONFLICT
    assert await house.member(ada) == own


async def test_R61_a_suspended_administrator_does_not_count_as_one_who_remains(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    await house.services.members.suspend(ada.caller, "acme", (await house.member(bo)).id)
    with pytest.raises(DomainError, match="last_administrator"):
        await house.services.members.set_role(ada.caller, "acme", (await house.member(ada)).id, Role.MEMBER)


async def test_R61_an_administrator_can_leave_when_another_remains(house: House, ada: Person) -> None:
    await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    await house.services.members.remove(ada.caller, "acme", (await house.member(ada)).id)
    assert not await house.is_member(ada)


async def test_R40_roles_cannot_be_set_by_hand_while_the_sso_profile_manages_them(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    await house.enable_sso()
    await house.change_sso(manage_roles=True)
    member = await house.member(bo)
    with pytest.raises(DomainError, match="directory_managed"):
        await house.services.members.set_role(ada.caller, "acme", member.id, Role.MEMBER)
    await house.change_sso(manage_roles=False)
    changed = await house.services.members.set_role(ada.caller, "acme", member.id, Role.MEMBER)
    assert changed.member.role is Role.MEMBER


async def test_R40_roles_cannot_be_set_by_hand_while_the_directory_manages_them(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    await house.enable_directory(manage_roles=True)
    with pytest.raises(DomainError, match="directory_managed"):
        await house.services.members.set_role(ada.caller, "acme", (await house.member(bo)).id, Role.ADMINISTRATOR)


async def test_R12_demotion_ends_awaiting_and_password_sessions_lose_the_organization(
    house: House, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    await house.enable_sso()
    member = await house.member(bo)
    assert member.awaiting_first_sso_sign_in
    assert (await house.services.organizations.get(bo.caller, "acme")).slug == "acme"
    await house.services.members.set_role(ada.caller, "acme", member.id, Role.MEMBER)
    assert not (await house.member(bo)).awaiting_first_sso_sign_in
    with pytest.raises(DomainError, match="sso_required") as refused:
        await house.services.organizations.get(bo.caller, "acme")
    assert refused.value.extra["sign_in_url"] == "http://ostiary.test/sso/acme"


async def test_R12_suspension_ends_awaiting_for_good(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    await house.enable_sso()
    member = await house.member(bo)
    await house.services.members.suspend(ada.caller, "acme", member.id)
    with pytest.raises(DomainError, match="membership_suspended"):
        await house.services.organizations.get(bo.caller, "acme")
    back = await house.services.members.reactivate(ada.caller, "acme", member.id)
    assert back.member.role is Role.ADMINISTRATOR
    with pytest.raises(DomainError, match="sso_required"):
        await house.services.organizations.get(bo.caller, "acme")


async def test_R12_another_administrator_can_require_sso_of_one_who_awaits(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    await house.enable_sso()
    details = await house.services.members.require_sso(ada.caller, "acme", (await house.member(bo)).id)
    assert not details.member.awaiting_first_sso_sign_in
    assert details.member.role is Role.ADMINISTRATOR
    with pytest.raises(DomainError, match="sso_required"):
        await house.services.organizations.get(bo.caller, "acme")
    [event] = await house.events("member.sso_required")
    assert event.before == {"awaiting_first_sso_sign_in": True}


async def test_R12_nobody_requires_sso_of_themselves_so_one_way_in_always_stays(house: House, ada: Person) -> None:
    await house.enable_sso()
    with pytest.raises(DomainError, match="own_membership"):
        await house.services.members.require_sso(ada.caller, "acme", (await house.member(ada)).id)
    assert (await house.member(ada)).awaiting_first_sso_sign_in


async def test_R12_sso_is_required_of_nobody_while_it_is_off(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    with pytest.raises(DomainError, match="sso_not_enabled"):
        await house.services.members.require_sso(ada.caller, "acme", (await house.member(bo)).id)


async def test_R17_removal_ends_access_here_at_once_and_nowhere_else(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    await house.organization(bo, "bolts")
    here, elsewhere = await house.sso_session(bo), await house.sso_session(bo, "bolts")
    await house.services.members.remove(ada.caller, "acme", (await house.member(bo)).id)
    assert await house.principal(here) is None
    assert await house.principal(elsewhere) is not None
    with pytest.raises(DomainError, match="organization_not_found"):
        await house.services.organizations.get(bo.caller, "acme")
    assert (await house.services.organizations.get(bo.caller, "bolts")).slug == "bolts"


async def test_R17_suspension_ends_the_sessions_of_the_organization(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    token = await house.sso_session(bo)
    await house.services.members.suspend(ada.caller, "acme", (await house.member(bo)).id)
    assert await house.principal(token) is None
    assert await house.principal(bo.token) is not None


async def test_R35_removal_by_hand_marks_the_links_of_this_organization_alone(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    await house.organization(bo, "bolts")
    await house.sso_session(bo)
    await house.sso_session(bo, "bolts")
    member = await house.member(bo)
    await house.services.members.remove(ada.caller, "acme", member.id)
    async with house.uow() as uow:
        assert await uow.identities.of_account(member.organization_id, bo.account_id) == ()
    elsewhere = await house.member(bo, "bolts")
    assert len(await house.services.members.identities(bo.caller, "bolts", elsewhere.id)) == 1
    # Kept as a mark: a relinking after a removal clears the password.
    assert await house.count("identities") == 2


async def test_R14_R15_removal_takes_database_roles_away_and_leaves_credentials(house: House, ada: Person) -> None:
    services = house.services
    bo = await house.joined(ada, "bo@acme.test")
    member = await house.member(bo)
    team = await services.teams.create(ada.caller, "acme", "Platform")
    await services.teams.add_member(ada.caller, "acme", team.id, member.id)
    orders = await services.databases.create(ada.caller, "acme", "orders")
    await services.databases.grant_administrator(ada.caller, "acme", orders.id, member.id)
    made = await services.credentials.create(bo.caller, "acme", orders.id, "api")
    await services.members.remove(ada.caller, "acme", member.id)

    found = await services.credentials.verify(username=made.credential.username, secret=made.secret)
    assert found is not None
    assert (found.created_by, found.created_by_email, found.creator_removed) == (bo.account_id, bo.email, True)
    [event] = await house.events("member.removed")
    assert event.before["teams"] == ["Platform"]
    assert event.before["database_administrator_of"] == ["orders"]

    await services.invitations.create(ada.caller, "acme", email=bo.email, role=Role.MEMBER, team_ids=[])
    back = await services.invitations.accept(bo.caller, await house.invitation_token(bo.email))
    assert back.details.teams == ()
    assert back.details.database_administrator_of == ()
    with pytest.raises(DomainError, match="forbidden"):
        await services.credentials.create(bo.caller, "acme", orders.id, "another")
    page = await services.credentials.of_organization(
        ada.caller, "acme", CredentialFilter(creator_removed=True), PageRequest()
    )
    assert page.items == ()


async def test_R49_an_active_directory_managed_member_is_not_removed_by_hand(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    member = replace(await house.member(bo), managed_by=ManagedBy.DIRECTORY)
    await house.change_member(member)
    for attempt in (
        house.services.members.remove(ada.caller, "acme", member.id),
        house.services.members.suspend(ada.caller, "acme", member.id),
    ):
        with pytest.raises(DomainError, match="directory_managed"):
            await attempt
    assert await house.member(bo) == member


async def test_R49_a_suspended_directory_managed_member_is_removed_but_not_reactivated_by_hand(
    house: House, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    member = replace(await house.member(bo), managed_by=ManagedBy.DIRECTORY, status=MemberStatus.SUSPENDED)
    await house.change_member(member)
    with pytest.raises(DomainError, match="directory_managed"):
        await house.services.members.reactivate(ada.caller, "acme", member.id)
    await house.services.members.remove(ada.caller, "acme", member.id)
    assert not await house.is_member(bo)


async def test_R41_a_provisioned_person_without_an_account_can_be_looked_at_and_promoted(
    house: House, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    member = replace(await house.member(bo), account_id=None, managed_by=ManagedBy.DIRECTORY)
    await house.change_member(member)
    assert await house.services.members.identities(ada.caller, "acme", member.id) == ()
    await house.services.members.delete_identities(ada.caller, "acme", member.id)
    promoted = await house.services.members.set_role(ada.caller, "acme", member.id, Role.ADMINISTRATOR)
    assert promoted.member.role is Role.ADMINISTRATOR
    assert promoted.member.account_id is None


async def test_R35_deleting_a_members_identities_ends_the_sessions_made_through_them(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    token = await house.sso_session(bo, internal_id="old")
    member = await house.member(bo)
    [link] = await house.services.members.identities(ada.caller, "acme", member.id)
    assert link.internal_id == "old"
    await house.services.members.delete_identities(ada.caller, "acme", member.id)
    assert await house.services.members.identities(ada.caller, "acme", member.id) == ()
    assert await house.principal(token) is None
    assert await house.is_member(bo)
    [event] = await house.events("identity.removed")
    assert event.before == {"identities": [{"connection_id": link.connection_id, "internal_id": "old"}]}


async def test_only_administrators_change_members(house: House, ada: Person) -> None:
    members = house.services.members
    bo = await house.joined(ada, "bo@acme.test")
    own = await house.member(ada)
    for attempt in (
        members.set_role(bo.caller, "acme", own.id, Role.MEMBER),
        members.remove(bo.caller, "acme", own.id),
        members.suspend(bo.caller, "acme", own.id),
        members.identities(bo.caller, "acme", own.id),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt


async def test_another_organizations_members_are_not_found(house: House, ada: Person) -> None:
    eve = await house.person("eve@evil.test")
    await house.organization(eve, "evil")
    target = await house.member(ada)
    members = house.services.members
    for attempt in (
        members.get(eve.caller, "evil", target.id),
        members.remove(eve.caller, "evil", target.id),
        members.delete_identities(eve.caller, "evil", target.id),
    ):
        with pytest.raises(DomainError, match="member_not_found"):
            await attempt
    with pytest.raises(DomainError, match="organization_not_found"):
        await members.get(eve.caller, "acme", target.id)
    assert await house.is_member(ada)


async def test_members_are_listed_by_page_and_by_what_one_asks_for(house: House, ada: Person) -> None:
    members = house.services.members
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    cy = await house.joined(ada, "cy_100%@acme.test")
    team = await house.services.teams.create(ada.caller, "acme", "Platform")
    await house.services.teams.add_member(ada.caller, "acme", team.id, (await house.member(cy)).id)

    async def listed(matching: MemberFilter) -> list[str]:
        page = await members.list(bo.caller, "acme", matching, PageRequest())
        return [details.member.email for details in page.items]

    assert await listed(MemberFilter()) == [ada.email, bo.email, cy.email]
    assert await listed(MemberFilter(role=Role.ADMINISTRATOR)) == [ada.email, bo.email]
    assert await listed(MemberFilter(team_id=team.id)) == [cy.email]
    assert await listed(MemberFilter(q="BO")) == [bo.email]
    assert await listed(MemberFilter(q="_100%")) == [cy.email]
    assert await listed(MemberFilter(q="%")) == [cy.email]
    assert await listed(MemberFilter(managed_by=ManagedBy.DIRECTORY)) == []
    assert await listed(MemberFilter(status=MemberStatus.SUSPENDED)) == []

    first = await members.list(ada.caller, "acme", MemberFilter(), PageRequest(limit=2))
    assert [details.member.email for details in first.items] == [ada.email, bo.email]
    rest = await members.list(ada.caller, "acme", MemberFilter(), PageRequest(limit=2, after=first.next_cursor))
    assert [details.member.email for details in rest.items] == [cy.email]
    assert rest.next_cursor is None


async def test_who_renames_themselves_is_renamed_where_the_membership_is_kept_by_hand(
    house: House, ada: Person
) -> None:
    bo = await house.person("bo@bolts.test")
    await house.organization(bo, "bolts")
    await house.joined(bo, "cy@bolts.test", slug="bolts")
    kept = await house.joined(ada, "dee@acme.test")
    await house.organization(kept, "dees")
    await house.change_member(replace(await house.member(kept), managed_by=ManagedBy.DIRECTORY))

    await house.services.accounts.rename_me(kept.caller, "  Deirdre ")

    assert (await house.member(kept, "dees")).name == "Deirdre"
    assert (await house.member(kept)).name == "Dee"
    assert (await house.member(bo, "bolts")).name == "Bo"
