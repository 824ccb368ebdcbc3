"""`/v1/organizations`, their audit events, and the operator's part."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.audit import AuditEvent
from ostiary.domain.operation import Operation
from ostiary.domain.organization import AddOn, Organization, Plan
from ostiary.services.ports.organizations import AuditFilter, OrganizationFilter

router = Routes(route_class=CreatingRoute, prefix="/v1", tags=["organizations"])
operator_router = Routes(prefix="/v1/operator", tags=["operator"])

OrgPath = Annotated[
    str, Path(alias="org", max_length=64, description="The organization's id or slug.", examples=["acme"])
]


class OrganizationAnswer(Answer):
    """An organization."""

    id: str = Field(examples=["org_01h455vb4pex5vsknk084sn02q"])
    slug: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme"])
    plan: Plan
    add_ons: list[AddOn]
    sso_entitled: bool
    sso_enabled: bool
    created_at: datetime
    deleted_at: datetime | None = Field(description="When it was deleted; nobody can use it since.")
    purged_at: datetime | None = Field(
        description="When a deleted one is gone for good; until then it can be restored."
    )


class NewOrganization(Request):
    """A new organization."""

    name: str = Field(examples=["Acme"])
    slug: str = Field(examples=["acme"])


class OrganizationChange(Request):
    """What may change of an organization; left out stays."""

    name: str | None = None
    slug: str | None = None


class Entitlements(Request):
    """What an organization may use."""

    plan: Plan
    add_ons: list[AddOn] = Field(default_factory=list[AddOn])
    directory_held_back: bool = Field(default=False, description="Hold Directory Sync back although SSO is entitled.")


class Restoration(Request):
    """Why support gives an organization back."""

    reason: str = Field(min_length=1, max_length=1000, examples=["Asked for by its owner, ticket 4711."])


class AuditActorAnswer(Answer):
    """Who did it."""

    kind: Literal["account", "service_account", "operator", "directory", "connection", "setup_link", "system"]
    id: str | None
    label: str | None


class AuditEventAnswer(Answer):
    """One change: who, what, before, after."""

    id: str
    at: datetime
    actor: AuditActorAnswer
    action: str = Field(examples=["sso.enabled"])
    target: dict[str, str] = Field(examples=[{"kind": "organization", "id": "org_01h455vb4pex5vsknk084sn02q"}])
    before: dict[str, Any]
    after: dict[str, Any]
    request_id: str | None


def render_organization(organization: Organization) -> OrganizationAnswer:
    """An organization."""
    return OrganizationAnswer(
        id=organization.id,
        slug=organization.slug,
        name=organization.name,
        plan=organization.plan,
        add_ons=sorted(organization.add_ons),
        sso_entitled=organization.sso_entitled(),
        sso_enabled=organization.sso.enabled,
        created_at=organization.created_at,
        deleted_at=organization.deleted_at,
        purged_at=organization.purged_at,
    )


def _render_event(event: AuditEvent) -> AuditEventAnswer:
    return AuditEventAnswer(
        id=event.id,
        at=event.at,
        actor=AuditActorAnswer(kind=event.actor.kind.value, id=event.actor.id, label=event.actor.label),
        action=event.action,
        target={"kind": event.target_kind, "id": event.target_id},
        before=dict(event.before),
        after=dict(event.after),
        request_id=event.request_id,
    )


@router.post(
    "/organizations",
    status_code=201,
    operation_id=Operation.CREATE_ORGANIZATION,
    responses=problems(401, 403, 409, 422),
)
async def create_organization(body: NewOrganization, caller: CallerDep, services: ServicesDep) -> OrganizationAnswer:
    """Found an organization; the caller becomes its administrator."""
    return render_organization(await services.organizations.create(caller, name=body.name, slug=body.slug))


@router.get("/organizations/{org}", operation_id=Operation.GET_ORGANIZATION, responses=tagged(401, 403, 404))
async def get_organization(org: OrgPath, caller: CallerDep, services: ServicesDep, tag: TagDep) -> OrganizationAnswer:
    """One organization of the caller's."""
    return render_organization(tag(await services.organizations.get(caller, org)))


@router.patch(
    "/organizations/{org}", operation_id=Operation.UPDATE_ORGANIZATION, responses=problems(401, 403, 404, 409, 412, 422)
)
async def update_organization(
    org: OrgPath, body: OrganizationChange, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> OrganizationAnswer:
    """Change name or slug."""
    return render_organization(tag(await services.organizations.update(caller, org, name=body.name, slug=body.slug)))


@router.delete(
    "/organizations/{org}", operation_id=Operation.DELETE_ORGANIZATION, responses=problems(401, 403, 404, 412)
)
async def delete_organization(
    org: OrgPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> OrganizationAnswer:
    """Delete it: every access ends at once, credentials and tokens included. It can be restored for 30 days."""
    return render_organization(tag(await services.organization_deletion.delete(caller, org)))


@router.post(
    "/organizations/{org}/restore",
    operation_id=Operation.RESTORE_ORGANIZATION,
    responses=problems(401, 403, 404, 409),
)
async def restore_organization(org: OrgPath, caller: CallerDep, services: ServicesDep) -> OrganizationAnswer:
    """Have a deleted organization back as it was; a password session of an administrator will do, also with SSO on."""
    return render_organization(await services.organization_deletion.restore(caller, org))


async def _audit_filter(
    actor: Annotated[str | None, Query(max_length=128, description="The id of who did it.")] = None,
    action: Annotated[str | None, Query(max_length=128, examples=["sso.enabled"])] = None,
    target: Annotated[str | None, Query(max_length=128, description="The id of what it was done to.")] = None,
    since: Annotated[datetime | None, Query(description="At this time or later.")] = None,
    until: Annotated[datetime | None, Query(description="Before this time.")] = None,
) -> AuditFilter:
    return AuditFilter(actor=actor, action=action, target=target, since=since, until=until)


AuditFilterDep = Annotated[AuditFilter, Depends(_audit_filter)]


@router.get(
    "/organizations/{org}/audit-events",
    operation_id=Operation.LIST_AUDIT_EVENTS,
    responses=problems(401, 403, 404, 422),
)
async def list_audit_events(
    org: OrgPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    matching: AuditFilterDep,
) -> ListOf[AuditEventAnswer]:
    """What happened, newest first."""
    return list_of(await services.organizations.audit_events(caller, org, matching, page), _render_event)


@router.get(
    "/organizations/{org}/audit-events/export",
    operation_id=Operation.EXPORT_AUDIT_EVENTS,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One event a line, each as `list_audit_events` shows it.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 404, 422),
    },
)
async def export_audit_events(
    org: OrgPath, caller: CallerDep, services: ServicesDep, matching: AuditFilterDep
) -> StreamingResponse:
    """Every matching event as JSON lines, newest first, streamed however many there are."""
    events = await services.organizations.export_audit_events(caller, org, matching)
    lines = (_render_event(event).model_dump_json() + "\n" async for event in events)
    return StreamingResponse(lines, media_type="application/x-ndjson")


@operator_router.get("/organizations", operation_id=Operation.LIST_ALL_ORGANIZATIONS, responses=problems(401, 403, 422))
async def list_all_organizations(
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    q: Annotated[
        str | None, Query(max_length=200, description="Found in name or slug; the whole id is found too.")
    ] = None,
    plan: Annotated[Plan | None, Query()] = None,
    sso_enabled: Annotated[bool | None, Query()] = None,
    deleted: Annotated[bool | None, Query(description="Only those that are (true) or are not (false) deleted.")] = None,
) -> ListOf[OrganizationAnswer]:
    """Every organization, oldest first."""
    matching = OrganizationFilter(q=q, plan=plan, sso_enabled=sso_enabled, deleted=deleted)
    return list_of(await services.organizations.list_all(caller, matching, page), render_organization)


@operator_router.put(
    "/organizations/{org}/entitlements",
    operation_id=Operation.SET_ENTITLEMENTS,
    responses=problems(401, 403, 404, 422),
)
async def set_entitlements(
    org: OrgPath, body: Entitlements, caller: CallerDep, services: ServicesDep
) -> OrganizationAnswer:
    """Set an organization's plan and add-ons."""
    return render_organization(
        await services.organizations.set_entitlements(
            caller,
            org,
            plan=body.plan,
            add_ons=frozenset(body.add_ons),
            directory_held_back=body.directory_held_back,
        )
    )


@operator_router.post(
    "/organizations/{org}/restore",
    operation_id=Operation.RESTORE_ORGANIZATION_BY_SUPPORT,
    responses=problems(401, 403, 404, 409, 422),
)
async def restore_organization_by_support(
    org: OrgPath, body: Restoration, caller: CallerDep, services: ServicesDep
) -> OrganizationAnswer:
    """Give a deleted organization back, for administrators who have no password."""
    return render_organization(await services.organization_deletion.restore_by_support(caller, org, body.reason))
