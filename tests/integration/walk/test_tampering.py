"""Requests that say more, say it twice, or say it by another verb: none has an effect of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from ostiary.api.app import create_app
from ostiary.api.head import has_head
from ostiary.domain.operation import Operation
from tests.support.walk import Walk, said
from tests.support.walk_requests import ASKS, Route, routes_of
from tests.support.walk_world import ACME, BOLTS, Actor

APP = create_app()
ROUTES = list(routes_of(APP))
CONTRACT: dict[str, Any] = APP.openapi()
# What a caller would like to decide, and does not.
WISHES: dict[str, Any] = {
    "id": "org_01h455vb4pex5vsknk084sn02q",
    "organization_id": "org_01h455vb4pex5vsknk084sn02q",
    "account_id": "usr_01h455vb4pex5vsknk084sn02q",
    "role": "administrator",
    "managed_by": "manual",
    "status": "active",
    "plan": "enterprise",
    "sso_enabled": True,
    "enabled": True,
    "verified": True,
    "email_verified": True,
    "created_by": "usr_01h455vb4pex5vsknk084sn02q",
    "created_at": "2020-01-01T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z",
    "awaiting_first_sso_sign_in": True,
    "is_administrator": True,
    "_method": "DELETE",
    "__proto__": {"role": "administrator"},
}
BODIES = [route for route in ROUTES if route.path.startswith("/v1/") and ASKS[route.key].body is not None]
VERBS = ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "FROB", "POST", "PUT", "PATCH", "DELETE")


def someone_for(walk: Walk, route: Route) -> Actor:
    """A caller who may: an administrator where there is a choice."""
    names = ["administrator", "awaiting administrator", *walk.world.actors]
    return next(actor for actor in map(walk.world.actors.__getitem__, names) if actor.standings & route.allowed)


def schema_of(route: Route) -> dict[str, Any]:
    body = CONTRACT["paths"][route.path][route.method.lower()]["requestBody"]
    return resolved(body["content"]["application/json"]["schema"])


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The object a schema allows, behind references and besides null."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return resolved(choice)
    if "$ref" in schema:
        return CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def overfull(body: dict[str, Any], schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The body with one wish more, in it and in each object in it; each with the pointer to the wish."""
    properties: dict[str, Any] = schema.get("properties", {})
    for wish, value in WISHES.items():
        if wish not in properties:
            yield f"{at}/{wish}", {**body, wish: value}
    inside: dict[str, dict[str, Any]] = {field: value for field, value in body.items() if isinstance(value, dict)}
    for field, value in inside.items():
        for pointer, inner in overfull(value, resolved(properties[field]), f"{at}/{field}"):
            yield pointer, {**body, field: inner}


def test_every_body_of_the_contract_is_walked() -> None:
    bodies = {
        operation["operationId"]
        for path, methods in CONTRACT["paths"].items()
        for operation in methods.values()
        if "requestBody" in operation and path.startswith("/v1/")
    }
    assert bodies == {route.key for route in BODIES}, (
        "Give the operation's Ask in tests/support/walk_requests.py a body."
    )


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.key)
async def test_a_field_the_contract_does_not_name_is_refused_at_its_place(walk: Walk, route: Route) -> None:
    ask, actor, wrong = ASKS[route.key], someone_for(walk, route), list[str]()
    assert ask.body is not None
    for pointer, body in overfull(ask.body(walk.things(actor, ask)), schema_of(route)):
        response = await walk.send(actor, route, json=body)
        pointers = [problem["pointer"] for problem in response.json().get("errors", [])] if response.content else []
        if (response.status_code, pointers) != (422, [pointer]):
            wrong.append(f"{pointer}: {response.status_code} {pointers}")
    assert wrong == []
    assert await walk.kept.changed() == []


async def test_R46_a_directory_that_manages_no_roles_gives_none_by_any_attribute(walk: Walk) -> None:
    directory = walk.world.actors["directory"]
    route = next(route for route in ROUTES if route.key == "PUT /scim/v2/Users/{user_id}")
    body = ASKS[route.key].body
    assert body is not None
    things = walk.things(directory, ASKS[route.key])
    before = await walk.kept.of_organization("cogs")
    sent = {**body(things), **WISHES, "id": walk.world.things["cogs"]["user_id"]}
    response = await walk.send(directory, route, json=sent)
    if response.status_code < 300:
        assert response.json()["id"] == things["user_id"]
    member = await walk.kept.session.fetchrow(
        "SELECT m.role, m.managed_by, o.slug FROM members m JOIN organizations o ON o.id = m.organization_id"
        " WHERE m.email LIKE 'pushed@bolts.test' OR m.email LIKE 'renamed@bolts.test'"
    )
    assert member is not None
    assert tuple(member) == ("member", "directory", BOLTS)
    assert await walk.kept.of_organization("cogs") == before


async def test_no_header_or_parameter_makes_another_verb_of_a_reading_request(walk: Walk) -> None:
    verbs = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    for route in (route for route in ROUTES if route.method == "GET" and route.path.startswith(("/v1", "/scim"))):
        actor = someone_for(walk, route)
        plain = await walk.send(actor, route)
        for verb in ("DELETE", "POST"):
            overridden = await walk.send(
                actor, route, headers=dict.fromkeys(verbs, verb), params={"_method": verb, "method": verb}
            )
            assert (route.key, overridden.status_code) == (route.key, plain.status_code)
    assert await walk.kept.changed() == []


async def test_a_verb_the_contract_does_not_name_changes_nothing(walk: Walk) -> None:
    declared = {(route.method, route.path) for route in ROUTES}
    wrong: list[str] = []
    # Other verbs at an address of /.search are taken for the one thing of that id.
    for route in (route for route in ROUTES if not route.path.endswith("/.search")):
        for verb in VERBS:
            if (verb, route.path) in declared or next(r for r in ROUTES if r.path == route.path) is not route:
                continue
            response = await walk.send(someone_for(walk, route), Route(route.key, verb, route.path, route.allowed))
            # HEAD goes where a GET only reads: it must change nothing, as nothing else here may.
            reads = verb == "HEAD" and ("GET", route.path) in declared and has_head(route.path)
            if not reads and response.status_code not in {404, 405}:
                wrong.append(f"{verb} {route.path}: {response.status_code} {said(response)}")
    assert wrong == []
    assert await walk.kept.changed() == []


def named(key: str) -> Route:
    return next(route for route in ROUTES if route.key == key)


@pytest.mark.parametrize(
    ("operation", "text", "table", "column", "second"),
    [
        (Operation.UPDATE_MEMBER, '{"role": "member", "role": "administrator"}', "members", "role", "administrator"),
        (
            Operation.CREATE_INVITATION,
            '{"email": "x@elsewhere.test", "role": "member", "role": "administrator"}',
            "invitations",
            "role",
            "administrator",
        ),
        (Operation.SET_ENTITLEMENTS, '{"plan": "hobby", "plan": "scaler_pro"}', "organizations", "plan", "scaler_pro"),
        (Operation.UPDATE_SSO, '{"role_attribute": "a", "role_attribute": "b"}', "organizations", "slug", "b"),
    ],
    ids=lambda value: value if isinstance(value, Operation) else "",
)
async def test_a_key_that_stands_twice_never_has_its_second_values_effect(
    walk: Walk, operation: Operation, text: str, table: str, column: str, second: str
) -> None:
    route, count = named(operation), f"SELECT count(*) FROM {table} WHERE {column} = '{second}'"
    before = await walk.kept.session.fetchval(count)
    response = await walk.send(
        someone_for(walk, route), route, json=None, content=text, headers={"Content-Type": "application/json"}
    )
    assert await walk.kept.session.fetchval(count) == before
    assert response.status_code in {400, 422}, response.text
    assert await walk.kept.changed() == []


async def test_a_redirect_that_stands_twice_never_leads_where_it_may_not(walk: Walk) -> None:
    good, evil = ("redirect_uri", "http://localhost:3000/callback"), ("redirect_uri", "https://evil.test/callback")
    for redirects in ((good, evil), (evil, good)):
        rest = [("state", "s"), ("code_challenge", "c" * 43)]
        response = await walk.http.get(f"/sso/{BOLTS}", params=[*redirects, *rest])
        assert "evil.test" not in response.headers.get("location", "")
        flows = "SELECT count(*) FROM sign_in_flows WHERE redirect_uri LIKE '%evil%'"
        assert await walk.kept.session.fetchval(flows) == 0


async def test_a_page_size_that_stands_twice_is_no_way_around_the_limit(walk: Walk) -> None:
    actor = walk.world.actors["administrator"]
    for sizes in ((1, 1000), (1000, 1)):
        response = await walk.http.get(
            f"/v1/organizations/{ACME}/members", params=[("limit", size) for size in sizes], headers=actor.headers
        )
        assert response.status_code in {400, 422} or len(response.json()["data"]) == 1
