"""`/scim/v2/Groups`."""

from dataclasses import replace

from fastapi import Response
from scim2_models import Context

from ostiary.api.deps import Services
from ostiary.api.scim import documents, membership, quirks, rendering
from ostiary.api.scim.asked import Asked, ScimRoutes
from ostiary.api.scim.quirks import Payload
from ostiary.api.scim.rendering import Projection, Rendered
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery, StoredGroup
from ostiary.services.provisioning import ensure_version

router = ScimRoutes()


@router.on("GET", "/Groups")
async def list_groups(asked: Asked) -> Response:
    """Groups by filter and page."""
    return await listed_groups(asked, asked.query(), asked.projection())


async def listed_groups(asked: Asked, query: ListQuery, projection: Projection) -> Response:
    """A page of groups, asked for by GET or by a search."""
    query = replace(query, joined=projection.wants("members"))
    found = await asked.services.groups.list(asked.caller, query)
    base_url = asked.services.urls.scim()
    return rendering.listing(found, query, lambda group: rendering.group(group, base_url), projection)


@router.on("POST", "/Groups")
async def create_group(asked: Asked) -> Response:
    """Push a group: it becomes a team (R44)."""
    body, projection = await asked.body(), asked.projection()
    group = await create(asked.caller, asked.services, body, joined=projection.wants("members"))
    return rendering.resource(_rendered(asked, group), projection, status=201)


@router.on("GET", "/Groups/{group_id}")
async def get_group(asked: Asked) -> Response:
    """One group; without its members they are not read."""
    projection, expected = asked.projection(), asked.expected()
    joined = projection.wants("members")
    group = await asked.services.groups.get(asked.caller, asked.part("group_id"), joined=joined)
    ensure_version(group.version, expected)
    return asked.unless_known(_rendered(asked, group), projection)


@router.on("PUT", "/Groups/{group_id}")
async def replace_group(asked: Asked) -> Response:
    """Replace a group; members left out stay."""
    body, projection = await asked.body(), asked.projection()
    joined = projection.wants("members")
    group = await put(asked.caller, asked.services, asked.part("group_id"), body, asked.expected(), joined=joined)
    return rendering.resource(_rendered(asked, group), projection)


@router.on("PATCH", "/Groups/{group_id}")
async def patch_group(asked: Asked) -> Response:
    """Change a group. Answers without a body, so that a group of many costs what a group of few costs (R44)."""
    body, projection = await asked.body(), asked.projection()
    # RFC 7644 §3.5.2: who names attributes gets the resource.
    answered = bool(projection.attributes or projection.excluded)
    joined = answered and projection.wants("members")
    group = await patch(asked.caller, asked.services, asked.part("group_id"), body, asked.expected(), joined=joined)
    if answered:
        return rendering.resource(_rendered(asked, group), projection)
    return Response(status_code=204, headers={"ETag": rendering.etag(group.version)})


@router.on("DELETE", "/Groups/{group_id}")
async def delete_group(asked: Asked) -> Response:
    """Unlink a group: its team is deleted (R44)."""
    await remove(asked.caller, asked.services, asked.part("group_id"), asked.expected())
    return Response(status_code=204)


def _rendered(asked: Asked, group: StoredGroup) -> Rendered:
    return rendering.group(group, asked.services.urls.scim())


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
