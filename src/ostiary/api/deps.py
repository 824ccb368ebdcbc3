"""What routers are given: the services, the caller, a page request."""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Query, Request

from ostiary.api.auth import Authenticator, SessionCookies, client_of
from ostiary.api.etags import seen_versions
from ostiary.services.accounts import AccountService
from ostiary.services.connection_metadata import ConnectionMetadataService
from ostiary.services.connections import ConnectionService
from ostiary.services.context import Caller, Client, Urls
from ostiary.services.credentials import CredentialService
from ostiary.services.databases import DatabaseService
from ostiary.services.directory import DirectoryService
from ostiary.services.directory_breaker import DirectoryBreakerService
from ostiary.services.directory_requests import DirectoryRequestService, RequestLog
from ostiary.services.directory_unmatched import UnmatchedMemberService
from ostiary.services.domains import DomainService
from ostiary.services.email_changes import EmailChangeService
from ostiary.services.idempotency import IdempotencyService
from ostiary.services.invitations import InvitationService
from ostiary.services.logout import LogoutService
from ostiary.services.members import MemberService
from ostiary.services.organization_deletion import OrganizationDeletionService
from ostiary.services.organizations import OrganizationService
from ostiary.services.paging import DEFAULT_LIMIT, MAX_LIMIT, PageRequest, after_of
from ostiary.services.passwords import PasswordService
from ostiary.services.provisioning_groups import GroupProvisioningService
from ostiary.services.provisioning_search import ResourceSearchService
from ostiary.services.provisioning_users import UserProvisioningService
from ostiary.services.recovery import RecoveryService
from ostiary.services.recovery_by_support import SupportRecoveryService
from ostiary.services.service_accounts import ServiceAccountService
from ostiary.services.setup_links import SetupLinkService
from ostiary.services.sign_in_arrival import ArrivalService
from ostiary.services.sign_in_finish import FinishService
from ostiary.services.sign_in_log import SignInLogService
from ostiary.services.sign_in_start import SignInStartService
from ostiary.services.sp_key_rotation import SpKeyRotationService
from ostiary.services.sso import SsoService
from ostiary.services.teams import TeamService
from ostiary.services.turns import Turns
from ostiary.services.webhooks import WebhookService


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, built once by bootstrap."""

    urls: Urls
    authenticator: Authenticator
    cookies: SessionCookies
    frontend_url: str | None
    idempotency: IdempotencyService
    accounts: AccountService
    passwords: PasswordService
    email_changes: EmailChangeService
    organizations: OrganizationService
    organization_deletion: OrganizationDeletionService
    members: MemberService
    invitations: InvitationService
    teams: TeamService
    databases: DatabaseService
    credentials: CredentialService
    service_accounts: ServiceAccountService
    domains: DomainService
    connections: ConnectionService
    connection_metadata: ConnectionMetadataService
    sp_key_rotation: SpKeyRotationService
    setup_links: SetupLinkService
    sso: SsoService
    recovery: RecoveryService
    support_recovery: SupportRecoveryService
    directory: DirectoryService
    directory_breaker: DirectoryBreakerService
    directory_requests: DirectoryRequestService
    request_log: RequestLog
    turns: Turns
    unmatched: UnmatchedMemberService
    users: UserProvisioningService
    groups: GroupProvisioningService
    resources: ResourceSearchService
    sign_in_start: SignInStartService
    sign_in_arrival: ArrivalService
    sign_in_finish: FinishService
    sign_in_log: SignInLogService
    webhooks: WebhookService
    logout: LogoutService


def services_of(request: Request) -> Services:
    """The services of the application that answers the request."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


# FastAPI runs what is not async in a thread, which costs more than all that these do.
async def _services(request: Request) -> Services:
    return services_of(request)


async def _client(request: Request) -> Client:
    return client_of(request)


# Names of 300 characters stand in the cursors of lists sorted by them.
MAX_CURSOR_LENGTH = 4096

ServicesDep = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request, services: ServicesDep, seen: Annotated[frozenset[str] | None, Depends(seen_versions)]
) -> Caller:
    return replace(await services.authenticator.caller(request), seen=seen)


CallerDep = Annotated[Caller, Depends(_caller)]
ClientDep = Annotated[Client, Depends(_client)]


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(
            max_length=MAX_CURSOR_LENGTH,
            description="`next_cursor` of the page before, with the same filters and order; none for the first.",
        ),
    ] = None,
) -> PageRequest:
    matching = sorted(item for item in request.query_params.multi_items() if item[0] not in {"limit", "cursor"})
    listing = sha256(json.dumps([request.url.path, matching]).encode()).hexdigest()[:16]
    return PageRequest(limit, None if cursor is None else after_of(cursor, listing), listing)


PageDep = Annotated[PageRequest, Depends(_page)]
