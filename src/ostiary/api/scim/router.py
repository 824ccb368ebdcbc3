"""`/scim/v2`: one base URL for all tenants, the bearer token says which.

Outside the OpenAPI contract: RFC 7643 and 7644 are this surface's, and it describes itself at `/Schemas`.
"""

from ostiary.api.scim import bulk, discovery, groups, search, users

routers = (users.router, groups.router, search.router, bulk.router, discovery.router)
