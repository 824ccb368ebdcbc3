"""Sessions: how long they live, what ends them, and what their owner sees of them."""

from datetime import timedelta

import pytest

from ostiary.domain.account import SessionLimits
from ostiary.domain.errors import DomainError
from ostiary.services.accounts import SignedIn
from ostiary.services.context import Caller, Client
from tests.support.directory import statements
from tests.support.house import PASSWORD, House

LIMITS = SessionLimits()
EMAIL = "ada@acme.test"
LAPTOP = Client("192.0.2.7", "Firefox on a laptop")


async def sign_in(house: House, client: Client = LAPTOP) -> SignedIn:
    return await house.services.accounts.sign_in(email=EMAIL, password=PASSWORD, client=client)


async def caller_of(house: House, token: str) -> Caller:
    principal = await house.principal(token)
    assert principal is not None
    return Caller(principal)


async def test_a_session_nobody_uses_ends_and_one_in_use_lives_on_to_its_end(house: House) -> None:
    await house.person(EMAIL)
    used, unused = (await sign_in(house)).token, (await sign_in(house)).token
    step = LIMITS.idle - timedelta(hours=1)
    lived = timedelta(0)
    while lived + step < LIMITS.absolute:
        house.clock.turn(step)
        lived += step
        assert await house.principal(used) is not None
    assert await house.principal(unused) is None
    house.clock.turn(LIMITS.absolute - lived)
    assert await house.principal(used) is None


async def test_a_use_is_written_down_once_in_five_minutes(house: House) -> None:
    await house.person(EMAIL)
    token = (await sign_in(house)).token
    with statements(house) as ran:
        await house.principal(token)
    assert [statement for statement, _ in ran if statement.startswith("UPDATE")] == []
    house.clock.turn(timedelta(minutes=5))
    with statements(house) as ran:
        await house.principal(token)
        await house.principal(token)
    assert len([statement for statement, _ in ran if statement.startswith("UPDATE")]) == 1


async def test_R24_an_sso_session_does_not_move_its_end(house: House) -> None:
    ada = await house.person(EMAIL)
    await house.organization(ada)
    await house.enable_sso()
    token = await house.sso_session(ada)
    caller = await caller_of(house, token)
    [before] = [session for session in await house.services.accounts.my_sessions(caller) if session.organization_id]
    house.clock.turn(timedelta(minutes=30))
    await house.principal(token)
    [after] = [session for session in await house.services.accounts.my_sessions(caller) if session.organization_id]
    assert after.expires_at == before.expires_at == before.ends_at
    assert after.last_used_at > before.last_used_at
    house.clock.turn(timedelta(minutes=31))
    assert await house.principal(token) is None


async def test_the_owner_sees_where_sessions_were_made_and_ends_the_others(house: House) -> None:
    await house.person(EMAIL)
    first = await sign_in(house)
    second = await sign_in(house, Client("2001:db8::1", "curl"))
    caller = await caller_of(house, second.token)
    shown = await house.services.accounts.my_sessions(caller)
    assert [(session.client_address, session.user_agent) for session in shown[:2]] == [
        ("2001:db8::1", "curl"),
        ("192.0.2.7", "Firefox on a laptop"),
    ]
    # Those two, and the one of signing up.
    assert await house.services.accounts.revoke_my_other_sessions(caller) == 2
    assert await house.principal(first.token) is None
    assert await house.principal(second.token) is not None


async def test_changing_the_password_changes_the_sessions_secret_and_ends_the_others(house: House) -> None:
    await house.person(EMAIL)
    stolen = await sign_in(house)
    mine = await sign_in(house)
    caller = await caller_of(house, mine.token)
    changed = await house.services.passwords.change(caller, current=PASSWORD, new="another sentence works too")
    assert changed.session.id == mine.session.id
    assert await house.principal(stolen.token) is None
    # Whoever had copied the token of the very session is out too.
    assert await house.principal(mine.token) is None
    assert await house.principal(changed.token) is not None


async def test_a_session_that_ended_meanwhile_is_not_brought_back_by_a_change_of_password(house: House) -> None:
    await house.person(EMAIL)
    mine = await sign_in(house)
    caller = await caller_of(house, mine.token)
    other = await caller_of(house, (await sign_in(house)).token)
    await house.services.accounts.revoke_my_session(other, mine.session.id)
    with pytest.raises(DomainError, match="invalid_token"):
        await house.services.passwords.change(caller, current=PASSWORD, new="another sentence works too")
    # Nothing was changed.
    assert (await sign_in(house)).account.email == EMAIL
