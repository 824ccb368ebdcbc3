"""Invitations: mailed, accepted, revoked, closed by SSO (R16)."""

from datetime import timedelta

import pytest

from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.invitation import InvitationStatus
from ostiary.domain.membership import ManagedBy, Role, Source
from ostiary.services.paging import PageRequest
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def invite(house: House, ada: Person, email: str, *team_ids: str, role: Role = Role.MEMBER) -> str:
    """Invite an address; answers the mailed secret."""
    await house.services.invitations.create(ada.caller, "acme", email=email, role=role, team_ids=team_ids)
    return await house.invitation_token(email)


async def statuses(house: House, ada: Person) -> list[InvitationStatus]:
    page = await house.services.invitations.list(ada.caller, "acme", PageRequest())
    return [invitation.status for invitation in page.items]


async def test_an_invitation_makes_a_member_with_its_role_and_the_teams_that_still_exist(
    house: House, ada: Person
) -> None:
    platform = await house.services.teams.create(ada.caller, "acme", "Platform")
    gone = await house.services.teams.create(ada.caller, "acme", "Gone")
    token = await invite(house, ada, "bo@acme.test", platform.id, gone.id, role=Role.ADMINISTRATOR)
    await house.services.teams.delete(ada.caller, "acme", gone.id)
    bo = await house.person("bo@acme.test")
    accepted = await house.services.invitations.accept(bo.caller, token)

    member = accepted.details.member
    [invitation] = (await house.services.invitations.list(ada.caller, "acme", PageRequest())).items
    assert accepted.organization.slug == "acme"
    assert (member.account_id, member.email, member.role) == (bo.account_id, bo.email, Role.ADMINISTRATOR)
    assert (member.managed_by, member.provenance.source) == (ManagedBy.MANUAL, Source.INVITATION)
    assert member.provenance.by == invitation.id
    assert accepted.details.teams == ((platform.id, "Platform"),)
    assert invitation.status is InvitationStatus.ACCEPTED
    [joined] = await house.events("member.joined")
    assert joined.after == {"email": bo.email, "role": "administrator", "team_ids": [platform.id]}


async def test_accepting_proves_the_address(house: House, ada: Person) -> None:
    token = await invite(house, ada, "bo@acme.test")
    bo = await house.person("bo@acme.test")
    assert (await house.services.accounts.me(bo.caller)).email_verified_at is None
    await house.services.invitations.accept(bo.caller, token)
    assert (await house.services.accounts.me(bo.caller)).email_verified_at is not None


async def test_only_the_account_of_the_invited_address_can_accept(house: House, ada: Person) -> None:
    token = await invite(house, ada, "bo@acme.test")
    eve = await house.person("eve@evil.test")
    with pytest.raises(DomainError, match="invitation_email_mismatch") as refused:
        await house.services.invitations.accept(eve.caller, token)
    assert refused.value.kind is Kind.FORBIDDEN
    assert not await house.is_member(eve)
    assert (await house.services.accounts.me(eve.caller)).email_verified_at is None
    assert await statuses(house, ada) == [InvitationStatus.PENDING]


async def test_an_invitation_works_once(house: House, ada: Person) -> None:
    token = await invite(house, ada, "bo@acme.test")
    bo = await house.person("bo@acme.test")
    await house.services.invitations.accept(bo.caller, token)
    with pytest.raises(DomainError, match="invitation_not_pending"):
        await house.services.invitations.accept(bo.caller, token)


async def test_an_invitation_works_for_seven_days(house: House, ada: Person) -> None:
    token = await invite(house, ada, "bo@acme.test")
    bo = await house.person("bo@acme.test")
    house.clock.turn(timedelta(days=7))
    with pytest.raises(DomainError, match="invitation_not_pending"):
        await house.services.invitations.accept(bo.caller, token)
    assert await statuses(house, ada) == [InvitationStatus.EXPIRED]


async def test_an_expired_invitation_does_not_stand_in_the_way_of_another(house: House, ada: Person) -> None:
    await invite(house, ada, "bo@acme.test")
    house.clock.turn(timedelta(days=7))
    await invite(house, ada, "bo@acme.test")
    assert await statuses(house, ada) == [InvitationStatus.PENDING, InvitationStatus.EXPIRED]


async def test_an_address_has_one_pending_invitation_however_it_is_spelt(house: House, ada: Person) -> None:
    await invite(house, ada, "bo@acme.test")
    with pytest.raises(DomainError, match="invitation_pending") as refused:
        await invite(house, ada, "Bo@ACME.test")
    assert refused.value.kind is Kind.CONFLICT
    assert len(await house.mails()) == 2  # Ada's sign-up and one invitation


async def test_a_revoked_invitation_opens_nothing_and_another_may_be_sent(house: House, ada: Person) -> None:
    token = await invite(house, ada, "bo@acme.test")
    [invitation] = (await house.services.invitations.list(ada.caller, "acme", PageRequest())).items
    await house.services.invitations.revoke(ada.caller, "acme", invitation.id)
    bo = await house.person("bo@acme.test")
    with pytest.raises(DomainError, match="invitation_not_pending"):
        await house.services.invitations.accept(bo.caller, token)
    with pytest.raises(DomainError, match="invitation_not_pending"):
        await house.services.invitations.revoke(ada.caller, "acme", invitation.id)
    await invite(house, ada, "bo@acme.test")
    assert await statuses(house, ada) == [InvitationStatus.PENDING, InvitationStatus.REVOKED]


async def test_a_member_is_not_invited_again(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    await house.services.members.suspend(ada.caller, "acme", (await house.member(bo)).id)
    with pytest.raises(DomainError, match="already_member"):
        await invite(house, ada, "bo@acme.test")


async def test_who_became_a_member_meanwhile_cannot_accept(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    token = await invite(house, ada, "cy@acme.test")
    async with house.uow() as uow:
        await uow.accounts.set_email(bo.account_id, "cy@acme.test", None)
        await uow.commit()
    with pytest.raises(DomainError, match="already_member"):
        await house.services.invitations.accept(bo.caller, token)
    assert await statuses(house, ada) == [InvitationStatus.PENDING, InvitationStatus.ACCEPTED]


async def test_an_invitation_names_teams_of_its_own_organization_only(house: House, ada: Person) -> None:
    eve = await house.person("eve@evil.test")
    await house.organization(eve, "evil")
    theirs = await house.services.teams.create(eve.caller, "evil", "Evil")
    ours = await house.services.teams.create(ada.caller, "acme", "Platform")
    with pytest.raises(DomainError, match="unknown_team") as refused:
        await invite(house, ada, "bo@acme.test", ours.id, theirs.id)
    assert refused.value.pointer == "/team_ids/1"


async def test_R16_enabling_sso_revokes_pending_invitations_and_none_can_be_made_or_accepted(
    house: House, ada: Person
) -> None:
    token = await invite(house, ada, "bo@acme.test")
    bo = await house.person("bo@acme.test")
    await house.enable_sso()
    assert await statuses(house, ada) == [InvitationStatus.REVOKED]
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        await invite(house, ada, "cy@acme.test")
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        await house.services.invitations.accept(bo.caller, token)
    assert not await house.is_member(bo)


async def test_the_secret_travels_by_mail_only_and_is_stored_as_a_hash(house: House, ada: Person) -> None:
    token = await invite(house, ada, "bo@acme.test")
    mail = (await house.mails())[-1]
    assert mail.to == "bo@acme.test"
    assert "ada@acme.test invites you to Acme as member" in mail.text
    assert await house.count("invitations") == 1
    assert await house.count("invitations", secret_hash=token) == 0
    assert token not in str(await house.events("invitation.created"))


async def test_an_unknown_secret_is_refused(house: House, ada: Person) -> None:
    with pytest.raises(DomainError, match="invalid_token"):
        await house.services.invitations.accept(ada.caller, "ost_inv_nothing")


async def test_invitations_of_another_organization_are_not_found(house: House, ada: Person) -> None:
    await invite(house, ada, "bo@acme.test")
    [invitation] = (await house.services.invitations.list(ada.caller, "acme", PageRequest())).items
    eve = await house.person("eve@evil.test")
    await house.organization(eve, "evil")
    with pytest.raises(DomainError, match="invitation_not_found"):
        await house.services.invitations.revoke(eve.caller, "evil", invitation.id)
    assert await statuses(house, ada) == [InvitationStatus.PENDING]


async def test_resending_gives_a_new_secret_and_seven_new_days_and_ends_the_old_secret(
    house: House, ada: Person
) -> None:
    invitations = house.services.invitations
    first = await invite(house, ada, "bo@acme.test")
    [sent] = (await invitations.list(ada.caller, "acme", PageRequest())).items
    house.clock.turn(timedelta(days=5))
    again = await invitations.resend(ada.caller, "acme", sent.id)
    second = await house.invitation_token("bo@acme.test")
    assert (again.id, again.status) == (sent.id, InvitationStatus.PENDING)
    assert again.expires_at >= sent.expires_at + timedelta(days=5)
    bo = await house.person("bo@acme.test")
    with pytest.raises(DomainError, match="invalid_token"):
        await invitations.accept(bo.caller, first)
    house.clock.turn(timedelta(days=6))
    await invitations.accept(bo.caller, second)
    with pytest.raises(DomainError, match="invitation_not_pending"):
        await invitations.resend(ada.caller, "acme", sent.id)
    assert [event.after["email"] for event in await house.events("invitation.resent")] == [bo.email]


async def test_an_expired_invitation_can_be_sent_again_unless_the_address_was_invited_anew(
    house: House, ada: Person
) -> None:
    invitations = house.services.invitations
    await invite(house, ada, "bo@acme.test")
    [sent] = (await invitations.list(ada.caller, "acme", PageRequest())).items
    house.clock.turn(timedelta(days=7))
    assert (await invitations.resend(ada.caller, "acme", sent.id)).status is InvitationStatus.PENDING
    house.clock.turn(timedelta(days=7))
    anew = await invitations.create(ada.caller, "acme", email="bo@acme.test", role=Role.MEMBER, team_ids=[])
    with pytest.raises(DomainError, match="invitation_pending"):
        await invitations.resend(ada.caller, "acme", sent.id)
    await invitations.revoke(ada.caller, "acme", anew.id)
    with pytest.raises(DomainError, match="invitation_not_pending"):
        await invitations.resend(ada.caller, "acme", anew.id)
    with pytest.raises(DomainError, match="invitation_not_found"):
        await invitations.resend(ada.caller, "acme", "inv_01h455vb4pex5vsknk084sn02q")


async def test_nobody_who_became_a_member_meanwhile_is_invited_again(house: House, ada: Person) -> None:
    invitations = house.services.invitations
    await invite(house, ada, "bo@acme.test")
    [sent] = (await invitations.list(ada.caller, "acme", PageRequest())).items
    house.clock.turn(timedelta(days=7))
    await house.joined(ada, "bo@acme.test")
    mails = len(await house.mails())
    with pytest.raises(DomainError, match="already_member"):
        await invitations.resend(ada.caller, "acme", sent.id)
    assert len(await house.mails()) == mails


async def test_R16_no_invitation_is_sent_again_while_sso_is_on(house: House, ada: Person) -> None:
    await invite(house, ada, "bo@acme.test")
    [sent] = (await house.services.invitations.list(ada.caller, "acme", PageRequest())).items
    await house.enable_sso()
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        await house.services.invitations.resend(ada.caller, "acme", sent.id)
