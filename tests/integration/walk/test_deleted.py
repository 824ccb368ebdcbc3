"""Of deleted organizations nobody gets anything, by any route."""

import pytest

from ostiary.api.app import create_app
from ostiary.domain.operation import Operation
from tests.support.walk import Walk, said
from tests.support.walk_requests import ASKS, routes_of
from tests.support.walk_world import ACTORS

# Of an organization: by its name, by a connection of its, or by a token that says whose it is.
ROUTES = [
    route
    for route in routes_of(create_app())
    if "{org}" in route.path or "{connection_id}" in route.path or route.path.startswith(("/scim/v2/", "/v1/setup"))
]
MADE_FOR_IT = {Operation.RESTORE_ORGANIZATION, Operation.RESTORE_ORGANIZATION_BY_SUPPORT}
# What a service says of itself belongs to nobody.
GENERAL = {"/scim/v2/ServiceProviderConfig", "/scim/v2/ResourceTypes", "/scim/v2/Schemas"}


@pytest.mark.parametrize("name", ACTORS)
async def test_nobody_gets_anything_of_a_deleted_organization(walk: Walk, name: str) -> None:
    actor, found = walk.world.actors[name], list[str]()
    await walk.kept.session.execute("UPDATE organizations SET deleted_at = now()")
    for route in ROUTES:
        if route.key in MADE_FOR_IT or any(route.path.startswith(path) for path in GENERAL) or ASKS[route.key].fails:
            continue
        response = await walk.send(actor, route)
        if response.status_code not in {401, 403, 404}:
            found.append(f"{route.key}: {response.status_code} {said(response)}")
        elif actor.standings & route.allowed and response.status_code == 403:
            found.append(f"{route.key}: {said(response)} tells that it is there")
    assert found == []
