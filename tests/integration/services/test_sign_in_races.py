"""Signing in while somebody takes the access away, or gives it: some order of the two explains the end (R63)."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from ostiary.domain.errors import DomainError
from ostiary.domain.membership import MemberStatus
from ostiary.services.accounts import SignedIn
from ostiary.services.context import Caller
from tests.support.directory import USER, DirectorySync, directory_sync
from tests.support.house import House, Person
from tests.support.sso import VERIFIER, Idp, connect, enable

ROUNDS = range(4)


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """An active connection of acme, where SSO is on."""
    idp = await connect(house, ada)
    await enable(house, ada)
    return idp


async def attempt(what: Awaitable[SignedIn]) -> SignedIn | str:
    """The sign-in, or the code it was refused with."""
    try:
        return await what
    except DomainError as refused:
        return refused.code


async def push(sync: DirectorySync, email: str) -> str:
    """Provision a user; answers the id."""
    document = {"schemas": [USER], "userName": email, "active": True}
    return (await sync.house.services.users.create(sync.caller, document)).id


async def switch_off(sync: DirectorySync, user_id: str) -> None:
    """What the directory sends for somebody who left the company."""
    await sync.house.services.users.change(sync.caller, user_id, lambda document: {**document, "active": False})


@pytest.mark.parametrize("late", ROUNDS)
async def test_R43_R63_who_is_deactivated_while_signing_in_has_no_access_afterwards(
    house: House, ada: Person, idp: Idp, late: int
) -> None:
    sync = await directory_sync(house)
    user_id = await push(sync, "dee@acme.test")

    async def leave() -> None:
        await asyncio.sleep(late * 0.01)
        await switch_off(sync, user_id)

    result, _ = await asyncio.gather(attempt(idp.sign_in("dee@acme.test")), leave())

    # Before, between code and exchange, or after: a session that was made is worth nothing any more.
    if isinstance(result, SignedIn):
        assert await house.principal(result.token) is None
    else:
        assert result in {"user_deactivated", "user_not_provisioned", "invalid_code"}
    assert await sync.member(user_id) is None
    assert await house.count("one_time_codes") == 0
    assert await house.count("sessions", kind="sso") == 0


@pytest.mark.parametrize("late", ROUNDS)
async def test_R22_R41_R63_who_is_provisioned_while_signing_in_is_one_member_or_told_to_wait(
    house: House, ada: Person, idp: Idp, late: int
) -> None:
    sync = await directory_sync(house)

    async def sign_in_late() -> SignedIn:
        await asyncio.sleep(late * 0.005)
        return await idp.sign_in("dee@acme.test")

    result, user_id = await asyncio.gather(attempt(sign_in_late()), push(sync, "dee@acme.test"))

    member = await sync.member(user_id)
    assert member is not None
    if isinstance(result, SignedIn):
        assert member.account_id == result.account.id
    else:
        assert (result, member.account_id) == ("user_not_provisioned", None)
    assert await house.count("members", email="dee@acme.test") == 1


@pytest.mark.parametrize("late", ROUNDS)
async def test_R57_R63_no_session_outlives_sso_that_is_disabled_during_the_sign_in(
    house: House, ada: Person, idp: Idp, late: int
) -> None:
    async def disable() -> None:
        await asyncio.sleep(late * 0.01)
        await house.services.sso.disable(ada.caller, "acme", suspend_member_ids=[])

    result, _ = await asyncio.gather(attempt(idp.sign_in("dee@acme.test")), disable())

    if isinstance(result, SignedIn):
        assert await house.principal(result.token) is None
    assert await house.count("sessions", kind="sso") == 0
    assert await house.count("one_time_codes") == 0


@pytest.mark.parametrize("late", ROUNDS)
async def test_R63_who_is_suspended_while_the_code_is_exchanged_has_no_access_afterwards(
    house: House, ada: Person, idp: Idp, late: int
) -> None:
    request_id, relay_state = await idp.depart()
    arrived = await idp.arrive(idp.says(request_id, "dee@acme.test"), relay_state)
    [joined] = await house.events("member.joined")

    async def suspend() -> None:
        await asyncio.sleep(late * 0.003)
        await house.services.members.suspend(ada.caller, "acme", joined.target_id)

    assert arrived.code is not None
    exchange = house.services.sign_in_finish.exchange(arrived.code, VERIFIER)
    result, _ = await asyncio.gather(attempt(exchange), suspend())

    if isinstance(result, SignedIn):
        assert await house.principal(result.token) is None
    assert await house.count("sessions", kind="sso") == 0
    details = await house.services.members.get(ada.caller, "acme", joined.target_id)
    assert details.member.status is MemberStatus.SUSPENDED


async def test_R25_a_person_removed_at_the_identity_provider_stays_listed_and_cannot_sign_in(
    house: House, ada: Person, idp: Idp
) -> None:
    signed_in = await idp.sign_in("dee@acme.test")
    request_id, relay_state = await idp.depart()
    gone = idp.says(request_id, "dee@acme.test")
    denied = '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>'
    refusal = replace(gone, status=denied)
    with pytest.raises(DomainError, match="sign_in_refused"):
        await idp.arrive(refusal, relay_state)
    # What was opened before ends by its own time (R24); the membership is removed by hand.
    assert await house.is_member(Person(signed_in.account.id, "", "", Caller(None)))
