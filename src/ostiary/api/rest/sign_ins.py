"""`/v1/organizations/{org}/sign-ins`: every SSO attempt; and the client's half of a sign-in."""

from typing import Literal

from pydantic import Field

from ostiary.api.deps import CallerDep, ClientDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.problems import problems
from ostiary.api.rest.auth import EmailRequest, SignedInAnswer, render_signed_in
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.api.traces import SignInAnswer, render_trace
from ostiary.domain.operation import Operation

router = Routes(prefix="/v1", tags=["sign-in"])


class CodeExchange(Request):
    """The code from the redirect, and the verifier whose challenge the sign-in began with."""

    code: str = Field(max_length=256, examples=["ost_code_…"])
    code_verifier: str = Field(min_length=43, max_length=128, description="RFC 7636 §4.1.")


class PasswordMethod(Answer):
    """Sign in with the password."""

    type: Literal["password"] = "password"


class DiscoveredOrganization(Answer):
    """An organization, as far as a stranger may see it."""

    slug: str
    name: str


class SsoMethod(Answer):
    """Sign in through an organization's identity provider."""

    type: Literal["sso"] = "sso"
    organization: DiscoveredOrganization
    connection_id: str
    sign_in_url: str


class DiscoveredMethods(Answer):
    """How to sign in, best first; the same for unknown people of the same domain."""

    methods: list[SsoMethod | PasswordMethod]


@router.post("/auth/discover", operation_id=Operation.DISCOVER, responses=problems(422))
async def discover(body: EmailRequest, services: ServicesDep) -> DiscoveredMethods:
    """How the people of this address's domain sign in."""
    found = await services.sign_in_start.discover(body.email)
    methods: list[SsoMethod | PasswordMethod] = [
        SsoMethod(
            organization=DiscoveredOrganization(slug=item.slug, name=item.name),
            connection_id=item.connection_id,
            sign_in_url=f"{services.urls.sign_in(item.slug)}?connection={item.connection_id}",
        )
        for item in found
    ]
    return DiscoveredMethods(methods=[*methods, PasswordMethod()])


@router.post("/auth/token", operation_id=Operation.EXCHANGE_CODE, responses=problems(422, 429))
async def exchange_code(body: CodeExchange, client: ClientDep, services: ServicesDep) -> SignedInAnswer:
    """Exchange the one-time code of a sign-in for a session. Using it twice revokes the session."""
    return render_signed_in(await services.sign_in_finish.exchange(body.code, body.code_verifier, client))


@router.get(
    "/organizations/{org}/sign-ins", operation_id=Operation.LIST_SIGN_INS, responses=problems(401, 403, 404, 422)
)
async def list_sign_ins(org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep) -> ListOf[SignInAnswer]:
    """Every SSO attempt, newest first."""
    return list_of(await services.sign_in_log.list(caller, org, page), render_trace)


@router.get(
    "/organizations/{org}/sign-ins/{trace_id}", operation_id=Operation.GET_SIGN_IN, responses=tagged(401, 403, 404)
)
async def get_sign_in(
    org: OrgPath, trace_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> SignInAnswer:
    """One attempt, step by step."""
    return render_trace(tag(await services.sign_in_log.get(caller, org, trace_id)))
