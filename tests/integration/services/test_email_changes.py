"""Changing one's own address: two mailboxes agree, and nobody's identity provider is bypassed (R27, R34)."""

import asyncio
from datetime import timedelta

import pytest

from ostiary.domain.errors import DomainError
from ostiary.domain.membership import Role
from ostiary.services import secrets
from ostiary.services.context import Caller
from ostiary.services.email_changes import LIFETIME
from tests.support.house import PASSWORD, House, Person
from tests.support.sso import connect

OLD, NEW = "ada@acme.test", "ada@elsewhere.test"


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person(OLD)
    await house.organization(ada)
    return ada


async def mailed(house: House, to: str) -> str:
    """The newest token in a mailbox."""
    found = [mail for mail in await house.mails() if mail.to == to and secrets.EMAIL_TOKEN in mail.text]
    return found[-1].text.split()[-1]


async def test_both_agree_and_then_the_address_is_another_everywhere(house: House, ada: Person) -> None:
    changes, accounts = house.services.email_changes, house.services.accounts
    await house.services.passwords.mail_reset(OLD)
    reset = await mailed(house, OLD)
    await changes.request(ada.caller, "Ada@Elsewhere.test")
    old_token, new_token = await mailed(house, OLD), await mailed(house, NEW)
    assert not await changes.confirm(new_token)
    # Agreeing twice is agreeing once.
    assert not await changes.confirm(new_token)
    assert (await accounts.sign_in(email=OLD, password=PASSWORD)).account.email == OLD
    assert await changes.confirm(old_token)

    with pytest.raises(DomainError, match="invalid_credentials"):
        await accounts.sign_in(email=OLD, password=PASSWORD)
    signed_in = await accounts.sign_in(email=NEW, password=PASSWORD)
    assert signed_in.account.email_verified_at is not None
    assert await house.principal(ada.token) is None
    assert (await house.member(ada)).email == NEW
    [event] = await house.events("member.email_changed")
    assert (event.before["email"], event.after["email"], event.actor.id) == (OLD, NEW, ada.account_id)
    with pytest.raises(DomainError, match="invalid_token"):
        await house.services.passwords.confirm_reset(reset, "another sentence works too")
    for token in (old_token, new_token):
        with pytest.raises(DomainError, match="invalid_token"):
            await changes.confirm(token)


async def test_R63_both_mailboxes_that_agree_at_once_change_it_once(house: House, ada: Person) -> None:
    changes = house.services.email_changes
    await changes.request(ada.caller, NEW)
    tokens = await mailed(house, OLD), await mailed(house, NEW)
    answers = await asyncio.gather(*(changes.confirm(token) for token in tokens))
    assert sorted(answers) == [False, True]
    assert len(await house.events("member.email_changed")) == 1


async def test_a_newer_wish_voids_the_one_before_and_each_lasts_a_day(house: House, ada: Person) -> None:
    changes = house.services.email_changes
    await changes.request(ada.caller, NEW)
    first = await mailed(house, NEW)
    await changes.request(ada.caller, "ada@third.test")
    with pytest.raises(DomainError, match="invalid_token"):
        await changes.confirm(first)
    house.clock.turn(LIFETIME + timedelta(seconds=1))
    with pytest.raises(DomainError, match="invalid_token"):
        await changes.confirm(await mailed(house, "ada@third.test"))


async def test_who_has_the_wanted_address_already_alone_is_told(house: House, ada: Person) -> None:
    await house.person(NEW)
    before = len(await house.mails())
    await house.services.email_changes.request(ada.caller, NEW)
    sent = (await house.mails())[before:]
    assert {mail.to for mail in sent} == {OLD, NEW}
    [told] = [mail for mail in sent if mail.to == NEW]
    assert secrets.EMAIL_TOKEN not in told.text
    assert not await house.services.email_changes.confirm(await mailed(house, OLD))


async def test_an_address_that_was_taken_meanwhile_is_not_taken_from_anybody(house: House, ada: Person) -> None:
    changes = house.services.email_changes
    await changes.request(ada.caller, NEW)
    tokens = await mailed(house, OLD), await mailed(house, NEW)
    await changes.confirm(tokens[0])
    await house.person(NEW)
    with pytest.raises(DomainError, match="email_taken"):
        await changes.confirm(tokens[1])
    assert (await house.services.accounts.sign_in(email=OLD, password=PASSWORD)).account.email == OLD


@pytest.mark.parametrize("wanted", [NEW, "somebody@acme.test"])
async def test_R27_an_organization_in_charge_of_either_domain_keeps_the_address(
    house: House, ada: Person, wanted: str
) -> None:
    changes = house.services.email_changes
    person = await house.person("bo@private.test") if wanted != NEW else ada
    if person is not ada:
        await house.services.invitations.create(
            ada.caller, "acme", email=person.email, role=Role.ADMINISTRATOR, team_ids=[]
        )
        await house.services.invitations.accept(person.caller, await house.invitation_token(person.email))
    await changes.request(person.caller, wanted)
    tokens = await mailed(house, person.email), await mailed(house, wanted)
    await changes.confirm(tokens[0])
    await connect(house, ada, "acme")
    await house.services.sso.enable(ada.caller, "acme", acknowledge_untested=True)
    for attempt in (changes.confirm(tokens[1]), changes.request(person.caller, wanted)):
        with pytest.raises(DomainError, match="email_managed_by_organization"):
            await attempt


async def test_R27_an_sso_session_changes_no_address(house: House, ada: Person) -> None:
    await house.enable_sso()
    caller = Caller(await house.principal(await house.sso_session(ada)))
    with pytest.raises(DomainError, match="forbidden"):
        await house.services.email_changes.request(caller, NEW)


async def test_the_same_address_is_no_change(house: House, ada: Person) -> None:
    with pytest.raises(DomainError, match="same_email"):
        await house.services.email_changes.request(ada.caller, OLD.upper())
