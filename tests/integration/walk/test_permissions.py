"""Every route by every kind of caller, held against the table of permissions."""

import pytest

from ostiary.api.app import create_app
from ostiary.domain.access import PERMISSIONS
from ostiary.domain.operation import Operation
from tests.support.walk import HOW_TO_ADD, Walk, said
from tests.support.walk_requests import ASKS, Route, routes_of
from tests.support.walk_world import ACTORS

ROUTES = list(routes_of(create_app()))


def test_every_route_has_its_permission_and_its_request() -> None:
    served = {route.key for route in ROUTES}
    assert served == set(ASKS), f"{sorted(served ^ set(ASKS))}: {HOW_TO_ADD}"
    assert [route.key for route in ROUTES if not route.allowed] == [], HOW_TO_ADD
    assert set(PERMISSIONS) <= served | {Operation.PROVISION}


@pytest.mark.parametrize("name", ACTORS)
async def test_R1_who_may_not_is_refused_and_changes_nothing(walk: Walk, name: str) -> None:
    actor = walk.world.actors[name]
    refused = [route for route in ROUTES if not route.allowed & actor.standings]
    assert refused
    wrong: list[str] = []
    for route in refused:
        response = await walk.send(actor, route)
        code = said(response)
        fits = response.status_code in {401, 403, 404} and (code in actor.refused or route.path.startswith("/scim/"))
        if not fits:
            wrong.append(f"{route.key}: {response.status_code} {code}")
    assert wrong == []
    assert await walk.kept.changed() == []


@pytest.mark.parametrize("name", ACTORS)
async def test_who_may_is_let_in(walk: Walk, name: str) -> None:
    actor = walk.world.actors[name]
    wrong: list[str] = []
    for route in (route for route in ROUTES if route.allowed & actor.standings):
        status, code = await _allowed(walk, name, route)
        if not (
            status < 400 or status == 409 or (status == 403 and code not in actor.refused) or ASKS[route.key].fails
        ):
            wrong.append(f"{route.key}: {status} {code}")
    assert wrong == []


async def test_each_request_succeeds_for_somebody(walk: Walk) -> None:
    failed: list[str] = []
    for route in ROUTES:
        names = [name for name, actor in walk.world.actors.items() if route.allowed & actor.standings]
        answers: list[tuple[int, str]] = []
        for name in names:
            answers.append(await _allowed(walk, name, route))
            if answers[-1][0] < 400:
                break
        else:
            if not ASKS[route.key].fails:
                failed.append(f"{route.key}: {answers}")
    assert failed == []


async def _allowed(walk: Walk, name: str, route: Route) -> tuple[int, str]:
    """How a request that may change something is answered; the world is as it was before."""
    state = ASKS[route.key].state
    if state:
        await walk.kept.session.execute(state)
    response = await walk.send(walk.world.actors[name], route)
    if state or route.method != "GET" or not route.path.startswith("/v1"):
        await walk.kept.put_back()
    return response.status_code, said(response)
