"""Setting passwords: by mail, and with the one before; and what strangers learn by asking."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from ostiary.adapters.passwords import Argon2Hasher
from ostiary.domain.errors import DomainError
from ostiary.services import secrets
from ostiary.services.context import Client
from tests.support.directory import statements
from tests.support.house import PASSWORD, House, Person, open_house
from tests.support.sso import connect, enable

HERE = Client("192.0.2.7")
BETTER = "another long sentence"


@pytest.fixture
async def house(database_url: str) -> AsyncGenerator[House]:
    async with open_house(database_url, throttle_by_address=True) as opened:
        yield opened


@pytest.fixture
async def ada(house: House) -> Person:
    return await house.person("ada@acme.test")


async def reset_token(house: House, email: str) -> str:
    mails = [mail for mail in await house.mails() if mail.to == email and "Reset" in mail.subject]
    return mails[-1].text.split()[-1]


async def code_of(attempt: Any) -> str:
    """The code a call is refused with, or `ok`."""
    try:
        await attempt
    except DomainError as error:
        return error.code
    return "ok"


async def test_a_mailed_token_sets_the_password_once_and_ends_every_session(house: House, ada: Person) -> None:
    passwords, accounts = house.services.passwords, house.services.accounts
    await passwords.request_reset(ada.email)
    token = await reset_token(house, ada.email)
    await passwords.confirm_reset(token, BETTER)
    assert await house.principal(ada.token) is None
    assert await code_of(accounts.sign_in(email=ada.email, password=PASSWORD)) == "invalid_credentials"
    assert (await accounts.sign_in(email=ada.email, password=BETTER)).account.email_verified_at is not None
    assert await code_of(passwords.confirm_reset(token, "yet another sentence")) == "invalid_token"


async def test_a_token_outlives_a_password_that_will_not_do_and_not_half_an_hour(house: House, ada: Person) -> None:
    passwords = house.services.passwords
    await passwords.request_reset(ada.email)
    token = await reset_token(house, ada.email)
    assert await code_of(passwords.confirm_reset(token, "Password123!")) == "weak_password"
    house.clock.turn(timedelta(minutes=30))
    assert await code_of(passwords.confirm_reset(token, BETTER)) == "invalid_token"


async def test_a_newer_token_voids_the_older_one(house: House, ada: Person) -> None:
    passwords = house.services.passwords
    await passwords.request_reset(ada.email)
    older = await reset_token(house, ada.email)
    await passwords.request_reset(ada.email)
    newer = await reset_token(house, ada.email)
    assert await code_of(passwords.confirm_reset(older, BETTER)) == "invalid_token"
    assert await code_of(passwords.confirm_reset(newer, BETTER)) == "ok"


async def test_whoever_reset_the_password_by_mail_gets_in_though_strangers_used_up_the_accounts_attempts(
    house: House, ada: Person
) -> None:
    sign_in = house.services.accounts.sign_in
    for number in range(101):
        last = await code_of(sign_in(email=ada.email, password="wrong", client=Client(f"198.51.100.{number}")))
    assert last == "too_many_attempts"  # pyright: ignore[reportPossiblyUnboundVariable]
    assert await code_of(sign_in(email=ada.email, password=PASSWORD, client=HERE)) == "too_many_attempts"
    await house.services.passwords.request_reset(ada.email, HERE)
    await house.services.passwords.confirm_reset(await reset_token(house, ada.email), BETTER, HERE)
    assert await code_of(sign_in(email=ada.email, password=BETTER, client=HERE)) == "ok"


@pytest.mark.parametrize("password", ["short", "Password123!", "ada@acme.test"])
async def test_a_weak_password_is_refused_wherever_one_is_set_and_the_field_is_named(
    house: House, ada: Person, password: str
) -> None:
    passwords = house.services.passwords
    with pytest.raises(DomainError, match="weak_password") as refused:
        await house.services.accounts.sign_up(email="ada@acme.test", password=password, name="Ada")
    assert refused.value.pointer == "/password"
    with pytest.raises(DomainError, match="weak_password") as refused:
        await passwords.change(ada.caller, current=PASSWORD, new=password)
    assert refused.value.pointer == "/new"
    await passwords.request_reset(ada.email)
    with pytest.raises(DomainError, match="weak_password") as refused:
        await passwords.confirm_reset(await reset_token(house, ada.email), password)
    assert refused.value.pointer == "/password"


@dataclass(slots=True)
class Work:
    """What a call made the service do."""

    statements: list[str] = field(default_factory=list[str])
    hashes: int = 0


@contextmanager
def observed(house: House, monkeypatch: pytest.MonkeyPatch) -> Generator[Work]:
    """The statements sent and the passwords hashed in the block."""
    work, verify = Work(), Argon2Hasher.verify

    async def counted(self: Argon2Hasher, password: str, password_hash: str | None) -> bool:
        work.hashes += 1
        return await verify(self, password, password_hash)

    with statements(house) as ran, monkeypatch.context() as patch:
        patch.setattr(Argon2Hasher, "verify", counted)
        yield work
    work.statements.extend(statement for statement, _ in ran)


async def test_signing_in_takes_the_same_work_for_an_unknown_account(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: list[Work] = []
    for email in (ada.email, "nobody@acme.test"):
        with observed(house, monkeypatch) as work:
            assert await code_of(house.services.accounts.sign_in(email=email, password="wrong")) == (
                "invalid_credentials"
            )
        works.append(work)
    assert works[0] == works[1]
    assert works[0].hashes == 1


async def test_asking_for_a_reset_takes_the_same_work_for_an_unknown_account(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: list[Work] = []
    for email in (ada.email, "nobody@acme.test"):
        with observed(house, monkeypatch) as work:
            await house.services.passwords.request_reset(email)
        works.append(work)
    assert works[0] == works[1]
    assert [mail.to for mail in await house.mails() if "Reset" in mail.subject] == [ada.email]


async def test_recovering_takes_the_same_work_whatever_is_wrong(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.organization(ada)
    bo = await house.joined(ada, "bo@acme.test")
    await connect(house, ada)
    codes = await enable(house, ada)
    wrong: list[dict[str, str | None]] = [
        {"email": ada.email, "recovery_code": "ost_rec_x", "password": PASSWORD, "token": None},
        {"email": ada.email, "recovery_code": codes[0], "password": "wrong", "token": None},
        {"email": ada.email, "recovery_code": codes[0], "password": None, "token": "ost_mail_x"},
        {"email": bo.email, "recovery_code": codes[0], "password": PASSWORD, "token": None},
        {"email": "nobody@acme.test", "recovery_code": codes[0], "password": PASSWORD, "token": None},
    ]
    works: list[Work] = []
    for given in wrong:
        with observed(house, monkeypatch) as work:
            refused = await code_of(house.services.recovery.recover(organization="acme", **given))  # pyright: ignore[reportArgumentType]
        assert refused == "recovery_refused"
        works.append(work)
    assert all(work == works[0] for work in works)
    right = await house.services.recovery.recover(
        organization="acme", email=ada.email, recovery_code=codes[0], password=PASSWORD, token=None
    )
    assert right.token.startswith(secrets.SESSION)


async def test_asking_for_a_recovery_link_takes_the_same_work_for_everybody(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.organization(ada)
    await connect(house, ada)
    await enable(house, ada)
    works: list[Work] = []
    for organization, email in (("acme", ada.email), ("acme", "nobody@acme.test"), ("nowhere", ada.email)):
        with observed(house, monkeypatch) as work:
            await house.services.recovery.request_link(organization=organization, email=email)
        works.append(work)
    assert works[0] == works[1] == works[2]
    assert len([mail for mail in await house.mails() if "Repair" in mail.subject]) == 1
