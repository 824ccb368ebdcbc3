"""Tokens of a directory that end: who is told when, and what they open then (R48)."""

from datetime import timedelta

import pytest

from ostiary.domain.directory_token import TokenEndedError
from ostiary.domain.errors import DomainError
from ostiary.services.directory_token_warnings import DirectoryTokenWarningService
from tests.support.directory import directory_sync
from tests.support.house import House, Person

DAY = timedelta(days=1)


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    await directory_sync(house)
    return ada


async def test_R48_a_token_opens_the_directory_until_it_ends(house: House, ada: Person) -> None:
    token, secret = await house.services.directory.create_token(
        ada.caller, "acme", expires_at=house.clock.now() + 30 * DAY
    )
    lookup = house.services.authenticator.lookup
    assert await lookup.directory_token(secret) is not None

    house.clock.turn(30 * DAY)

    with pytest.raises(TokenEndedError, match="expired on") as refused:
        await lookup.directory_token(secret)
    assert refused.value.code == "token_expired"
    assert refused.value.organization_id == token.organization_id


async def test_a_token_that_never_opened_anything_is_not_made(house: House, ada: Person) -> None:
    with pytest.raises(DomainError, match="expired_already"):
        await house.services.directory.create_token(ada.caller, "acme", expires_at=house.clock.now())


async def test_R48_one_that_has_ended_makes_room_for_another_and_stays_listed(house: House, ada: Person) -> None:
    services = house.services.directory
    await services.create_token(ada.caller, "acme", expires_at=house.clock.now() + DAY)
    with pytest.raises(DomainError, match="too_many_tokens"):
        await services.create_token(ada.caller, "acme")
    house.clock.turn(DAY)

    await services.create_token(ada.caller, "acme")

    assert len(await services.tokens(ada.caller, "acme")) == 3


async def test_administrators_are_told_two_weeks_before_a_day_before_and_then(house: House, ada: Person) -> None:
    warnings = DirectoryTokenWarningService(house.kit)
    token, _ = await house.services.directory.create_token(ada.caller, "acme", expires_at=house.clock.now() + 20 * DAY)
    told: list[tuple[int, str]] = []
    for day in range(22):
        before = len(await house.mails())
        await warnings.run()
        assert await warnings.run() == 0
        told += [(day, mail.subject) for mail in (await house.mails())[before:]]
        house.clock.turn(DAY)

    assert told == [
        (6, "A directory token of Acme expires soon"),
        (19, "A directory token of Acme expires soon"),
        (20, "A directory token of Acme has expired"),
    ]
    assert token.id in (await house.mails())[-1].text
    assert len(await house.events("directory.token_expiring")) == 2
    [event] = await house.events("directory.token_expired")
    assert event.target_id == token.id
    assert event.actor.kind == "system"


async def test_of_a_short_lived_token_only_what_lies_ahead_is_told(house: House, ada: Person) -> None:
    await house.services.directory.create_token(ada.caller, "acme", expires_at=house.clock.now() + 2 * DAY)
    warnings = DirectoryTokenWarningService(house.kit)
    assert await warnings.run() == 0
    house.clock.turn(3 * DAY)

    # A worker that was away tells once how it stands.
    assert await warnings.run() == 1
    assert await warnings.run() == 0
    assert len(await house.events("directory.token_expired")) == 1
    assert await house.events("directory.token_expiring") == []


async def test_nobody_is_told_of_a_token_that_was_revoked(house: House, ada: Person) -> None:
    token, _ = await house.services.directory.create_token(ada.caller, "acme", expires_at=house.clock.now() + DAY)
    await house.services.directory.revoke_token(ada.caller, "acme", token.id)
    house.clock.turn(2 * DAY)

    assert await DirectoryTokenWarningService(house.kit).run() == 0
