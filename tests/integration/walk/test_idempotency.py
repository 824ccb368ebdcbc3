"""Whatever creates something creates it once for one Idempotency-Key."""

from typing import Any

import pytest

from ostiary.api.app import create_app
from ostiary.domain.operation import Operation
from tests.support.walk import Walk, said
from tests.support.walk_requests import ASKS, Route, routes_of
from tests.support.walk_world import Actor

APP = create_app()
CREATING: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation
    for methods in APP.openapi()["paths"].values()
    for method, operation in methods.items()
    if method == "post" and "201" in operation["responses"]
}
# Who signs up is nobody yet, and a key belongs to a caller.
OF_STRANGERS = {Operation.SIGN_UP}
ROUTES = [route for route in routes_of(APP) if route.key in CREATING and route.key not in OF_STRANGERS]
KEY = {"Idempotency-Key": "5f0c9b6a-d1f2-4f0f-8f3a-3c5d1f6f0b1e"}


def test_every_post_that_creates_names_the_header() -> None:
    named = {
        key
        for key, operation in CREATING.items()
        if "Idempotency-Key" in [each["name"] for each in _parameters(operation)]
    }
    assert named == {route.key for route in ROUTES} == set(CREATING) - OF_STRANGERS


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
async def test_a_request_sent_twice_is_carried_out_once_and_answered_alike(walk: Walk, route: Route) -> None:
    actor, first = await _carried_out(walk, route)
    made = await walk.kept.changed()
    again = await walk.send(actor, route, headers=KEY)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await walk.kept.changed() == made
    if ASKS[route.key].body is not None:
        other = await walk.send(actor, route, headers=KEY, json={"name": "something else"})
        assert (other.status_code, said(other)) == (422, "idempotency_key_reused")
    another_key = await walk.send(actor, route, headers={"Idempotency-Key": "another"})
    assert "idempotency-replayed" not in another_key.headers


async def _carried_out(walk: Walk, route: Route) -> tuple[Actor, Any]:
    """A caller whom the state does not forbid it, and the answer."""
    refusals: list[str] = []
    for actor in walk.world.actors.values():
        if actor.standings & route.allowed:
            response = await walk.send(actor, route, headers=KEY)
            if response.status_code == 201:
                assert "idempotency-replayed" not in response.headers
                return actor, response
            refusals.append(said(response))
    pytest.fail(f"nobody could: {refusals}")


def _parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return list(operation.get("parameters", []))
