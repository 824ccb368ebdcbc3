"""Idempotency keys over HTTP: at once, after a refusal, after an accident, after a day."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from ostiary.domain.membership import Role
from ostiary.services.idempotency import KEPT_FOR, LONGEST_REQUEST
from ostiary.services.teams import TeamService
from tests.e2e.rest.conftest import in_acme
from tests.support.house import House, Person
from tests.support.problem import code_of

KEY = {"Idempotency-Key": "the same"}
TEAM = {"name": "Platform"}


async def names(client: httpx2.AsyncClient) -> list[str]:
    return [team["name"] for team in (await client.get("/teams")).json()["data"]]


async def test_many_at_once_with_one_key_create_one_thing(as_ada: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(as_ada.post("/teams", json=TEAM, headers=KEY) for _ in range(8)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {code_of(answer, 409) for answer in answers if answer.status_code != 201} <= {"idempotency_in_progress"}
    assert await names(as_ada) == ["Platform"]


async def test_a_refusal_is_not_kept(as_ada: httpx2.AsyncClient) -> None:
    await as_ada.post("/teams", json={"name": "Platform"})
    assert code_of(await as_ada.post("/teams", json=TEAM, headers=KEY), 409) == "team_name_taken"
    assert code_of(await as_ada.post("/teams", json={"nam": "Platform"}, headers=KEY), 422) == "invalid_request"
    assert (await as_ada.post("/teams", json={"name": "Core"}, headers=KEY)).status_code == 201


async def test_one_key_is_another_of_another_person_and_at_another_address(
    as_ada: httpx2.AsyncClient, house: House, ada: Person, app: FastAPI
) -> None:
    eve = await house.joined(ada, "eve@acme.test", Role.ADMINISTRATOR)
    assert (await as_ada.post("/teams", json={"name": "Platform"}, headers=KEY)).status_code == 201
    assert (await as_ada.post("/databases", json={"name": "Platform"}, headers=KEY)).status_code == 201
    async with in_acme(app, eve) as as_eve:
        assert (await as_eve.post("/teams", json={"name": "Core"}, headers=KEY)).status_code == 201
    assert await names(as_ada) == ["Platform", "Core"]


async def test_who_lost_the_right_is_not_told_what_was_answered(
    as_ada: httpx2.AsyncClient, house: House, ada: Person, app: FastAPI
) -> None:
    eve = await house.joined(ada, "eve@acme.test", Role.ADMINISTRATOR)
    async with in_acme(app, eve) as as_eve:
        assert (await as_eve.post("/teams", json=TEAM, headers=KEY)).status_code == 201
        member_id = (await house.member(eve)).id
        await as_ada.patch(f"/members/{member_id}", json={"role": "member"})
        assert code_of(await as_eve.post("/teams", json=TEAM, headers=KEY), 403) == "forbidden"
        await as_ada.delete(f"/members/{member_id}")
        assert code_of(await as_eve.post("/teams", json=TEAM, headers=KEY), 404) == "organization_not_found"


async def test_after_an_accident_nobody_guesses(
    as_ada: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accident(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(TeamService, "create", accident)
        with pytest.raises(asyncio.CancelledError):
            await as_ada.post("/teams", json=TEAM, headers=KEY)
    running = await as_ada.post("/teams", json=TEAM, headers=KEY)
    assert code_of(running, 409) == "idempotency_in_progress"
    assert running.headers["retry-after"] == "1"
    house.clock.turn(LONGEST_REQUEST)
    assert code_of(await as_ada.post("/teams", json=TEAM, headers=KEY), 409) == "idempotency_outcome_unknown"
    assert await names(as_ada) == []


async def test_a_key_is_kept_for_a_day(as_ada: httpx2.AsyncClient, house: House) -> None:
    first = await as_ada.post("/databases", json=TEAM, headers=KEY)
    house.clock.turn(KEPT_FOR - timedelta(seconds=1))
    again = await as_ada.post("/databases", json=TEAM, headers=KEY)
    assert again.json() == first.json()
    house.clock.turn(timedelta(seconds=1))
    assert code_of(await as_ada.post("/databases", json=TEAM, headers=KEY), 409) == "database_name_taken"


async def test_an_answer_with_a_secret_is_kept_sealed(as_ada: httpx2.AsyncClient, house: House) -> None:
    database = (await as_ada.post("/databases", json=TEAM)).json()
    path = f"/databases/{database['id']}/credentials"
    first = await as_ada.post(path, json={"name": "app"}, headers=KEY)
    again = await as_ada.post(path, json={"name": "app"}, headers=KEY)
    assert again.json()["secret"] == first.json()["secret"]
    [kept] = await house.column("idempotency_keys", "answer")
    assert first.json()["secret"].encode() not in kept
    assert b"secret" not in kept


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tin it"], ids=["empty", "long", "control"])
async def test_a_key_nobody_can_send_twice_is_refused(as_ada: httpx2.AsyncClient, key: str) -> None:
    refused = await as_ada.post("/teams", json=TEAM, headers={"Idempotency-Key": key})
    assert code_of(refused, 422) == "invalid_idempotency_key"
    assert await names(as_ada) == []
