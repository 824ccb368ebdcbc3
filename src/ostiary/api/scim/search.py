"""Searches by POST (RFC 7644 §3.4.3), which keep what is sought out of addresses; and those of everything."""

from dataclasses import replace

from fastapi import Response

from ostiary.api.deps import ServicesDep
from ostiary.api.routing import Routes
from ostiary.api.scim import rendering
from ostiary.api.scim.groups import listed_groups
from ostiary.api.scim.queries import ListDep, ProjectionDep, SearchDep
from ostiary.api.scim.rendering import Projection, Rendered
from ostiary.api.scim.requests import DirectoryDep
from ostiary.api.scim.users import listed_users
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery, StoredGroup, StoredUser

router = Routes(prefix="/scim/v2", include_in_schema=False)


@router.post("/Users/.search")
async def search_users(caller: DirectoryDep, services: ServicesDep, search: SearchDep) -> Response:
    """Users, as GET lists them."""
    return await listed_users(caller, services, *search)


@router.post("/Groups/.search")
async def search_groups(caller: DirectoryDep, services: ServicesDep, search: SearchDep) -> Response:
    """Groups, as GET lists them."""
    return await listed_groups(caller, services, *search)


@router.post("/.search")
async def search_everything(caller: DirectoryDep, services: ServicesDep, search: SearchDep) -> Response:
    """Users and groups in one list."""
    return await _everything(caller, services, *search)


@router.get("")
@router.get("/")
async def list_everything(
    caller: DirectoryDep, services: ServicesDep, query: ListDep, projection: ProjectionDep
) -> Response:
    """Users and groups in one list (RFC 7644 §3.4.2.1)."""
    return await _everything(caller, services, query, projection)


async def _everything(caller: Caller, services: ServicesDep, query: ListQuery, projection: Projection) -> Response:
    base_url = services.urls.scim()
    found = await services.resources.search(
        caller,
        replace(query, joined=False),
        groups_of_users=projection.wants("groups"),
        members_of_groups=projection.wants("members"),
    )

    def rendered(resource: StoredUser | StoredGroup) -> Rendered:
        if isinstance(resource, StoredUser):
            return rendering.user(resource, base_url)
        return rendering.group(resource, base_url)

    return rendering.listing(found, query, rendered, projection)
