"""`/v1/auth` and `/v1/me`: a person's own account and sessions."""

from datetime import datetime
from typing import Literal

from fastapi import Response
from pydantic import Field

from ostiary.api.deps import CallerDep, ClientDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrganizationAnswer, render_organization
from ostiary.api.rest.schemas import Answer, ListOf, Request
from ostiary.api.routing import Routes
from ostiary.domain.account import Account, Session
from ostiary.domain.operation import Operation
from ostiary.services.accounts import SignedIn

router = Routes(prefix="/v1", tags=["accounts"])


class UserAnswer(Answer):
    """A person."""

    id: str = Field(examples=["usr_01h455vb4pex5vsknk084sn02q"])
    email: str = Field(examples=["ada@acme.test"])
    name: str = Field(examples=["Ada Lovelace"])
    email_verified: bool


class SessionAnswer(Answer):
    """A signed-in browser or client. SSO sessions open one organization alone."""

    id: str = Field(examples=["ses_01h455vb4pex5vsknk084sn02q"])
    kind: Literal["password", "sso", "recovery"]
    organization_id: str | None
    connection_id: str | None
    created_at: datetime
    last_used_at: datetime = Field(description="To five minutes.")
    expires_at: datetime = Field(description="When it ends unless it is used before.")
    ends_at: datetime = Field(description="When it ends in any case.")
    client_address: str | None = Field(description="Where it was made from.", examples=["192.0.2.7"])
    user_agent: str | None = Field(description="What it was made with, in its own words.", examples=["Firefox"])
    is_current: bool = Field(description="Whether it is the one that asks.")


class SignedInAnswer(Answer):
    """A new session. `token` is shown this once."""

    token: str = Field(examples=["ost_ses_…"])
    session: SessionAnswer
    user: UserAnswer


class SignUpRequest(Request):
    """A new account."""

    email: str = Field(max_length=320, examples=["ada@acme.test"])
    password: str = Field(examples=["correct horse battery"])
    name: str = Field(examples=["Ada Lovelace"])


class SignInRequest(Request):
    """A password sign-in."""

    email: str = Field(max_length=320, examples=["ada@acme.test"])
    password: str = Field(examples=["correct horse battery"])


class EmailRequest(Request):
    """An e-mail address."""

    email: str = Field(max_length=320, examples=["ada@acme.test"])


class TokenRequest(Request):
    """A mailed token."""

    token: str = Field(max_length=256, examples=["ost_mail_…"])


class ResetConfirmation(TokenRequest):
    """A mailed token and the new password."""

    password: str = Field(examples=["correct horse battery"])


class EmailChangeRequest(Request):
    """The address to sign in by from now on."""

    email: str = Field(max_length=320, examples=["ada@elsewhere.test"])


class EmailChangedAnswer(Answer):
    """What became of it."""

    changed: bool = Field(description="False while the other address has not agreed.")


class PasswordChange(Request):
    """The present password and the new one."""

    current: str
    new: str


class MeChange(Request):
    """What a person may change of themselves."""

    name: str


class MembershipAnswer(Answer):
    """An organization of the caller's, and the role there."""

    organization: OrganizationAnswer
    role: Literal["member", "administrator"]
    status: Literal["active", "suspended"]


class SignedOutAnswer(Answer):
    """The session has ended."""

    single_logout_url: str | None = Field(
        description="Open it in the browser within ten minutes to sign out of the identity provider too; null where it "
        "has no single logout.",
        examples=["https://ostiary.example.com/saml/conn_01h455vb4pex5vsknk084sn02q/logout?flow=ost_rs_…"],
    )


def render_user(account: Account) -> UserAnswer:
    """A person."""
    return UserAnswer(
        id=account.id, email=account.email, name=account.name, email_verified=account.email_verified_at is not None
    )


def render_session(session: Session, current: str) -> SessionAnswer:
    """A session, without its secret; `current` is the id of the one that asks."""
    return SessionAnswer(
        id=session.id,
        kind=session.kind.value,
        organization_id=session.organization_id,
        connection_id=session.connection_id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        ends_at=session.ends_at,
        client_address=session.client_address,
        user_agent=session.user_agent,
        is_current=session.id == current,
    )


def render_signed_in(signed_in: SignedIn) -> SignedInAnswer:
    """A new session with its secret."""
    return SignedInAnswer(
        token=signed_in.token,
        session=render_session(signed_in.session, signed_in.session.id),
        user=render_user(signed_in.account),
    )


@router.post("/auth/sign-up", status_code=201, operation_id=Operation.SIGN_UP, responses=problems(409, 422, 429))
async def sign_up(body: SignUpRequest, client: ClientDep, services: ServicesDep) -> SignedInAnswer:
    """Make an account and sign it in."""
    return render_signed_in(
        await services.accounts.sign_up(email=body.email, password=body.password, name=body.name, client=client)
    )


@router.post("/auth/sign-in", operation_id=Operation.SIGN_IN, responses=problems(401, 403, 422, 429))
async def sign_in(body: SignInRequest, client: ClientDep, services: ServicesDep) -> SignedInAnswer:
    """Sign in with the password. 403 `sso_required` where every membership requires SSO."""
    return render_signed_in(await services.accounts.sign_in(email=body.email, password=body.password, client=client))


@router.post("/auth/sign-out", operation_id=Operation.SIGN_OUT, responses=problems(401, 403))
async def sign_out(caller: CallerDep, services: ServicesDep, response: Response) -> SignedOutAnswer:
    """End the session that makes the request, and take its cookie back.

    To end the identity provider's too, open `single_logout_url`.
    """
    answer = SignedOutAnswer(single_logout_url=await services.logout.sign_out(caller))
    services.cookies.drop_session(response)
    return answer


@router.post(
    "/auth/password-reset", status_code=202, operation_id=Operation.REQUEST_PASSWORD_RESET, responses=problems(422, 429)
)
async def request_password_reset(body: EmailRequest, client: ClientDep, services: ServicesDep) -> None:
    """Mail a token to set a new password with; the answer is the same for unknown addresses."""
    await services.passwords.request_reset(body.email, client)


@router.post(
    "/auth/password-reset/confirm",
    status_code=204,
    operation_id=Operation.CONFIRM_PASSWORD_RESET,
    responses=problems(422, 429),
)
async def confirm_password_reset(body: ResetConfirmation, client: ClientDep, services: ServicesDep) -> None:
    """Set the password and end every session; sign in afterwards."""
    await services.passwords.confirm_reset(body.token, body.password, client)


@router.post("/auth/verify-email", status_code=204, operation_id=Operation.VERIFY_EMAIL, responses=problems(422, 429))
async def verify_email(body: TokenRequest, client: ClientDep, services: ServicesDep) -> None:
    """Prove the address the token was mailed to."""
    await services.accounts.verify_email(body.token, client)


@router.get("/me", operation_id=Operation.GET_ME, responses=tagged(401, 403))
async def get_me(caller: CallerDep, services: ServicesDep, tag: TagDep) -> UserAnswer:
    """The caller."""
    return render_user(tag(await services.accounts.me(caller)))


@router.patch("/me", operation_id=Operation.UPDATE_ME, responses=problems(401, 403, 412, 422))
async def update_me(body: MeChange, caller: CallerDep, services: ServicesDep, tag: TagDep) -> UserAnswer:
    """Change the caller's name."""
    return render_user(tag(await services.accounts.rename_me(caller, body.name)))


@router.get("/me/organizations", operation_id=Operation.LIST_MY_ORGANIZATIONS, responses=problems(401, 403))
async def list_my_organizations(caller: CallerDep, services: ServicesDep) -> ListOf[MembershipAnswer]:
    """The organizations the caller is a member of."""
    entrances = await services.accounts.my_organizations(caller)
    return ListOf(
        data=[
            MembershipAnswer(
                organization=render_organization(entrance.organization),
                role=entrance.member.role.value,
                status=entrance.member.status.value,
            )
            for entrance in entrances
            if entrance.member is not None
        ]
    )


@router.get("/me/sessions", operation_id=Operation.LIST_MY_SESSIONS, responses=problems(401, 403))
async def list_my_sessions(caller: CallerDep, services: ServicesDep) -> ListOf[SessionAnswer]:
    """The caller's living sessions, newest first."""
    current = caller.principal.id if caller.principal else ""
    return ListOf(data=[render_session(session, current) for session in await services.accounts.my_sessions(caller)])


@router.delete(
    "/me/sessions", status_code=204, operation_id=Operation.REVOKE_MY_OTHER_SESSIONS, responses=problems(401, 403)
)
async def revoke_my_other_sessions(caller: CallerDep, services: ServicesDep) -> None:
    """End all of the caller's sessions but the one that asks."""
    await services.accounts.revoke_my_other_sessions(caller)


@router.delete(
    "/me/sessions/{session_id}",
    status_code=204,
    operation_id=Operation.REVOKE_MY_SESSION,
    responses=problems(401, 403, 404),
)
async def revoke_my_session(session_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """End one of the caller's sessions."""
    await services.accounts.revoke_my_session(caller, session_id)


@router.post("/me/password", operation_id=Operation.CHANGE_PASSWORD, responses=problems(401, 403, 422, 429))
async def change_password(body: PasswordChange, caller: CallerDep, services: ServicesDep) -> SignedInAnswer:
    """Replace the password: other sessions end, and this one goes on with a new token, the old one being void."""
    return render_signed_in(await services.passwords.change(caller, current=body.current, new=body.new))


@router.post(
    "/me/email", status_code=202, operation_id=Operation.CHANGE_EMAIL, responses=problems(401, 403, 409, 422, 429)
)
async def change_email(body: EmailChangeRequest, caller: CallerDep, services: ServicesDep) -> None:
    """Sign in by another address: both get a mail, and when both agree it is changed and every session ends.

    409 `email_managed_by_organization` where an organization of yours with single sign-on has verified either domain.
    """
    await services.email_changes.request(caller, body.email)


@router.post("/auth/confirm-email", operation_id=Operation.CONFIRM_EMAIL, responses=problems(409, 422, 429))
async def confirm_email(body: TokenRequest, client: ClientDep, services: ServicesDep) -> EmailChangedAnswer:
    """Agree to a change of address, for the mailbox the token was sent to."""
    return EmailChangedAnswer(changed=await services.email_changes.confirm(body.token, client))
