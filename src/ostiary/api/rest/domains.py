"""`/v1/organizations/{org}/domains`."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.domain.access import Operation
from ostiary.domain.domain_name import DomainStatus, EmailDomain

router = APIRouter(prefix="/v1/organizations/{org}/domains", tags=["domains"])


class NewDomain(Request):
    """A domain to prove."""

    name: str = Field(max_length=255, examples=["acme.test"])


class TxtRecord(Answer):
    """What to publish in DNS."""

    name: str = Field(examples=["_ostiary-challenge.acme.test"])
    value: str = Field(examples=["ostiary-domain-verification=…"])


class DomainAnswer(Answer):
    """A domain of the organization, and the TXT record that proves it."""

    id: str = Field(examples=["dom_01h455vb4pex5vsknk084sn02q"])
    name: str
    status: DomainStatus
    txt_record: TxtRecord
    created_at: datetime
    verified_at: datetime | None
    failing_since: datetime | None


def _render(domain: EmailDomain) -> DomainAnswer:
    return DomainAnswer(
        id=domain.id,
        name=domain.name,
        status=domain.status,
        txt_record=TxtRecord(name=domain.txt_name, value=domain.txt_value),
        created_at=domain.created_at,
        verified_at=domain.verified_at,
        failing_since=domain.failing_since,
    )


@router.post("", status_code=201, operation_id=Operation.ADD_DOMAIN, responses=problems(401, 403, 404, 409, 422))
async def add_domain(org: OrgPath, body: NewDomain, caller: CallerDep, services: ServicesDep) -> DomainAnswer:
    """Add a domain; publish its `txt_record`, then verify it."""
    return _render(await services.domains.add(caller, org, body.name))


@router.get("", operation_id=Operation.LIST_DOMAINS, responses=problems(401, 403, 404, 422))
async def list_domains(org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep) -> ListOf[DomainAnswer]:
    """The organization's domains."""
    return list_of(await services.domains.list(caller, org, page), _render)


@router.post("/{domain_id}/verify", operation_id=Operation.VERIFY_DOMAIN, responses=problems(401, 403, 404, 409, 503))
async def verify_domain(org: OrgPath, domain_id: str, caller: CallerDep, services: ServicesDep) -> DomainAnswer:
    """Look the TXT record up; 409 `domain_not_verified` says what was found instead."""
    return _render(await services.domains.verify(caller, org, domain_id))


@router.delete(
    "/{domain_id}", status_code=204, operation_id=Operation.DELETE_DOMAIN, responses=problems(401, 403, 404, 409)
)
async def delete_domain(org: OrgPath, domain_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """Remove the domain; 409 `sso_in_use` where nobody could sign in afterwards."""
    await services.domains.delete(caller, org, domain_id)
