"""All of `/v1`, put together."""

from fastapi import Depends

from ostiary.api.etags import seen_versions
from ostiary.api.rest import (
    auth,
    connection_metadata,
    connections,
    credentials,
    databases,
    directory,
    directory_breaker,
    directory_requests,
    directory_unmatched,
    domains,
    invitations,
    members,
    organizations,
    recovery,
    service_accounts,
    setup_links,
    sign_ins,
    sp_key_rotation,
    sso,
    teams,
    webhooks,
)
from ostiary.api.routing import Routes
from ostiary.api.unambiguous import unambiguous

router = Routes(dependencies=[Depends(unambiguous), Depends(seen_versions)])
for module in (
    auth,
    organizations,
    members,
    invitations,
    teams,
    databases,
    credentials,
    service_accounts,
    domains,
    connections,
    connection_metadata,
    sp_key_rotation,
    sso,
    directory,
    setup_links,
    directory_breaker,
    directory_requests,
    directory_unmatched,
    sign_ins,
    recovery,
    webhooks,
):
    router.include_router(module.router)
router.include_router(organizations.operator_router)
router.include_router(setup_links.bearer_router)
router.include_router(domains.operator_router)
router.include_router(recovery.operator_router)
