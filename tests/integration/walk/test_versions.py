"""Nobody overwrites what they have not seen: every resource with an ETag, read and changed by it (RFC 9110 §13)."""

from typing import Any

import pytest

from ostiary.api.app import create_app
from tests.integration.walk.test_tampering import someone_for
from tests.support.walk import Walk, said
from tests.support.walk_requests import ASKS, Route, routes_of
from tests.support.walk_world import Actor

APP = create_app()
CONTRACT: dict[str, Any] = APP.openapi()
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    operation["operationId"]: (method, operation)
    for path, methods in CONTRACT["paths"].items()
    for method, operation in methods.items()
    if path.startswith("/v1/")
}
ROUTES = [route for route in routes_of(APP) if route.key in OPERATIONS]
SHOWN = [route for route in ROUTES if "304" in OPERATIONS[route.key][1]["responses"]]
CHANGED = [route for route in ROUTES if "412" in OPERATIONS[route.key][1]["responses"]]
READ_OF = {route.path: route for route in ROUTES if route.method == "GET"}


def test_every_address_that_shows_one_resource_has_an_etag() -> None:
    single = {
        route.key
        for route in ROUTES
        if route.method == "GET" and (route.path.endswith("}") or f"PATCH {route.path}" in _methods())
    }
    tagged = {route.key for route in ROUTES if "ETag" in _headers(route)}
    assert single - tagged == set()


def test_every_change_and_deletion_of_such_a_resource_takes_if_match() -> None:
    shown = {route.path for route in ROUTES if route.method == "GET" and "ETag" in _headers(route)}
    changing = {route.key for route in ROUTES if route.path in shown and route.method in {"PATCH", "PUT", "DELETE"}}
    assert changing - {route.key for route in CHANGED} == set()


@pytest.mark.parametrize("route", SHOWN, ids=lambda route: route.key)
async def test_who_has_the_present_version_is_not_sent_it_again(walk: Walk, route: Route) -> None:
    actor = someone_for(walk, route)
    first = await walk.send(actor, route)
    assert first.status_code == 200, said(first)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        again = await walk.send(actor, route, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for other in ('"another"', "", "nonsense"):
        assert (await walk.send(actor, route, headers={"If-None-Match": other})).status_code == 200


@pytest.mark.parametrize("route", CHANGED, ids=lambda route: route.key)
async def test_nothing_is_changed_by_who_saw_something_else(walk: Walk, route: Route) -> None:
    actor = someone_for(walk, route)
    for stale in ('"another"', 'W/"another", "third"', "", "nonsense", '"' + "x" * 2000 + '"'):
        refused = await walk.send(actor, route, headers={"If-Match": stale})
        assert refused.status_code == 412, said(refused)
        assert refused.json()["code"] == "version_mismatch"
    assert await walk.kept.changed() == []


@pytest.mark.parametrize("route", CHANGED, ids=lambda route: route.key)
async def test_who_saw_the_present_version_may_change_it_and_learns_the_new_one(walk: Walk, route: Route) -> None:
    endings: set[str] = set()
    for actor in walk.world.actors.values():
        # What one company's state forbids is tried at the other.
        if actor.standings & route.allowed and "done" not in endings:
            endings.add(await _change(walk, route, actor))
            await walk.kept.put_back()
    assert "done" in endings


async def _change(walk: Walk, route: Route, actor: Actor) -> str:
    ask = ASKS[route.key]
    if ask.state is not None:
        await walk.kept.session.execute(ask.state)
    reading = READ_OF.get(route.path) or READ_OF[route.path.rpartition("/")[0]]
    its = walk.things(actor, ask)
    named = {name: its[ask.path.get(name, name)] for name in reading.parameters}
    seen = await walk.send(actor, reading, named)
    if seen.status_code != 200:
        return said(seen)
    changed = await walk.send(actor, route, headers={"If-Match": seen.headers["etag"]})
    if changed.status_code not in {200, 204}:
        return said(changed)
    after = await walk.send(actor, reading, named)
    # What was deleted or settled is there no longer, and the answer shows something else.
    if changed.status_code == 200 and after.status_code != 404:
        assert changed.headers["etag"] == after.headers["etag"]
    return "done"


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.method != "GET" and route not in CHANGED], ids=lambda route: route.key
)
async def test_a_condition_that_cannot_be_held_is_refused(walk: Walk, route: Route) -> None:
    refused = await walk.send(someone_for(walk, route), route, headers={"If-Match": '"anything"'})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_not_supported")
    assert await walk.kept.changed() == []


def _methods() -> set[str]:
    return {f"{route.method} {route.path}" for route in ROUTES}


def _headers(route: Route) -> dict[str, Any]:
    return OPERATIONS[route.key][1]["responses"].get("200", {}).get("headers", {})
