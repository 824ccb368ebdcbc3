"""What routers are given: the services, the caller, a page request."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request

from ostiary.api.auth import Authenticator
from ostiary.services.accounts import AccountService
from ostiary.services.context import Caller, Urls
from ostiary.services.organizations import OrganizationService
from ostiary.services.paging import DEFAULT_LIMIT, MAX_LIMIT, PageRequest


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, built once by bootstrap."""

    urls: Urls
    authenticator: Authenticator
    accounts: AccountService
    organizations: OrganizationService


def services_of(request: Request) -> Services:
    """The services of the application that answers the request."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def _caller(request: Request, services: ServicesDep) -> Caller:
    return await services.authenticator.caller(request)


CallerDep = Annotated[Caller, Depends(_caller)]


def _page(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=64, description="`next_cursor` of the page before; leave it out for the first page.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageDep = Annotated[PageRequest, Depends(_page)]
