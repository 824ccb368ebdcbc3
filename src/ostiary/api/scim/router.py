"""`/scim/v2`: one base URL for all tenants, the bearer token says which.

Outside the OpenAPI contract: RFC 7643 and 7644 are this surface's, and it describes itself at `/Schemas`.
"""

from ostiary.api.routing import Routes
from ostiary.api.scim import bulk, discovery, groups, search, users

router = Routes(prefix="/scim/v2", include_in_schema=False)
for root in ("", "/"):
    router.add_api_route(root, search.list_everything)
# Before what is found by its id: .search is none.
router.include_router(search.router)
router.include_router(users.router)
router.include_router(groups.router)
router.include_router(bulk.router)
router.include_router(discovery.router)
router.include_router(discovery.absent_router)
