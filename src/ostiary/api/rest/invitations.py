"""`/v1/organizations/{org}/invitations`, and accepting one."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.members import MemberAnswer, render_member
from ostiary.api.rest.organizations import OrganizationAnswer, OrgPath, render_organization
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.invitation import Invitation, InvitationStatus
from ostiary.domain.membership import Role
from ostiary.domain.operation import Operation

router = Routes(route_class=CreatingRoute, prefix="/v1", tags=["invitations"])

InvitationPath = Annotated[
    str, Path(max_length=64, description="The invitation's id.", examples=["inv_01h455vb4pex5vsknk084sn02q"])
]


class NewInvitation(Request):
    """Whom to invite, and what accepting gives."""

    email: str = Field(max_length=320, examples=["bo@acme.test"])
    role: Role = Field(default=Role.MEMBER, examples=["member"])
    team_ids: list[str] = Field(
        default_factory=list[str], max_length=100, examples=[["team_01h455vb4pex5vsknk084sn02q"]]
    )


class InvitationToken(Request):
    """The secret that was mailed."""

    token: str = Field(max_length=256, examples=["ost_inv_…"])


class InvitationAnswer(Answer):
    """An invitation; its secret travels by mail only."""

    id: str = Field(examples=["inv_01h455vb4pex5vsknk084sn02q"])
    email: str = Field(examples=["bo@acme.test"])
    role: Role
    team_ids: list[str]
    status: InvitationStatus
    invited_by: str = Field(description="The inviting account.", examples=["usr_01h455vb4pex5vsknk084sn02q"])
    created_at: datetime
    expires_at: datetime


class AcceptedAnswer(Answer):
    """The membership an invitation became."""

    organization: OrganizationAnswer
    member: MemberAnswer


def _render_invitation(invitation: Invitation) -> InvitationAnswer:
    return InvitationAnswer(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        team_ids=list(invitation.team_ids),
        status=invitation.status,
        invited_by=invitation.invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )


@router.post(
    "/organizations/{org}/invitations",
    status_code=201,
    operation_id=Operation.CREATE_INVITATION,
    responses=problems(401, 403, 404, 409, 422),
)
async def create_invitation(
    org: OrgPath, body: NewInvitation, caller: CallerDep, services: ServicesDep
) -> InvitationAnswer:
    """Mail an invitation that works for 7 days.

    409 `invitations_disabled_by_sso`, `invitation_pending` or `already_member`.
    """
    return _render_invitation(
        await services.invitations.create(caller, org, email=body.email, role=body.role, team_ids=body.team_ids)
    )


@router.get(
    "/organizations/{org}/invitations",
    operation_id=Operation.LIST_INVITATIONS,
    responses=problems(401, 403, 404, 422),
)
async def list_invitations(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[InvitationAnswer]:
    """Invitations of every status, newest first."""
    return list_of(await services.invitations.list(caller, org, page), _render_invitation)


@router.post(
    "/organizations/{org}/invitations/{invitation_id}/resend",
    operation_id=Operation.RESEND_INVITATION,
    responses=problems(401, 403, 404, 409),
)
async def resend_invitation(
    org: OrgPath, invitation_id: InvitationPath, caller: CallerDep, services: ServicesDep
) -> InvitationAnswer:
    """Mail a pending or expired invitation again: a new secret that works for 7 days, in place of the old one.

    409 `invitation_not_pending`, `invitation_pending` (the address was invited anew), `invitations_disabled_by_sso` or
    `already_member`.
    """
    return _render_invitation(await services.invitations.resend(caller, org, invitation_id))


@router.delete(
    "/organizations/{org}/invitations/{invitation_id}",
    status_code=204,
    operation_id=Operation.REVOKE_INVITATION,
    responses=problems(401, 403, 404, 409),
)
async def revoke_invitation(
    org: OrgPath, invitation_id: InvitationPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Void a pending invitation. 409 `invitation_not_pending`."""
    await services.invitations.revoke(caller, org, invitation_id)


@router.post(
    "/invitations/accept", operation_id=Operation.ACCEPT_INVITATION, responses=problems(401, 403, 409, 422, 429)
)
async def accept_invitation(body: InvitationToken, caller: CallerDep, services: ServicesDep) -> AcceptedAnswer:
    """Become a member, signed in with the account of the invited address; that proves the address.

    403 `invitation_email_mismatch`; 409 `invitation_not_pending`, `invitations_disabled_by_sso` or `already_member`.
    """
    accepted = await services.invitations.accept(caller, body.token)
    return AcceptedAnswer(
        organization=render_organization(accepted.organization), member=render_member(accepted.details)
    )
