"""`/scim/v2/Groups`."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from scim2_models import Context

from ostiary.api.deps import ServicesDep
from ostiary.api.scim import documents, membership, quirks, rendering
from ostiary.api.scim.queries import ListDep, ProjectionDep
from ostiary.api.scim.rendering import Projection
from ostiary.api.scim.requests import BodyDep, DirectoryDep, ExpectedDep, is_known
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery

router = APIRouter()


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
    members = membership.take_members(body, replaces=False)
    document = documents.read_group(body, Context.RESOURCE_CREATION_REQUEST)
    group = await services.groups.create(caller, document, members, joined=projection.wants("members"))
    return rendering.resource(rendering.group(group, services.urls.scim()), group.version, projection, status=201)


@router.get("/Groups/{group_id}")
async def get_group(
    group_id: str, request: Request, caller: DirectoryDep, services: ServicesDep, projection: ProjectionDep
) -> Response:
    """One group; without its members they are not read."""
    group = await services.groups.get(caller, group_id, joined=projection.wants("members"))
    if is_known(request, group.version):
        return rendering.not_modified(group.version)
    return rendering.resource(rendering.group(group, services.urls.scim()), group.version, projection)


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
    members = membership.take_members(body, replaces=True)
    document = documents.read_group(body, Context.RESOURCE_REPLACEMENT_REQUEST)
    group = await services.groups.change(
        caller, group_id, lambda _: document, members, expected=expected, joined=projection.wants("members")
    )
    return rendering.resource(rendering.group(group, services.urls.scim()), group.version, projection)


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
    members, others = membership.sort_out(quirks.operations(body))
    asked = bool(projection.attributes or projection.excluded)
    group = await services.groups.change(
        caller,
        group_id,
        documents.revise_group(group_id, others),
        members,
        expected=expected,
        joined=asked and projection.wants("members"),
    )
    if asked:
        # RFC 7644 §3.5.2: who names attributes gets the resource.
        return rendering.resource(rendering.group(group, services.urls.scim()), group.version, projection)
    return Response(status_code=204, headers={"ETag": rendering.etag(group.version)})


@router.delete("/Groups/{group_id}")
async def delete_group(group_id: str, caller: DirectoryDep, services: ServicesDep, expected: ExpectedDep) -> Response:
    """Unlink a group: its team is deleted (R44)."""
    await services.groups.delete(caller, group_id, expected=expected)
    return Response(status_code=204)
