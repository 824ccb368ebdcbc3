"""Searches by POST (RFC 7644 §3.4.3), which keep what is sought out of addresses; and those of everything."""

from dataclasses import replace

from fastapi import Response

from ostiary.api.scim import rendering
from ostiary.api.scim.asked import Asked, ScimRoutes
from ostiary.api.scim.groups import listed_groups
from ostiary.api.scim.queries import search_of
from ostiary.api.scim.rendering import Projection, Rendered
from ostiary.api.scim.users import listed_users
from ostiary.services.ports.provisioning import ListQuery, StoredGroup, StoredUser

router = ScimRoutes()


@router.on("POST", "/Users/.search")
async def search_users(asked: Asked) -> Response:
    """Users, as GET lists them."""
    return await listed_users(asked, *search_of(await asked.body()))


@router.on("POST", "/Groups/.search")
async def search_groups(asked: Asked) -> Response:
    """Groups, as GET lists them."""
    return await listed_groups(asked, *search_of(await asked.body()))


@router.on("POST", "/.search")
async def search_everything(asked: Asked) -> Response:
    """Users and groups in one list."""
    return await _everything(asked, *search_of(await asked.body()))


@router.on("GET", "")
@router.on("GET", "/")
async def list_everything(asked: Asked) -> Response:
    """Users and groups in one list (RFC 7644 §3.4.2.1)."""
    return await _everything(asked, asked.query(), asked.projection())


async def _everything(asked: Asked, query: ListQuery, projection: Projection) -> Response:
    base_url = asked.services.urls.scim()
    found = await asked.services.resources.search(
        asked.caller,
        replace(query, joined=False),
        groups_of_users=projection.wants("groups"),
        members_of_groups=projection.wants("members"),
    )

    def rendered(resource: StoredUser | StoredGroup) -> Rendered:
        if isinstance(resource, StoredUser):
            return rendering.user(resource, base_url)
        return rendering.group(resource, base_url)

    return rendering.listing(found, query, rendered, projection)
