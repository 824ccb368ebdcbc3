"""Too many attempts, over HTTP: the answer, which address counts, and the proxies that may say it."""

from collections.abc import AsyncGenerator, Mapping

import httpx2
import pytest
from fastapi import FastAPI

from ostiary import bootstrap
from ostiary.domain.throttle import LIMITS, Attempt, Scope
from tests.support.house import PASSWORD, House, bearer, open_house
from tests.support.service import running_service

EMAIL = "nobody@acme.test"
SIGN_IN = {"email": EMAIL, "password": "not the password"}


@pytest.fixture
async def house(database_url: str) -> AsyncGenerator[House]:
    async with open_house(database_url, throttle_by_address=True) as opened:
        yield opened


@pytest.fixture
async def app(house: House) -> AsyncGenerator[FastAPI]:
    made = bootstrap.make_app(house.settings, clock=house.clock)
    async with made.router.lifespan_context(made):
        yield made


def client_at(app: FastAPI, address: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app, client=(address, 50_000)), base_url="http://ostiary.test"
    )


LIMITED: Mapping[Attempt, tuple[str, dict[str, str], Scope]] = {
    Attempt.SIGN_IN: ("/v1/auth/sign-in", SIGN_IN, Scope.ACCOUNT_AT_PLACE),
    Attempt.SIGN_UP: (
        "/v1/auth/sign-up",
        {"email": EMAIL, "password": PASSWORD, "name": "Nobody"},
        Scope.ACCOUNT,
    ),
    Attempt.REQUEST_PASSWORD_RESET: ("/v1/auth/password-reset", {"email": EMAIL}, Scope.ACCOUNT_AT_PLACE),
    Attempt.CONFIRM_PASSWORD_RESET: (
        "/v1/auth/password-reset/confirm",
        {"token": "ost_mail_x", "password": PASSWORD},
        Scope.PLACE,
    ),
    Attempt.VERIFY_EMAIL: ("/v1/auth/verify-email", {"token": "ost_mail_x"}, Scope.PLACE),
    Attempt.EXCHANGE_CODE: ("/v1/auth/token", {"code": "ost_code_x", "code_verifier": "v" * 43}, Scope.PLACE),
    Attempt.RECOVER: (
        "/v1/auth/recover",
        {"organization": "acme", "email": EMAIL, "recovery_code": "ost_rec_x", "password": PASSWORD},
        Scope.ACCOUNT_AT_PLACE,
    ),
    Attempt.RECOVER_BY_LINK: ("/v1/auth/recover/by-link", {"token": "ost_recl_x"}, Scope.PLACE),
    Attempt.REQUEST_RECOVERY_LINK: (
        "/v1/auth/recover/link",
        {"organization": "acme", "email": EMAIL},
        Scope.ACCOUNT_AT_PLACE,
    ),
    Attempt.VERIFY_CREDENTIAL: (
        "/v1/credentials/verify",
        {"username": "cred_x", "secret": "x"},
        Scope.ACCOUNT_AT_PLACE,
    ),
}


@pytest.mark.parametrize("attempt", list(LIMITED))
async def test_an_operation_strangers_call_answers_429_after_its_limit(app: FastAPI, attempt: Attempt) -> None:
    path, body, scope = LIMITED[attempt]
    limit = next(limit for limit in LIMITS[attempt] if limit.scope is scope)
    async with client_at(app, "198.51.100.9") as client:
        answers = [(await client.post(path, json=body)).status_code for _ in range(limit.most)]
        refused = await client.post(path, json=body)
    assert 429 not in answers
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["code"] == "too_many_attempts"
    seconds = problem["retry_after_seconds"]
    assert refused.headers["retry-after"] == str(seconds)
    assert 0 < seconds <= limit.within.total_seconds()
    documented = app.openapi()["paths"][path]["post"]["responses"]
    assert "429" in documented


async def test_invitations_are_not_guessed_by_those_who_are_signed_in(app: FastAPI, house: House) -> None:
    ada = await house.person("ada@acme.test")
    most = LIMITS[Attempt.ACCEPT_INVITATION][0].most
    async with client_at(app, "198.51.100.9") as client:
        for _ in range(most):
            answer = await client.post("/v1/invitations/accept", json={"token": "ost_inv_x"}, headers=bearer(ada.token))
            assert answer.status_code == 422
        answer = await client.post("/v1/invitations/accept", json={"token": "ost_inv_x"}, headers=bearer(ada.token))
    assert answer.status_code == 429


async def test_two_addresses_of_one_ipv6_network_are_one_client_and_the_next_network_is_another(app: FastAPI) -> None:
    for number in range(10):
        async with client_at(app, f"2001:db8:0:1::{number}") as client:
            assert (await client.post("/v1/auth/sign-in", json=SIGN_IN)).status_code == 401
    async with client_at(app, "2001:db8:0:1:ffff::1") as client:
        assert (await client.post("/v1/auth/sign-in", json=SIGN_IN)).status_code == 429
    async with client_at(app, "2001:db8:0:2::1") as client:
        assert (await client.post("/v1/auth/sign-in", json=SIGN_IN)).status_code == 401


async def ten_wrong(client: httpx2.AsyncClient, forwarded_for: str) -> list[int]:
    headers = {"X-Forwarded-For": forwarded_for}
    return [(await client.post("/v1/auth/sign-in", json=SIGN_IN, headers=headers)).status_code for _ in range(11)]


async def test_a_client_cannot_name_its_own_address(database_url: str) -> None:
    with running_service(database_url, throttle_by_address=True) as service:
        async with httpx2.AsyncClient(base_url=service.url) as client:
            assert (await ten_wrong(client, "203.0.113.1"))[-1] == 429
            assert set(await ten_wrong(client, "203.0.113.2")) == {429}


async def test_behind_a_proxy_the_operator_named_the_address_it_adds_counts(database_url: str) -> None:
    with running_service(database_url, throttle_by_address=True, trusted_proxies=("127.0.0.1/32",)) as service:
        async with httpx2.AsyncClient(base_url=service.url) as client:
            assert (await ten_wrong(client, "203.0.113.1"))[-1] == 429
            # What stands before it was the client's own invention.
            assert set(await ten_wrong(client, "192.0.2.200, 203.0.113.1")) == {429}
            answers = await ten_wrong(client, "203.0.113.2")
            assert answers == [401] * 10 + [429]
