"""Limits on attempts: who is refused, who is not, and what is counted."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from sqlalchemy import text

from ostiary.domain.connection import Binding
from ostiary.domain.errors import DomainError
from ostiary.domain.throttle import LIMITS, Attempt, Scope, counters_of
from ostiary.services.connections import ConnectionChange
from ostiary.services.context import Client
from ostiary.services.logout import LoggedOut
from ostiary.services.saml_ports import IncomingMessage
from ostiary.services.sign_in_arrival import Arrived
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import PASSWORD, House, open_house
from tests.support.sso import CHALLENGE, REDIRECT_URI, Idp, connect, enable, read_request

HOME = Client("192.0.2.7")
STRANGER = Client("198.51.100.9")
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def house(database_url: str) -> AsyncGenerator[House]:
    async with open_house(database_url, throttle_by_address=True) as opened:
        yield opened


def most(attempt: Attempt, scope: Scope) -> int:
    return next(limit.most for limit in LIMITS[attempt] if limit.scope is scope)


PAIR = most(Attempt.SIGN_IN, Scope.ACCOUNT_AT_PLACE)


async def answer(house: House, email: str, password: str, client: Client) -> str:
    """The code a password sign-in is refused with, or `ok`."""
    try:
        await house.services.accounts.sign_in(email=email, password=password, client=client)
    except DomainError as error:
        return error.code
    return "ok"


async def use_up(house: House, email: str, client: Client) -> None:
    for _ in range(PAIR):
        assert await answer(house, email, "not the password", client) == "invalid_credentials"


async def test_wrong_passwords_from_one_place_are_refused_after_ten_until_their_time_is_over(house: House) -> None:
    ada = await house.person("ada@acme.test")
    await use_up(house, ada.email, STRANGER)
    assert await answer(house, ada.email, PASSWORD, STRANGER) == "too_many_attempts"
    house.clock.turn(QUARTER)
    assert await answer(house, ada.email, PASSWORD, STRANGER) == "ok"


async def test_a_stranger_does_not_lock_the_owner_out(house: House) -> None:
    ada = await house.person("ada@acme.test")
    await use_up(house, ada.email, STRANGER)
    # What is refused counts no further: the limit of the account, which is shared, is not used up.
    for _ in range(2 * most(Attempt.SIGN_IN, Scope.ACCOUNT)):
        assert await answer(house, ada.email, "not the password", STRANGER) == "too_many_attempts"
    assert await answer(house, ada.email, PASSWORD, HOME) == "ok"


async def many_strangers(house: House, email: str) -> None:
    """Wrong passwords from as many places as it takes to use up the account's limit."""
    for number in range(most(Attempt.SIGN_IN, Scope.ACCOUNT)):
        await answer(house, email, "not the password", Client(f"198.51.100.{number}"))


async def test_strangers_in_many_places_do_not_lock_the_owner_out_where_they_signed_in_before(house: House) -> None:
    ada = await house.person("ada@acme.test")
    assert await answer(house, ada.email, PASSWORD, HOME) == "ok"
    await many_strangers(house, ada.email)
    assert await answer(house, ada.email, PASSWORD, Client("203.0.113.1")) == "too_many_attempts"
    assert await answer(house, ada.email, PASSWORD, HOME) == "ok"
    await use_up(house, ada.email, HOME)
    assert await answer(house, ada.email, PASSWORD, HOME) == "too_many_attempts"


async def test_an_unknown_account_is_counted_the_same_as_a_known_one(house: House) -> None:
    ada = await house.person("ada@acme.test")
    answers = [
        [await answer(house, email, "not the password", STRANGER) for _ in range(PAIR + 2)]
        for email in (ada.email, "nobody@acme.test")
    ]
    assert answers[0] == answers[1]
    assert answers[0][-2:] == ["too_many_attempts"] * 2


async def test_signing_in_uses_up_nothing(house: House) -> None:
    ada = await house.person("ada@acme.test")
    for _ in range(PAIR - 1):
        await answer(house, ada.email, "not the password", HOME)
    for _ in range(3):
        assert await answer(house, ada.email, PASSWORD, HOME) == "ok"
    assert await answer(house, ada.email, "not the password", HOME) == "invalid_credentials"
    assert await answer(house, ada.email, PASSWORD, HOME) == "too_many_attempts"


async def test_one_place_may_not_try_a_password_on_everybody(house: House) -> None:
    for number in range(most(Attempt.SIGN_IN, Scope.PLACE)):
        assert await answer(house, f"user{number}@acme.test", "Summer2025!", STRANGER) == "invalid_credentials"
    assert await answer(house, "another@acme.test", "Summer2025!", STRANGER) == "too_many_attempts"
    assert await answer(house, "another@acme.test", "Summer2025!", HOME) == "invalid_credentials"


async def test_attempts_at_the_same_moment_are_each_counted(house: House) -> None:
    ada = await house.person("ada@acme.test")
    answers = await asyncio.gather(*(answer(house, ada.email, "wrong", STRANGER) for _ in range(2 * PAIR)))
    assert answers.count("invalid_credentials") == PAIR
    assert answers.count("too_many_attempts") == PAIR


async def test_mails_to_an_address_are_limited_whether_there_is_an_account_or_not(house: House) -> None:
    ada = await house.person("ada@acme.test")
    before = len(await house.mails())
    for email in (ada.email, "nobody@acme.test"):
        for _ in range(3):
            await house.services.passwords.request_reset(email, STRANGER)
        with pytest.raises(DomainError, match="too_many_attempts"):
            await house.services.passwords.request_reset(email, STRANGER)
    await house.services.passwords.request_reset(ada.email, HOME)
    assert len(await house.mails()) == before + 4


async def test_the_present_password_cannot_be_guessed_with_a_stolen_session(house: House) -> None:
    ada = await house.person("ada@acme.test")
    change = house.services.passwords.change
    for _ in range(most(Attempt.CHANGE_PASSWORD, Scope.ACCOUNT)):
        with pytest.raises(DomainError, match="invalid_credentials"):
            await change(ada.caller, current="not the password", new="another long sentence")
    with pytest.raises(DomainError, match="too_many_attempts"):
        await change(ada.caller, current=PASSWORD, new="another long sentence")


async def test_the_right_secret_of_a_credential_passes_however_many_wrong_ones_were_asked(house: House) -> None:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    database = await house.services.databases.create(ada.caller, "acme", "main")
    made = await house.services.credentials.create(ada.caller, "acme", database.id, "app")
    verify, username = house.services.credentials.verify, made.credential.username
    for _ in range(most(Attempt.VERIFY_CREDENTIAL, Scope.ACCOUNT_AT_PLACE)):
        assert await verify(username=username, secret="wrong", client=STRANGER) is None
    with pytest.raises(DomainError, match="too_many_attempts"):
        await verify(username=username, secret="wrong", client=STRANGER)
    assert await verify(username=username, secret=made.secret, client=STRANGER) is not None


async def test_recovery_codes_are_limited_at_one_place_and_not_for_the_administrator_elsewhere(house: House) -> None:
    async def tried(client: Client) -> str:
        try:
            await house.services.recovery.recover(
                organization="acme",
                email="ada@acme.test",
                recovery_code="x",
                password=PASSWORD,
                token=None,
                client=client,
            )
        except DomainError as error:
            return error.code
        return "ok"

    assert {await tried(STRANGER) for _ in range(10)} == {"recovery_refused"}
    assert await tried(STRANGER) == "too_many_attempts"
    assert await tried(HOME) == "recovery_refused"


@pytest.fixture
async def okta(house: House) -> Idp:
    """acme with SSO on."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    idp = await connect(house, ada)
    await enable(house, ada)
    return idp


async def posted(house: House, okta: Idp, response: str, relay: str | None = None) -> Arrived | str:
    receive = house.services.sign_in_arrival.receive
    try:
        return await receive(okta.connection.id, response, relay, STRANGER)
    except DomainError as error:
        return error.code


async def test_a_flood_of_bad_responses_leaves_a_bounded_number_of_traces(house: House, okta: Idp) -> None:
    bound = most(Attempt.ACS_RESPONSE, Scope.ACCOUNT_AT_PLACE)
    before = await house.count("sign_in_traces")
    answers = [await posted(house, okta, "bm9uc2Vuc2U=") for _ in range(bound + 5)]
    assert answers == ["sign_in_refused"] * bound + ["too_many_attempts"] * 5
    assert await house.count("sign_in_traces") == before + bound


async def test_good_responses_that_nobody_asked_for_use_nothing_up(house: House) -> None:
    bound = most(Attempt.ACS_RESPONSE, Scope.ACCOUNT_AT_PLACE)
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    okta = await connect(house, ada)
    await enable(house, ada)
    change = ConnectionChange(allow_idp_initiated=True)
    await house.services.connections.update(ada.caller, "acme", okta.connection.id, change)
    for _ in range(bound):
        assert isinstance(await posted(house, okta, okta.signed(okta.says(None, "cy@acme.test"))), Arrived)
    assert await posted(house, okta, "bm9uc2Vuc2U=") == "sign_in_refused"


async def test_sign_ins_that_are_begun_and_never_finished_are_limited_at_one_place(house: House, okta: Idp) -> None:
    bound = most(Attempt.START_SIGN_IN, Scope.PLACE)
    start, wish = house.services.sign_in_start.start, SignInWish(REDIRECT_URI, "s", CHALLENGE)
    place = counters_of(Attempt.START_SIGN_IN, account=None, place=STRANGER.address)
    until = house.clock.now() + timedelta(minutes=15)
    async with house.uow() as uow:
        await uow.attempts.remember(place[0].key, until)
        await uow._transaction.execute(text("UPDATE attempt_counts SET tried = :tried"), {"tried": bound - 1})
        await uow.commit()
    before = await house.count("sign_in_flows")
    departed = await start("acme", wish, STRANGER)
    with pytest.raises(DomainError) as refused:
        await start("acme", wish, STRANGER)
    assert refused.value.code == "too_many_attempts"
    assert await house.count("sign_in_flows") == before + 1
    await start("acme", wish, HOME)
    # Who comes back makes room for the next.
    request_id, relay_state = read_request(departed.message.url)
    assert isinstance(
        await posted(house, okta, okta.signed(okta.says(request_id, "cy@acme.test")), relay_state), Arrived
    )
    await start("acme", wish, STRANGER)


async def test_a_flood_of_bad_logout_messages_leaves_a_bounded_number_of_traces_and_a_good_one_passes(
    house: House, okta: Idp
) -> None:
    bound = most(Attempt.LOGOUT_MESSAGE, Scope.ACCOUNT_AT_PLACE)
    before = await house.count("sign_in_traces")
    receive = house.services.logout.receive
    answers: list[str] = []
    for _ in range(bound + 3):
        with pytest.raises(DomainError) as refused:
            await receive(okta.connection.id, IncomingMessage(Binding.REDIRECT, "SAMLRequest=x"), None, STRANGER)
        answers.append(refused.value.code)
    assert answers == ["logout_refused"] * bound + ["too_many_attempts"] * 3
    assert await house.count("sign_in_traces") == before + bound
    good = await receive(okta.connection.id, okta.logout("cy@acme.test"), None, STRANGER)
    assert good == LoggedOut(everywhere=True)


async def test_a_good_response_passes_in_the_midst_of_a_flood_from_the_same_place(house: House, okta: Idp) -> None:
    bound = most(Attempt.ACS_RESPONSE, Scope.ACCOUNT_AT_PLACE)
    assert [await posted(house, okta, "bm9uc2Vuc2U=") for _ in range(bound + 1)][-1] == "too_many_attempts"
    request_id, relay_state = await okta.depart()
    arrived = await posted(house, okta, okta.signed(okta.says(request_id, "cy@acme.test")), relay_state)
    assert isinstance(arrived, Arrived)
    # A refused one whose request we know is on the trace of that request, as ever.
    request_id, relay_state = await okta.depart()
    assert await posted(house, okta, "bm9uc2Vuc2U=", relay_state) == "sign_in_refused"
