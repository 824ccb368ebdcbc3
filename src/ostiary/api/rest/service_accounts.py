"""`/v1/organizations/{org}/service-accounts` and `/tokens`."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Path, Query
from pydantic import AwareDatetime, Field, model_validator

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.membership import Role
from ostiary.domain.operation import Operation
from ostiary.domain.service_account import ServiceAccount, ServiceAccountToken

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}", tags=["service accounts"])

ServiceAccountPath = Annotated[
    str, Path(max_length=64, description="The service account's id.", examples=["svc_01h455vb4pex5vsknk084sn02q"])
]
TokenPath = Annotated[
    str, Path(max_length=64, description="The token's id.", examples=["tok_01h455vb4pex5vsknk084sn02q"])
]


class NewServiceAccount(Request):
    """A new service account."""

    name: str = Field(examples=["Deployments"])
    role: Role = Role.MEMBER


class ServiceAccountChange(Request):
    """What may change of a service account; left out stays."""

    name: str | None = None
    role: Role | None = None


class NewTokenRequest(Request):
    """A new token. Without `expires_at` it lives until it is revoked."""

    name: str = Field(examples=["CI"])
    expires_at: AwareDatetime | None = Field(default=None, examples=["2099-01-01T00:00:00Z"])


class TokenRevocation(Request):
    """Which tokens to stop: those named, or all whose creator was removed."""

    ids: list[str] | None = Field(
        default=None, min_length=1, max_length=1000, examples=[["tok_01h455vb4pex5vsknk084sn02q"]]
    )
    creator_removed: Literal[True] | None = Field(
        default=None, description="All whose creator is no member any more: `GET …/tokens?creator_removed=true`."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.creator_removed is None):
            raise ValueError("Send either ids or creator_removed: true.")
        return self


class MakerAnswer(Answer):
    """Who made it; kept when they are no member any more."""

    id: str = Field(examples=["usr_01h455vb4pex5vsknk084sn02q"])
    email: str = Field(examples=["ada@acme.test"])


class ServiceAccountAnswer(Answer):
    """A caller that is no person. It belongs to the organization and outlives its creator's membership."""

    id: str = Field(examples=["svc_01h455vb4pex5vsknk084sn02q"])
    name: str = Field(examples=["Deployments"])
    role: Role
    created_by: MakerAnswer
    creator_removed: bool = Field(description="The creator is no member of the organization any more.")
    created_at: datetime


class TokenAnswer(Answer):
    """A bearer token of a service account."""

    id: str = Field(examples=["tok_01h455vb4pex5vsknk084sn02q"])
    service_account_id: str = Field(examples=["svc_01h455vb4pex5vsknk084sn02q"])
    name: str = Field(examples=["CI"])
    created_by: MakerAnswer
    creator_removed: bool = Field(description="The creator is no member of the organization any more.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class NewTokenAnswer(TokenAnswer):
    """A new token. `token` is shown this once."""

    token: str = Field(examples=["ost_tok_…"])


class TokensRevokedAnswer(Answer):
    """What was stopped."""

    revoked: int = Field(description="How many tokens no longer open anything.", examples=[3])


def _render(account: ServiceAccount) -> ServiceAccountAnswer:
    return ServiceAccountAnswer(
        id=account.id,
        name=account.name,
        role=account.role,
        created_by=MakerAnswer(id=account.created_by, email=account.created_by_email),
        creator_removed=account.creator_removed,
        created_at=account.created_at,
    )


def _render_token(token: ServiceAccountToken) -> TokenAnswer:
    return TokenAnswer(
        id=token.id,
        service_account_id=token.service_account_id,
        name=token.name,
        created_by=MakerAnswer(id=token.created_by, email=token.created_by_email),
        creator_removed=token.creator_removed,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


@router.post(
    "/service-accounts",
    status_code=201,
    operation_id=Operation.CREATE_SERVICE_ACCOUNT,
    responses=problems(401, 403, 404, 409, 422),
)
async def create_service_account(
    org: OrgPath, body: NewServiceAccount, caller: CallerDep, services: ServicesDep
) -> ServiceAccountAnswer:
    """Make a service account; it has no tokens yet. Only people make them."""
    return _render(await services.service_accounts.create(caller, org, name=body.name, role=body.role))


@router.get("/service-accounts", operation_id=Operation.LIST_SERVICE_ACCOUNTS, responses=problems(401, 403, 404, 422))
async def list_service_accounts(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[ServiceAccountAnswer]:
    """The service accounts, oldest first."""
    return list_of(await services.service_accounts.list(caller, org, page), _render)


@router.get(
    "/service-accounts/{service_account_id}",
    operation_id=Operation.GET_SERVICE_ACCOUNT,
    responses=tagged(401, 403, 404),
)
async def get_service_account(
    org: OrgPath, service_account_id: ServiceAccountPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ServiceAccountAnswer:
    """One service account."""
    return _render(tag(await services.service_accounts.get(caller, org, service_account_id)))


@router.patch(
    "/service-accounts/{service_account_id}",
    operation_id=Operation.UPDATE_SERVICE_ACCOUNT,
    responses=problems(401, 403, 404, 409, 412, 422),
)
async def update_service_account(
    org: OrgPath,
    service_account_id: ServiceAccountPath,
    body: ServiceAccountChange,
    caller: CallerDep,
    services: ServicesDep,
    tag: TagDep,
) -> ServiceAccountAnswer:
    """Change name or role; the role of its tokens changes with it, at once."""
    changed = await services.service_accounts.update(caller, org, service_account_id, name=body.name, role=body.role)
    return _render(tag(changed))


@router.delete(
    "/service-accounts/{service_account_id}",
    status_code=204,
    operation_id=Operation.DELETE_SERVICE_ACCOUNT,
    responses=problems(401, 403, 404, 412),
)
async def delete_service_account(
    org: OrgPath, service_account_id: ServiceAccountPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Delete it; its tokens stop at once."""
    await services.service_accounts.delete(caller, org, service_account_id)


@router.post(
    "/service-accounts/{service_account_id}/tokens",
    status_code=201,
    operation_id=Operation.CREATE_SERVICE_ACCOUNT_TOKEN,
    responses=problems(401, 403, 404, 409, 422),
)
async def create_service_account_token(
    org: OrgPath,
    service_account_id: ServiceAccountPath,
    body: NewTokenRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> NewTokenAnswer:
    """Make a token. With the role of an administrator it opens `/scim/v2` too, while Directory Sync is on."""
    made = await services.service_accounts.create_token(
        caller, org, service_account_id, name=body.name, expires_at=body.expires_at
    )
    return NewTokenAnswer(**dict(_render_token(made.token)), token=made.secret)


@router.get(
    "/service-accounts/{service_account_id}/tokens",
    operation_id=Operation.LIST_SERVICE_ACCOUNT_TOKENS,
    responses=problems(401, 403, 404, 422),
)
async def list_service_account_tokens(
    org: OrgPath, service_account_id: ServiceAccountPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[TokenAnswer]:
    """The tokens of one service account, oldest first; expired ones are shown for 30 days."""
    return list_of(await services.service_accounts.tokens_of(caller, org, service_account_id, page), _render_token)


@router.get("/tokens", operation_id=Operation.LIST_TOKENS, responses=problems(401, 403, 404, 422))
async def list_tokens(
    org: OrgPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    creator_removed: Annotated[
        bool | None, Query(description="Only those whose creator is (true) or is not (false) gone.")
    ] = None,
) -> ListOf[TokenAnswer]:
    """The tokens of all service accounts, oldest first."""
    found = await services.service_accounts.tokens(caller, org, page, creator_removed=creator_removed)
    return list_of(found, _render_token)


@router.delete(
    "/tokens/{token_id}", status_code=204, operation_id=Operation.REVOKE_TOKEN, responses=problems(401, 403, 404)
)
async def revoke_token(org: OrgPath, token_id: TokenPath, caller: CallerDep, services: ServicesDep) -> None:
    """Stop a token at once."""
    await services.service_accounts.revoke(caller, org, token_id)


@router.post("/tokens/revoke", operation_id=Operation.REVOKE_TOKENS, responses=problems(401, 403, 404, 422))
async def revoke_tokens(
    org: OrgPath, body: TokenRevocation, caller: CallerDep, services: ServicesDep
) -> TokensRevokedAnswer:
    """Stop many tokens at once: all of them, or where an id names none, none."""
    revoked = await services.service_accounts.revoke_all(caller, org, body.ids)
    return TokensRevokedAnswer(revoked=len(revoked))
