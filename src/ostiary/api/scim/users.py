"""`/scim/v2/Users`."""

from dataclasses import replace

from fastapi import Response
from scim2_models import Context

from ostiary.api.deps import Services
from ostiary.api.scim import documents, quirks, rendering
from ostiary.api.scim.asked import Asked, ScimRoutes
from ostiary.api.scim.quirks import Payload
from ostiary.api.scim.rendering import Projection, Rendered
from ostiary.domain.directory_document import Document
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery, StoredUser
from ostiary.services.provisioning import ensure_version

router = ScimRoutes()


@router.on("GET", "/Users")
async def list_users(asked: Asked) -> Response:
    """Users by filter and page: every member of the organization, and those without access (R49)."""
    return await listed_users(asked, asked.query(), asked.projection())


async def listed_users(asked: Asked, query: ListQuery, projection: Projection) -> Response:
    """A page of users, asked for by GET or by a search."""
    query = replace(query, joined=projection.wants("groups"))
    found = await asked.services.users.list(asked.caller, query)
    base_url = asked.services.urls.scim()
    return rendering.listing(found, query, lambda user: rendering.user(user, base_url), projection)


@router.on("POST", "/Users")
async def create_user(asked: Asked) -> Response:
    """Provision a user (R41)."""
    body, projection = await asked.body(), asked.projection()
    user = await create(asked.caller, asked.services, body)
    return rendering.resource(_rendered(asked, user), projection, status=201)


@router.on("GET", "/Users/{user_id}")
async def get_user(asked: Asked) -> Response:
    """One user."""
    projection, expected = asked.projection(), asked.expected()
    user = await asked.services.users.get(asked.caller, asked.part("user_id"), joined=projection.wants("groups"))
    ensure_version(user.version, expected)
    return asked.unless_known(_rendered(asked, user), projection)


@router.on("PUT", "/Users/{user_id}")
async def replace_user(asked: Asked) -> Response:
    """Replace a user; `active` left out stays as it is."""
    body, projection = await asked.body(), asked.projection()
    user = await put(asked.caller, asked.services, asked.part("user_id"), body, asked.expected())
    return rendering.resource(_rendered(asked, user), projection)


@router.on("PATCH", "/Users/{user_id}")
async def patch_user(asked: Asked) -> Response:
    """Change a user."""
    body, projection = await asked.body(), asked.projection()
    user = await patch(asked.caller, asked.services, asked.part("user_id"), body, asked.expected())
    return rendering.resource(_rendered(asked, user), projection)


@router.on("DELETE", "/Users/{user_id}")
async def delete_user(asked: Asked) -> Response:
    """Remove a user and the membership (R43)."""
    await remove(asked.caller, asked.services, asked.part("user_id"), asked.expected())
    return Response(status_code=204)


def _rendered(asked: Asked, user: StoredUser) -> Rendered:
    return rendering.user(user, asked.services.urls.scim())


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
