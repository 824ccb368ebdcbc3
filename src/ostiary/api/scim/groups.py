"""`/scim/v2/Groups`."""

from dataclasses import replace

from fastapi import Request, Response
from scim2_models import Context

from ostiary.api.deps import Services, ServicesDep
from ostiary.api.routing import Routes
from ostiary.api.scim import documents, membership, quirks, rendering
from ostiary.api.scim.queries import ListDep, ProjectionDep
from ostiary.api.scim.quirks import Payload
from ostiary.api.scim.rendering import Projection
from ostiary.api.scim.requests import BodyDep, DirectoryDep, ExpectedDep
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery, StoredGroup
from ostiary.services.provisioning import ensure_version

router = Routes(prefix="/scim/v2", include_in_schema=False)


@router.get("/Groups")
async def list_groups(
    caller: DirectoryDep, services: ServicesDep, query: ListDep, projection: ProjectionDep
) -> Response:
    """Groups by filter and page."""
    return await listed_groups(caller, services, query, projection)


async def listed_groups(caller: Caller, services: ServicesDep, query: ListQuery, projection: Projection) -> Response:
    """A page of groups, asked for by GET or by a search."""
    query = replace(query, joined=projection.wants("members"))
    found = await services.groups.list(caller, query)
    return rendering.listing(found, query, lambda group: rendering.group(group, services.urls.scim()), projection)


@router.post("/Groups")
async def create_group(
    caller: DirectoryDep, body: BodyDep, services: ServicesDep, projection: ProjectionDep
) -> Response:
    """Push a group: it becomes a team (R44)."""
    group = await create(caller, services, body, joined=projection.wants("members"))
    return rendering.resource(rendering.group(group, services.urls.scim()), projection, status=201)


@router.get("/Groups/{group_id}")
async def get_group(
    group_id: str,
    request: Request,
    caller: DirectoryDep,
    services: ServicesDep,
    expected: ExpectedDep,
    projection: ProjectionDep,
) -> Response:
    """One group; without its members they are not read."""
    group = await services.groups.get(caller, group_id, joined=projection.wants("members"))
    ensure_version(group.version, expected)
    known = request.headers.get("if-none-match")
    return rendering.unless_known(rendering.group(group, services.urls.scim()), projection, known)


@router.put("/Groups/{group_id}")
async def replace_group(
    group_id: str,
    caller: DirectoryDep,
    body: BodyDep,
    services: ServicesDep,
    expected: ExpectedDep,
    projection: ProjectionDep,
) -> Response:
    """Replace a group; members left out stay."""
    group = await put(caller, services, group_id, body, expected, joined=projection.wants("members"))
    return rendering.resource(rendering.group(group, services.urls.scim()), projection)


@router.patch("/Groups/{group_id}")
async def patch_group(
    group_id: str,
    caller: DirectoryDep,
    body: BodyDep,
    services: ServicesDep,
    expected: ExpectedDep,
    projection: ProjectionDep,
) -> Response:
    """Change a group. Answers without a body, so that a group of many costs what a group of few costs (R44)."""
    asked = bool(projection.attributes or projection.excluded)
    group = await patch(caller, services, group_id, body, expected, joined=asked and projection.wants("members"))
    if asked:
        # RFC 7644 §3.5.2: who names attributes gets the resource.
        return rendering.resource(rendering.group(group, services.urls.scim()), projection)
    return Response(status_code=204, headers={"ETag": rendering.etag(group.version)})


@router.delete("/Groups/{group_id}")
async def delete_group(group_id: str, caller: DirectoryDep, services: ServicesDep, expected: ExpectedDep) -> Response:
    """Unlink a group: its team is deleted (R44)."""
    await remove(caller, services, group_id, expected)
    return Response(status_code=204)


async def create(caller: Caller, services: Services, body: Payload, *, joined: bool = False) -> StoredGroup:
    """Push the group a body describes, alone or in a bulk request."""
    members = membership.take_members(body, replaces=False)
    document = documents.read_group(body, Context.RESOURCE_CREATION_REQUEST)
    return await services.groups.create(caller, document, members, joined=joined)


async def put(
    caller: Caller,
    services: Services,
    group_id: str,
    body: Payload,
    expected: frozenset[int] | None,
    *,
    joined: bool = False,
) -> StoredGroup:
    """Replace a group by what a body describes."""
    members = membership.take_members(body, replaces=True)
    document = documents.read_group(body, Context.RESOURCE_REPLACEMENT_REQUEST)
    return await services.groups.change(caller, group_id, lambda _: document, members, expected=expected, joined=joined)


async def patch(
    caller: Caller,
    services: Services,
    group_id: str,
    body: Payload,
    expected: frozenset[int] | None,
    *,
    joined: bool = False,
) -> StoredGroup:
    """Change a group by a body's operations."""
    members, others = membership.sort_out(quirks.operations(body))
    revise = documents.revise_group(group_id, others)
    return await services.groups.change(caller, group_id, revise, members, expected=expected, joined=joined)


async def remove(caller: Caller, services: Services, group_id: str, expected: frozenset[int] | None) -> None:
    """Unlink a group."""
    await services.groups.delete(caller, group_id, expected=expected)
