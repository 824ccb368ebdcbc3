"""More sign-ins than can be verified: those too many are sent away, and nothing of theirs is used up."""

import asyncio

import pytest

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.verifier import SamlVerifier
from ostiary.domain.assertion import ResponseRefused
from ostiary.domain.errors import DomainError
from ostiary.services.ports.sign_in import Outcome
from ostiary.services.sign_in_arrival import Next
from tests.support.busy import Busy
from tests.support.house import PASSWORD, House, Person, open_house
from tests.support.saml_factory import trust
from tests.support.sso import connect, enable, identity_provider

WAITING = 2


def _looks_free(_: BoundedThreads) -> None:
    """The place was there a moment ago."""


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def test_a_response_that_nobody_has_time_for_may_be_posted_again(house: House, ada: Person) -> None:
    idp = await connect(house, ada)
    await enable(house, ada)
    verifier = house.services.sign_in_arrival._verifier
    assert isinstance(verifier, SamlVerifier)
    request_id, relay_state = await idp.depart()
    said = idp.says(request_id, "bo@acme.test")
    answer = idp.signed(said)

    async with Busy(verifier._threads):
        with pytest.raises(DomainError) as refused:
            await house.services.sign_in_arrival.receive(idp.connection.id, answer, relay_state)
    arrived = await house.services.sign_in_arrival.receive(idp.connection.id, answer, relay_state)

    assert (refused.value.code, refused.value.extra) == ("too_busy", {"retry_after_seconds": 1})
    assert (arrived.next, arrived.trace.outcome) == (Next.CLIENT, Outcome.SUCCEEDED)


async def test_a_place_lost_between_the_look_and_the_work_uses_nothing_up_either(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    idp = await connect(house, ada)
    await enable(house, ada)
    verifier = house.services.sign_in_arrival._verifier
    assert isinstance(verifier, SamlVerifier)
    request_id, relay_state = await idp.depart()
    answer = idp.signed(idp.says(request_id, "bo@acme.test"))

    async with Busy(verifier._threads):
        with monkeypatch.context() as patch:
            patch.setattr(BoundedThreads, "ensure_room", _looks_free)
            with pytest.raises(DomainError, match="Nothing was changed"):
                await house.services.sign_in_arrival.receive(idp.connection.id, answer, relay_state)
    arrived = await house.services.sign_in_arrival.receive(idp.connection.id, answer, relay_state)

    assert arrived.trace.outcome is Outcome.SUCCEEDED


async def test_of_large_responses_only_so_many_wait_though_small_ones_are_verified_at_once(house: House) -> None:
    verifier = house.services.sign_in_arrival._verifier
    assert isinstance(verifier, SamlVerifier)
    small, large = "PHg+", "PHg+" + 24_000 * " "
    trusting = trust(identity_provider())

    async with Busy(verifier._threads):
        verifier._threads._spare = 1
        with pytest.raises(ResponseRefused):
            await verifier.verify(small, trusting)
        with pytest.raises(DomainError, match="Wait a second"):
            await verifier.verify(large, trusting)


async def test_of_passwords_too_only_so_many_wait(database_url: str) -> None:
    # As costly as in production, so that some of them meet.
    cost = {"password_hash_memory_kib": 19_456, "password_hash_rounds": 2}
    async with open_house(database_url, password_queue=WAITING, **cost) as house:
        await house.person("ada@acme.test")
        many = [house.services.accounts.sign_in(email="ada@acme.test", password=PASSWORD) for _ in range(12)]
        ended = await asyncio.gather(*many, return_exceptions=True)
    refused = [one.code for one in ended if isinstance(one, DomainError)]
    assert set(refused) == {"too_busy"}
    assert 0 < len(refused) < 12
