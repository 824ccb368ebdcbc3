"""What routers are given: the services, the caller, a page request."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Query, Request

from ostiary.api.auth import Authenticator, SessionCookies, client_of
from ostiary.api.etags import seen_versions
from ostiary.services.accounts import AccountService
from ostiary.services.connections import ConnectionService
from ostiary.services.context import Caller, Client, Urls
from ostiary.services.credentials import CredentialService
from ostiary.services.databases import DatabaseService
from ostiary.services.directory import DirectoryService
from ostiary.services.directory_breaker import DirectoryBreakerService
from ostiary.services.domains import DomainService
from ostiary.services.idempotency import IdempotencyService
from ostiary.services.invitations import InvitationService
from ostiary.services.members import MemberService
from ostiary.services.organizations import OrganizationService
from ostiary.services.paging import DEFAULT_LIMIT, MAX_LIMIT, PageRequest
from ostiary.services.passwords import PasswordService
from ostiary.services.provisioning_groups import GroupProvisioningService
from ostiary.services.provisioning_users import UserProvisioningService
from ostiary.services.recovery import RecoveryService
from ostiary.services.recovery_by_support import SupportRecoveryService
from ostiary.services.setup_links import SetupLinkService
from ostiary.services.sign_in_arrival import ArrivalService
from ostiary.services.sign_in_finish import FinishService
from ostiary.services.sign_in_log import SignInLogService
from ostiary.services.sign_in_start import SignInStartService
from ostiary.services.sso import SsoService
from ostiary.services.teams import TeamService
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
    organizations: OrganizationService
    members: MemberService
    invitations: InvitationService
    teams: TeamService
    databases: DatabaseService
    credentials: CredentialService
    domains: DomainService
    connections: ConnectionService
    setup_links: SetupLinkService
    sso: SsoService
    recovery: RecoveryService
    support_recovery: SupportRecoveryService
    directory: DirectoryService
    directory_breaker: DirectoryBreakerService
    users: UserProvisioningService
    groups: GroupProvisioningService
    sign_in_start: SignInStartService
    sign_in_arrival: ArrivalService
    sign_in_finish: FinishService
    sign_in_log: SignInLogService
    webhooks: WebhookService


def services_of(request: Request) -> Services:
    """The services of the application that answers the request."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def _caller(
    request: Request, services: ServicesDep, seen: Annotated[frozenset[str] | None, Depends(seen_versions)]
) -> Caller:
    return replace(await services.authenticator.caller(request), seen=seen)


CallerDep = Annotated[Caller, Depends(_caller)]
ClientDep = Annotated[Client, Depends(client_of)]


def _page(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(max_length=64, description="`next_cursor` of the page before; leave it out for the first page."),
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageDep = Annotated[PageRequest, Depends(_page)]
