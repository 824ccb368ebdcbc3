"""`/scim/v2/Users`."""

from dataclasses import replace

from fastapi import Request, Response
from scim2_models import Context

from ostiary.api.deps import Services, ServicesDep
from ostiary.api.routing import Routes
from ostiary.api.scim import documents, quirks, rendering
from ostiary.api.scim.queries import ListDep, ProjectionDep
from ostiary.api.scim.quirks import Payload
from ostiary.api.scim.rendering import Projection
from ostiary.api.scim.requests import BodyDep, DirectoryDep, ExpectedDep
from ostiary.domain.directory_document import Document
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery, StoredUser
from ostiary.services.provisioning import ensure_version

router = Routes(prefix="/scim/v2", include_in_schema=False)


@router.get("/Users")
async def list_users(
    caller: DirectoryDep, services: ServicesDep, query: ListDep, projection: ProjectionDep
) -> Response:
    """Users by filter and page: every member of the organization, and those without access (R49)."""
    return await listed_users(caller, services, query, projection)


async def listed_users(caller: Caller, services: ServicesDep, query: ListQuery, projection: Projection) -> Response:
    """A page of users, asked for by GET or by a search."""
    query = replace(query, joined=projection.wants("groups"))
    found = await services.users.list(caller, query)
    return rendering.listing(found, query, lambda user: rendering.user(user, services.urls.scim()), projection)


@router.post("/Users")
async def create_user(
    caller: DirectoryDep, body: BodyDep, services: ServicesDep, projection: ProjectionDep
) -> Response:
    """Provision a user (R41)."""
    user = await create(caller, services, body)
    return rendering.resource(rendering.user(user, services.urls.scim()), projection, status=201)


@router.get("/Users/{user_id}")
async def get_user(
    user_id: str,
    request: Request,
    caller: DirectoryDep,
    services: ServicesDep,
    expected: ExpectedDep,
    projection: ProjectionDep,
) -> Response:
    """One user."""
    user = await services.users.get(caller, user_id, joined=projection.wants("groups"))
    ensure_version(user.version, expected)
    known = request.headers.get("if-none-match")
    return rendering.unless_known(rendering.user(user, services.urls.scim()), projection, known)


@router.put("/Users/{user_id}")
async def replace_user(
    user_id: str,
    caller: DirectoryDep,
    body: BodyDep,
    services: ServicesDep,
    expected: ExpectedDep,
    projection: ProjectionDep,
) -> Response:
    """Replace a user; `active` left out stays as it is."""
    user = await put(caller, services, user_id, body, expected)
    return rendering.resource(rendering.user(user, services.urls.scim()), projection)


@router.patch("/Users/{user_id}")
async def patch_user(
    user_id: str,
    caller: DirectoryDep,
    body: BodyDep,
    services: ServicesDep,
    expected: ExpectedDep,
    projection: ProjectionDep,
) -> Response:
    """Change a user."""
    user = await patch(caller, services, user_id, body, expected)
    return rendering.resource(rendering.user(user, services.urls.scim()), projection)


@router.delete("/Users/{user_id}")
async def delete_user(user_id: str, caller: DirectoryDep, services: ServicesDep, expected: ExpectedDep) -> Response:
    """Remove a user and the membership (R43)."""
    await remove(caller, services, user_id, expected)
    return Response(status_code=204)


async def create(caller: Caller, services: Services, body: Payload) -> StoredUser:
    """Provision the user a body describes, alone or in a bulk request."""
    return await services.users.create(caller, created(body))


def created(body: Payload) -> Document:
    """The user a body describes, to be provisioned."""
    return documents.read_user(body, Context.RESOURCE_CREATION_REQUEST)


async def put(
    caller: Caller, services: Services, user_id: str, body: Payload, expected: frozenset[int] | None
) -> StoredUser:
    """Replace a user by what a body describes."""
    document = documents.read_user(body, Context.RESOURCE_REPLACEMENT_REQUEST)

    def revise(before: Document) -> Document:
        return {**({"active": before["active"]} if "active" in before else {}), **document}

    return await services.users.change(caller, user_id, revise, expected=expected)


async def patch(
    caller: Caller, services: Services, user_id: str, body: Payload, expected: frozenset[int] | None
) -> StoredUser:
    """Change a user by a body's operations."""
    revise = documents.revise_user(user_id, quirks.operations(body))
    return await services.users.change(caller, user_id, revise, expected=expected)


async def remove(caller: Caller, services: Services, user_id: str, expected: frozenset[int] | None) -> None:
    """Remove a user."""
    await services.users.delete(caller, user_id, expected=expected)
