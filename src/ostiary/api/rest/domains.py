"""`/v1/organizations/{org}/domains`."""

from datetime import datetime

from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.domain_name import DomainStatus, EmailDomain
from ostiary.domain.operation import Operation

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/domains", tags=["domains"])
operator_router = Routes(
    route_class=CreatingRoute, prefix="/v1/operator/organizations/{org}/domains", tags=["operator"]
)


class NewDomain(Request):
    """A domain to prove."""

    name: str = Field(max_length=255, examples=["acme.test"])


class DomainOfOperator(NewDomain):
    """A domain the operator adds for an organization."""

    reason: str = Field(min_length=1, max_length=500, description="Why; the organization reads it in its audit events.")


class Voucher(Request):
    """Why support takes a domain as proven."""

    reason: str | None = Field(default=None, min_length=1, max_length=500)


class TxtRecord(Answer):
    """What to publish in DNS."""

    name: str = Field(examples=["_ostiary-challenge.acme.test"])
    value: str = Field(examples=["ostiary-domain-verification=…"])


class DomainAnswer(Answer):
    """A domain of the organization, and the TXT record that proves it."""

    id: str = Field(examples=["dom_01h455vb4pex5vsknk084sn02q"])
    name: str = Field(description="As DNS has it: lower case, A-labels.", examples=["xn--bcher-kva.example"])
    unicode_name: str = Field(description="As people read it.", examples=["bücher.example"])
    status: DomainStatus
    txt_record: TxtRecord
    created_at: datetime
    verified_at: datetime | None
    failing_since: datetime | None = Field(description="Since when the record is not found.")
    fails_at: datetime | None = Field(
        description="From then on it admits no new users, unless the record is found before; members still sign in."
    )
    vouched_until: datetime | None = Field(description="Until when it counts on support's word, without its record.")
    warnings: list[str]


def _render(domain: EmailDomain) -> DomainAnswer:
    return DomainAnswer(
        id=domain.id,
        name=domain.name,
        unicode_name=domain.unicode_name,
        status=domain.status,
        txt_record=TxtRecord(name=domain.txt_name, value=domain.txt_value),
        created_at=domain.created_at,
        verified_at=domain.verified_at,
        failing_since=domain.failing_since,
        fails_at=domain.fails_at,
        vouched_until=domain.override_until,
        warnings=list(domain.warnings),
    )


@router.post("", status_code=201, operation_id=Operation.ADD_DOMAIN, responses=problems(401, 403, 404, 409, 422))
async def add_domain(org: OrgPath, body: NewDomain, caller: CallerDep, services: ServicesDep) -> DomainAnswer:
    """Add a domain; publish its `txt_record`, then verify it."""
    return _render(await services.domains.add(caller, org, body.name))


@router.get("", operation_id=Operation.LIST_DOMAINS, responses=problems(401, 403, 404, 422))
async def list_domains(org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep) -> ListOf[DomainAnswer]:
    """The organization's domains."""
    return list_of(await services.domains.list(caller, org, page), _render)


@router.get("/{domain_id}", operation_id=Operation.GET_DOMAIN, responses=tagged(401, 403, 404))
async def get_domain(
    org: OrgPath, domain_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> DomainAnswer:
    """One domain."""
    return _render(tag(await services.domains.get(caller, org, domain_id)))


@router.post("/{domain_id}/verify", operation_id=Operation.VERIFY_DOMAIN, responses=problems(401, 403, 404, 409, 503))
async def verify_domain(org: OrgPath, domain_id: str, caller: CallerDep, services: ServicesDep) -> DomainAnswer:
    """Look the TXT record up; 409 `domain_not_verified` says what was found instead."""
    return _render(await services.domains.verify(caller, org, domain_id))


@router.delete(
    "/{domain_id}", status_code=204, operation_id=Operation.DELETE_DOMAIN, responses=problems(401, 403, 404, 409, 412)
)
async def delete_domain(org: OrgPath, domain_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """Remove the domain; 409 `sso_in_use` where nobody could sign in afterwards."""
    await services.domains.delete(caller, org, domain_id)


@operator_router.post(
    "",
    status_code=201,
    operation_id=Operation.ADD_DOMAIN_FOR_ORGANIZATION,
    responses=problems(401, 403, 404, 409, 422),
)
async def add_domain_for_organization(
    org: OrgPath, body: DomainOfOperator, caller: CallerDep, services: ServicesDep
) -> DomainAnswer:
    """Add a domain, one the lists of public names refuse included. It still has to be proven by its record."""
    return _render(await services.domains.add_for(caller, org, body.name, body.reason))


@operator_router.post(
    "/{domain_id}/verify", operation_id=Operation.VOUCH_FOR_DOMAIN, responses=problems(401, 403, 404, 409, 422)
)
async def vouch_for_domain(
    org: OrgPath, domain_id: str, caller: CallerDep, services: ServicesDep, body: Voucher | None = None
) -> DomainAnswer:
    """Take a domain as proven for 30 days; 409 `domain_verified_elsewhere` where another organization verified it."""
    return _render(await services.domains.vouch(caller, org, domain_id, body.reason if body else None))
