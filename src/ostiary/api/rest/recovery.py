"""`/v1/auth/recover`: the way in when the identity provider is broken."""

from pydantic import Field

from ostiary.api.deps import CallerDep, ClientDep, ServicesDep
from ostiary.api.problems import problems
from ostiary.api.rest.auth import SignedInAnswer, render_signed_in
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Request
from ostiary.api.routing import Routes
from ostiary.domain.operation import Operation

router = Routes(prefix="/v1/auth/recover", tags=["sign-in"])
operator_router = Routes(prefix="/v1/operator/organizations/{org}/recover", tags=["operator"])


class RecoveryLinkRequest(Request):
    """Whom to mail a recovery token."""

    organization: str = Field(max_length=64, examples=["acme"])
    email: str = Field(max_length=320, examples=["ada@acme.test"])


class RecoveryRequest(RecoveryLinkRequest):
    """A recovery code, with the account's password or a mailed token."""

    recovery_code: str = Field(max_length=256, examples=["ost_rec_…"])
    password: str | None = None
    token: str | None = Field(default=None, max_length=256, description="From POST /v1/auth/recover/link.")


class LinkRedemption(Request):
    """What support had mailed."""

    token: str = Field(max_length=256, examples=["ost_recl_…"])


class Recovery(Request):
    """Whom support lets in, and why; all administrators read the reason."""

    member_id: str = Field(max_length=64, examples=["mem_01h455vb4pex5vsknk084sn02q"])
    reason: str = Field(min_length=1, max_length=500)


@router.post("", operation_id=Operation.RECOVER, responses=problems(401, 422, 429))
async def recover(body: RecoveryRequest, client: ClientDep, services: ServicesDep) -> SignedInAnswer:
    """A session of 15 minutes that can only read and repair single sign-on. Every administrator is told."""
    return render_signed_in(
        await services.recovery.recover(
            organization=body.organization,
            email=body.email,
            recovery_code=body.recovery_code,
            password=body.password,
            token=body.token,
            client=client,
        )
    )


@router.post("/link", status_code=202, operation_id=Operation.REQUEST_RECOVERY_LINK, responses=problems(422, 429))
async def request_recovery_link(body: RecoveryLinkRequest, client: ClientDep, services: ServicesDep) -> None:
    """Mail an administrator a token that stands in for the password; the answer is the same for everybody."""
    await services.recovery.request_link(organization=body.organization, email=body.email, client=client)


@router.post("/by-link", operation_id=Operation.RECOVER_BY_LINK, responses=problems(401, 422, 429))
async def recover_by_link(body: LinkRedemption, client: ClientDep, services: ServicesDep) -> SignedInAnswer:
    """Support's mailed link, without a recovery code: the same session of 15 minutes. Every administrator is told."""
    return render_signed_in(await services.support_recovery.redeem(body.token, client))


@operator_router.post(
    "", status_code=202, operation_id=Operation.RECOVER_ORGANIZATION, responses=problems(401, 403, 404, 409, 422)
)
async def recover_organization(org: OrgPath, body: Recovery, caller: CallerDep, services: ServicesDep) -> None:
    """Mail a locked-out administrator a recovery link, and tell all of them; the link is in no answer."""
    await services.support_recovery.send(caller, org, body.member_id, body.reason)
