"""Ids of another tenant, of nobody and of the wrong kind: nothing is told of them, and nothing done to them."""

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest

from ostiary.adapters.system import SystemIds
from ostiary.api.app import create_app
from ostiary.domain import ids
from ostiary.domain.access import Standing
from ostiary.domain.operation import Operation
from tests.support.walk import Walk, said
from tests.support.walk_requests import ASKS, Route, Things, routes_of
from tests.support.walk_world import ACME, ACTORS, RIVAL, Actor

ROUTES = [route for route in routes_of(create_app()) if Standing.ANYONE not in route.allowed]
# Disabling what is off is answered with the state, whatever else it asks for.
NOTHING_TO_DO = {(Operation.DISABLE_SSO, ACME)}
_ID = re.compile(r"([a-z]+)_[0-9a-hjkmnp-tv-z]{26}")
_NEW = SystemIds()


def somebody_elses(value: str, ours: Things, theirs: Things) -> str | None:
    """The other company's thing of the same name as ours; None for what is no id of ours."""
    name = next((name for name, own in ours.items() if own == value and _ID.fullmatch(value)), None)
    return None if name is None else theirs[name]


def nobodys(value: str) -> str:
    """An id of the same kind that there is nowhere."""
    return _NEW.new(value.partition("_")[0])


@pytest.mark.parametrize("name", ACTORS)
async def test_another_organization_is_not_there_by_slug_or_id(walk: Walk, name: str) -> None:
    actor, wrong = walk.world.actors[name], list[str]()
    theirs = walk.world.things[RIVAL[actor.home]]
    inside = [route for route in ROUTES if route.path.startswith("/v1/organizations/{org}")]
    for route in inside if "another organization" not in name else ():
        may = actor.token is not None and bool(actor.standings & route.allowed)
        references = (theirs["org"], theirs["organization_id"], nobodys("org_"), "no-such-company")
        for org in references if may else references[:1]:
            response = await walk.send(actor, route, {"org": org})
            told = (response.status_code, said(response))
            hidden = {(404, "organization_not_found")}
            if not may:
                hidden |= {(401, "authentication_required"), (401, "invalid_token"), (403, "forbidden")}
            if told not in hidden:
                wrong.append(f"{route.key} {org}: {told}")
    assert wrong == []
    assert await walk.kept.changed() == []


@pytest.mark.parametrize("name", ACTORS)
async def test_what_is_another_tenants_is_not_there(walk: Walk, name: str) -> None:
    actor, wrong, not_there = walk.world.actors[name], list[str](), 0
    theirs = walk.rivals(actor)
    for route in ROUTES:
        may = bool(route.allowed & actor.standings)
        for parameter, value in ids_in_path(walk, actor, route):
            foreign = theirs[ASKS[route.key].path.get(parameter, parameter)]
            answers = [await walk.send(actor, route, {parameter: foreign})]
            if may:
                invented = (nobodys(value), nobodys("evt_"), "nothing", "x" * 64)
                answers += [await walk.send(actor, route, {parameter: each}) for each in invented]
            told = {(answer.status_code, said(answer)) for answer in answers}
            [(status, _), *others] = told
            not_there += status == 404
            # 409 is the state's, said before anything is looked for: then of every id alike.
            allowed = {404, 409} if may else {401, 403, 404}
            if others or status not in allowed:
                wrong.append(f"{route.key} {parameter}: {sorted(told)}")
    assert wrong == []
    assert not_there or not actor.standings & {Standing.ADMINISTRATOR}
    assert await walk.kept.changed() == []


def ids_in_path(walk: Walk, actor: Actor, route: Route) -> Iterator[tuple[str, str]]:
    ask = ASKS[route.key]
    ours = walk.things(actor, ask)
    for parameter in route.parameters:
        value = ours.get(ask.path.get(parameter, parameter), "")
        if parameter != "org" and _ID.fullmatch(value):
            yield parameter, value


def entries_of(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", ACTORS)
async def test_what_a_body_names_of_another_tenant_is_refused_at_its_place(walk: Walk, name: str) -> None:
    actor, wrong = walk.world.actors[name], list[str]()
    for route in (route for route in ROUTES if route.allowed & actor.standings and route.path.startswith("/v1/")):
        ask = ASKS[route.key]
        ours = walk.things(actor, ask)
        theirs = walk.world.things[RIVAL[ask.at or actor.home]]
        body = ask.body(ours) if ask.body else {}
        for field, value in body.items():
            for entry in entries_of(value):
                foreign = somebody_elses(entry, ours, theirs) if isinstance(entry, str) else None
                if foreign is None:
                    continue
                told: set[tuple[int, str, str]] = set()
                for other in (foreign, nobodys(foreign), nobodys("evt_"), "nothing"):
                    sent: Any = [other] if isinstance(value, list) else other
                    response = await walk.send(actor, route, json={**body, field: sent})
                    problems = response.json().get("errors") or [{"pointer": ""}]
                    told.add((response.status_code, said(response), problems[0]["pointer"]))
                [(status, _, pointer), *others] = told
                if (route.key, actor.home) in NOTHING_TO_DO:
                    assert (status, others) == (200, [])
                elif others or not (status in {404, 409} or (status == 422 and pointer.startswith(f"/{field}"))):
                    wrong.append(f"{route.key} {field}: {sorted(told)}")
    assert wrong == []
    assert await walk.kept.changed() == []


async def test_R45_a_group_reserves_another_tenants_user_and_never_shows_or_touches_them(walk: Walk) -> None:
    actor = walk.world.actors["directory"]
    theirs = walk.rivals(actor)
    rival = RIVAL[actor.home]
    before = await walk.kept.of_organization(rival)
    assert any(before.values())
    for route in (route for route in ROUTES if route.path.startswith("/scim/v2/Groups") and route.method != "GET"):
        if ASKS[route.key].fails or route.path.endswith("/.search"):
            continue
        body = ASKS[route.key].body
        sent = body(walk.things(actor, ASKS[route.key])) if body else None
        if sent is not None and "members" in sent:
            sent["members"] = [{"value": theirs["user_id"]}, {"value": theirs["member_id"]}]
        elif sent is not None:
            sent["Operations"] = [{"op": "add", "path": "members", "value": [{"value": theirs["user_id"]}]}]
        response = await walk.send(actor, route, json=sent)
        assert response.status_code < 300, response.text
        if response.content:
            assert (
                theirs["user_id"]
                not in (await walk.http.get(response.json()["meta"]["location"], headers=actor.headers)).text
            )
    assert await walk.kept.of_organization(rival) == before


@pytest.mark.parametrize("name", [name for name in ACTORS if name != "operator"])
async def test_no_answer_names_anything_of_another_tenant(walk: Walk, name: str) -> None:
    actor, wrong = walk.world.actors[name], list[str]()
    things = walk.world.things[RIVAL[actor.home]]
    theirs = {value for key, value in things.items() if len(value) > 12 and key not in {"hook_url", "email"}}
    for route in (route for route in ROUTES if route.method == "GET" and route.allowed & actor.standings):
        if name.endswith("another organization") and route.path.startswith("/v1/me"):
            # They are at home there.
            continue
        response = await walk.send(actor, route)
        wrong += [f"{route.key}: {thing}" for thing in theirs if thing in response.text]
    assert wrong == []


async def test_a_sign_in_goes_through_no_other_organizations_connection(walk: Walk) -> None:
    ours, theirs = walk.world.things["bolts"], walk.world.things["cogs"]
    answers = [
        await walk.http.get(f"/sso/{ours['org']}", params={"connection": connection})
        for connection in (theirs["connection_id"], nobodys(f"{ids.CONNECTION}_"))
    ]
    assert len({(answer.status_code, said(answer)) for answer in answers}) == 1
    assert answers[0].status_code in {404, 409}
    assert (await walk.http.get(f"/sso/{ours['org']}", params={"connection": ours["connection_id"]})).status_code == 302
