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
from ostiary.api.unambiguous import unambiguous

# What each request is asked for before its own parameters.
dependencies = (Depends(unambiguous), Depends(seen_versions))
routers = (
    auth.router,
    organizations.router,
    members.router,
    invitations.router,
    teams.router,
    databases.router,
    credentials.router,
    service_accounts.router,
    domains.router,
    connections.router,
    connection_metadata.router,
    sp_key_rotation.router,
    sso.router,
    directory.router,
    setup_links.router,
    directory_breaker.router,
    directory_requests.router,
    directory_unmatched.router,
    sign_ins.router,
    recovery.router,
    webhooks.router,
    organizations.operator_router,
    setup_links.bearer_router,
    domains.operator_router,
    recovery.operator_router,
)
