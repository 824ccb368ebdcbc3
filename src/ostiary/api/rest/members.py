"""`/v1/organizations/{org}/members`."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.membership import ManagedBy, MemberStatus, Provenance, Role, Source
from ostiary.domain.operation import Operation
from ostiary.services.ports.organizations import MemberDetails, MemberFilter, MemberOrder
from ostiary.services.ports.sign_in import LinkedIdentity

router = Routes(prefix="/v1/organizations/{org}/members", tags=["members"])

MemberPath = Annotated[
    str, Path(max_length=64, description="The member's id.", examples=["mem_01h455vb4pex5vsknk084sn02q"])
]


class NamedAnswer(Answer):
    """A thing by id and name."""

    id: str
    name: str


class MemberUserAnswer(Answer):
    """The person. `id` is null while a provisioned person has never signed in."""

    id: str | None = Field(examples=["usr_01h455vb4pex5vsknk084sn02q"])
    email: str = Field(examples=["bo@acme.test"])
    name: str = Field(examples=["Bo Bloggs"])


class ProvenanceAnswer(Answer):
    """Who gave it, through what, and when. `by` is the person's, invitation's, connection's or directory's id."""

    source: Source
    by: str | None = Field(examples=["inv_01h455vb4pex5vsknk084sn02q"])
    at: datetime


class MemberProvenanceAnswer(Answer):
    """Where the membership and the role came from."""

    membership: ProvenanceAnswer
    role: ProvenanceAnswer


class MemberAnswer(Answer):
    """A member of the organization."""

    id: str = Field(examples=["mem_01h455vb4pex5vsknk084sn02q"])
    user: MemberUserAnswer
    role: Role
    status: MemberStatus
    managed_by: ManagedBy
    awaiting_first_sso_sign_in: bool = Field(description="An administrator who may still use password sessions.")
    teams: list[NamedAnswer]
    database_administrator_of: list[NamedAnswer]
    administers_all_databases: bool = Field(description="Database administrator of all there are and will be.")
    provenance: MemberProvenanceAnswer
    joined_at: datetime
    last_signed_in_at: datetime | None


class MemberChange(Request):
    """What may change of a member."""

    role: Role = Field(examples=["administrator"])


class IdentityAnswer(Answer):
    """Whom a connection knows the member as. `internal_id` is the person's id at the identity provider."""

    connection_id: str = Field(examples=["conn_01h455vb4pex5vsknk084sn02q"])
    internal_id: str = Field(examples=["00u1a2b3c4"])
    linked_at: datetime


def render_member(details: MemberDetails) -> MemberAnswer:
    """A member with teams and databases."""
    member = details.member
    return MemberAnswer(
        id=member.id,
        user=MemberUserAnswer(id=member.account_id, email=member.email, name=member.name),
        role=member.role,
        status=member.status,
        managed_by=member.managed_by,
        awaiting_first_sso_sign_in=member.awaiting_first_sso_sign_in,
        teams=[NamedAnswer(id=team_id, name=name) for team_id, name in details.teams],
        administers_all_databases=details.administers_all_databases,
        database_administrator_of=[
            NamedAnswer(id=database_id, name=name) for database_id, name in details.database_administrator_of
        ],
        provenance=MemberProvenanceAnswer(
            membership=_render_provenance(member.provenance), role=_render_provenance(member.role_provenance)
        ),
        joined_at=member.joined_at,
        last_signed_in_at=member.last_signed_in_at,
    )


def _render_provenance(provenance: Provenance) -> ProvenanceAnswer:
    return ProvenanceAnswer(source=provenance.source, by=provenance.by, at=provenance.at)


def _render_identity(identity: LinkedIdentity) -> IdentityAnswer:
    return IdentityAnswer(
        connection_id=identity.connection_id, internal_id=identity.internal_id, linked_at=identity.linked_at
    )


@router.get("", operation_id=Operation.LIST_MEMBERS, responses=problems(401, 403, 404, 422))
async def list_members(
    org: OrgPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    role: Annotated[Role | None, Query()] = None,
    status: Annotated[MemberStatus | None, Query()] = None,
    managed_by: Annotated[ManagedBy | None, Query()] = None,
    team_id: Annotated[str | None, Query(max_length=64, description="Only members of this team.")] = None,
    unmatched: Annotated[bool, Query(description="Only those whom no directory manages (R22).")] = False,
    q: Annotated[str | None, Query(max_length=200, description="Part of the name or e-mail address.")] = None,
    sort: Annotated[
        MemberOrder,
        Query(
            description="With a minus from the last to the first. Names without regard to case; who never signed in "
            "comes before everybody who did."
        ),
    ] = MemberOrder.JOINED_AT,
) -> ListOf[MemberAnswer]:
    """The members, in the order they joined unless told otherwise."""
    matching = MemberFilter(
        role=role, status=status, managed_by=managed_by, team_id=team_id, q=q, unmatched=unmatched, order=sort
    )
    return list_of(await services.members.list(caller, org, matching, page), render_member)


@router.get("/{member_id}", operation_id=Operation.GET_MEMBER, responses=tagged(401, 403, 404))
async def get_member(
    org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> MemberAnswer:
    """One member."""
    return render_member(tag(await services.members.get(caller, org, member_id)))


@router.patch("/{member_id}", operation_id=Operation.UPDATE_MEMBER, responses=problems(401, 403, 404, 409, 412, 422))
async def update_member(
    org: OrgPath, member_id: MemberPath, body: MemberChange, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> MemberAnswer:
    """Change the role.

    409 `directory_managed` while an identity provider manages roles; 409 `last_administrator`.
    """
    return render_member(tag(await services.members.set_role(caller, org, member_id, body.role)))


@router.delete(
    "/{member_id}", status_code=204, operation_id=Operation.REMOVE_MEMBER, responses=problems(401, 403, 404, 409, 412)
)
async def remove_member(org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep) -> None:
    """Remove the member with their teams, database roles and sessions; credentials they made stay.

    409 `directory_managed` for an active member whom the directory keeps; 409 `last_administrator`.
    """
    await services.members.remove(caller, org, member_id)


@router.post(
    "/{member_id}/require-sso",
    operation_id=Operation.REQUIRE_SSO_OF_MEMBER,
    responses=problems(401, 403, 404, 409, 412),
)
async def require_sso_of_member(
    org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> MemberAnswer:
    """Let another administrator's password sessions lose this organization, before their first SSO sign-in.

    409 `sso_not_enabled`; 409 `own_membership`.
    """
    return render_member(tag(await services.members.require_sso(caller, org, member_id)))


@router.post("/{member_id}/suspend", operation_id=Operation.SUSPEND_MEMBER, responses=problems(401, 403, 404, 409, 412))
async def suspend_member(
    org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> MemberAnswer:
    """Take all access away, and keep the member visible. 409 `directory_managed`; 409 `last_administrator`."""
    return render_member(tag(await services.members.suspend(caller, org, member_id)))


@router.post(
    "/{member_id}/reactivate", operation_id=Operation.REACTIVATE_MEMBER, responses=problems(401, 403, 404, 409, 412)
)
async def reactivate_member(
    org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> MemberAnswer:
    """Give a suspended member access again. 409 `directory_managed`."""
    return render_member(tag(await services.members.reactivate(caller, org, member_id)))


@router.get("/{member_id}/identities", operation_id=Operation.LIST_MEMBER_IDENTITIES, responses=problems(401, 403, 404))
async def list_member_identities(
    org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep
) -> ListOf[IdentityAnswer]:
    """Whom the organization's connections know the member as."""
    identities = await services.members.identities(caller, org, member_id)
    return ListOf(data=[_render_identity(identity) for identity in identities])


@router.delete(
    "/{member_id}/identities",
    status_code=204,
    operation_id=Operation.DELETE_MEMBER_IDENTITIES,
    responses=problems(401, 403, 404),
)
async def delete_member_identities(
    org: OrgPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Forget the member's identities; the next SSO sign-in links a new one, and clears the password."""
    await services.members.delete_identities(caller, org, member_id)
