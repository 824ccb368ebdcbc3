"""Support lets a locked-out administrator in by a mailed link, and learns no secret (R62)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.domain.account import SessionKind
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import MemberStatus, Role
from ostiary.domain.principal import OPERATOR
from ostiary.services.connections import ConnectionChange
from ostiary.services.context import Caller
from tests.integration.services.test_races import settled, while_holding
from tests.support.house import House, Person
from tests.support.sso import Idp, connect, enable

SUPPORT = Caller(OPERATOR, "a-request")
REASON = "Their certificate has expired."


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """An identity provider through which acme signs in."""
    connected = await connect(house, ada)
    await enable(house, ada)
    return connected


async def mailed_link(house: House, ada: Person) -> str:
    """Support has a link mailed; answers it as its reader sees it."""
    await house.services.support_recovery.send(SUPPORT, "acme", (await house.member(ada)).id, REASON)
    return [mail for mail in await house.mails() if mail.subject.startswith("Repair")][-1].text.split()[-1]


async def test_R62_the_mailed_link_suffices_without_recovery_code_and_password(
    house: House, ada: Person, idp: Idp
) -> None:
    bo = await house.person("bo@acme.test")
    await idp.sign_in(bo.email)
    await house.services.members.set_role(ada.caller, "acme", (await house.member(bo)).id, Role.ADMINISTRATOR)
    link = await mailed_link(house, ada)
    told = [mail for mail in await house.mails() if mail.subject.startswith("Support lets")]
    assert {mail.to for mail in told} == {ada.email, bo.email}
    assert all(REASON in mail.text and link not in mail.text for mail in told)
    sent = (await house.events("sso.recovery_link_sent"))[0]
    assert (sent.actor.kind, sent.after["reason"], sent.after["email"]) == ("operator", REASON, ada.email)
    signed_in = await house.services.support_recovery.redeem(link)
    assert signed_in.session.kind is SessionKind.RECOVERY
    assert signed_in.session.expires_at - signed_in.session.created_at == timedelta(minutes=15)
    caller = Caller(await house.principal(signed_in.token))
    change = ConnectionChange(name="Mended")
    await house.services.connections.update(caller, "acme", idp.connection.id, change)
    for attempt in (
        house.services.organizations.get(caller, "acme"),
        house.services.domains.delete(caller, "acme", idp.connection.domain_ids[0]),
        house.services.sso.renew_recovery_codes(caller, "acme"),
        house.services.sign_in_start.start_test(caller, "acme", idp.connection.id),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    used = [mail for mail in await house.mails() if mail.subject.endswith("was used")]
    assert {mail.to for mail in used} == {ada.email, bo.email}
    (event,) = await house.events("sso.recovery_link_used")
    assert (event.actor.id, event.after) == (ada.account_id, {"session_id": signed_in.session.id})
    house.clock.turn(timedelta(minutes=16))
    assert await house.principal(signed_in.token) is None


async def test_R62_a_link_works_once_for_two_hours_and_a_newer_one_voids_it(
    house: House, ada: Person, idp: Idp
) -> None:
    redeem = house.services.support_recovery.redeem
    first, second = await mailed_link(house, ada), await mailed_link(house, ada)
    for token in (first, "ost_recl_guess", ""):
        with pytest.raises(DomainError, match="recovery_refused"):
            await redeem(token)
    await redeem(second)
    with pytest.raises(DomainError, match="recovery_refused"):
        await redeem(second)
    third = await mailed_link(house, ada)
    house.clock.turn(timedelta(hours=2))
    with pytest.raises(DomainError, match="recovery_refused"):
        await redeem(third)
    assert await house.count("recovery_links") == 1


async def test_R62_R63_a_link_used_twice_at_once_opens_one_session(house: House, ada: Person, idp: Idp) -> None:
    link = await mailed_link(house, ada)
    refused = await settled(*(house.services.support_recovery.redeem(link) for _ in range(3)))
    assert refused == ["recovery_refused", "recovery_refused"]
    assert await house.count("sessions", kind="recovery") == 1


async def test_R62_R63_a_link_redeemed_while_its_administrator_is_suspended_opens_nothing(
    house: House, ada: Person, idp: Idp
) -> None:
    link, member = await mailed_link(house, ada), await house.member(ada)

    async def suspend(uow: SqlUnitOfWork, _: str) -> None:
        await uow.members.save(replace(member, status=MemberStatus.SUSPENDED))

    with pytest.raises(DomainError, match="recovery_refused"):
        await while_holding(house, suspend, house.services.support_recovery.redeem(link))
    assert await house.count("sessions", kind="recovery") == 0


async def test_R62_a_link_dies_with_the_membership_and_with_single_sign_on(house: House, ada: Person, idp: Idp) -> None:
    link = await mailed_link(house, ada)
    await house.services.sso.disable(ada.caller, "acme", suspend_member_ids=())
    with pytest.raises(DomainError, match="recovery_refused"):
        await house.services.support_recovery.redeem(link)
    async with house.uow() as uow:
        member = await house.member(ada)
        await uow.members.remove(member.organization_id, member.id)
        await uow.commit()
    assert await house.count("recovery_links") == 0


async def test_R62_support_names_an_active_administrator_with_an_account_and_is_the_operator(
    house: House, ada: Person, idp: Idp
) -> None:
    bo = await house.person("bo@acme.test")
    await idp.sign_in(bo.email)
    member, admin = await house.member(bo), await house.member(ada)
    send = house.services.support_recovery.send
    for org, member_id, code in (
        ("acme", member.id, "not_an_administrator"),
        ("acme", "mem_unknown", "member_not_found"),
        ("bolts", admin.id, "organization_not_found"),
    ):
        with pytest.raises(DomainError, match=code):
            await send(SUPPORT, org, member_id, REASON)
    with pytest.raises(DomainError, match="forbidden"):
        await send(ada.caller, "acme", admin.id, REASON)
    await house.change_member(replace(member, role=Role.ADMINISTRATOR, account_id=None))
    with pytest.raises(DomainError, match="member_without_account"):
        await send(SUPPORT, "acme", member.id, REASON)
    await house.services.sso.disable(ada.caller, "acme", suspend_member_ids=())
    with pytest.raises(DomainError, match="sso_not_enabled"):
        await send(SUPPORT, "acme", admin.id, REASON)
    assert await house.count("recovery_links") == 0


async def test_R62_the_link_goes_to_the_address_of_the_account_whatever_the_identity_provider_wrote(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.change_member(replace(await house.member(ada), email="elsewhere@acme.test"))
    await mailed_link(house, ada)
    assert [mail.to for mail in await house.mails() if mail.subject.startswith("Repair")] == [ada.email]
