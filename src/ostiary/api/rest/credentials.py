"""Database credentials: made at a database, listed and revoked over the organization, verified by anybody."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Path, Query
from pydantic import Field, model_validator

from ostiary.api.deps import CallerDep, ClientDep, PageDep, ServicesDep
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.databases import DatabasePath
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.database import Credential
from ostiary.domain.operation import Operation
from ostiary.services.ports.databases import CredentialFilter

router = Routes(route_class=CreatingRoute, prefix="/v1", tags=["credentials"])

CredentialPath = Annotated[
    str, Path(max_length=64, description="The credential's id.", examples=["cred_01h455vb4pex5vsknk084sn02q"])
]


class NewCredentialRequest(Request):
    """A new credential."""

    name: str = Field(examples=["orders-api"])


class CredentialCheck(Request):
    """A user name and secret as a client presented them."""

    username: str = Field(max_length=128, examples=["cred_01h455vb4pex5vsknk084sn02q"])
    secret: str = Field(max_length=256, examples=["ost_db_…"])


class CreatorAnswer(Answer):
    """Who made a credential, a person or a service account; kept when they are gone."""

    id: str | None = Field(examples=["usr_01h455vb4pex5vsknk084sn02q"])
    email: str | None = Field(description="Null for a service account.", examples=["cy@acme.test"])
    service_account: str | None = Field(description="Its name; null for a person.", examples=[None])


class CredentialAnswer(Answer):
    """A database credential. It belongs to the organization and outlives its creator's membership."""

    id: str = Field(examples=["cred_01h455vb4pex5vsknk084sn02q"])
    database_id: str = Field(examples=["db_01h455vb4pex5vsknk084sn02q"])
    name: str = Field(examples=["orders-api"])
    username: str = Field(examples=["cred_01h455vb4pex5vsknk084sn02q"])
    created_by: CreatorAnswer
    creator_removed: bool = Field(description="The creator is no member any more, or no service account.")
    created_at: datetime


class NewCredentialAnswer(CredentialAnswer):
    """A new credential. `secret` is shown this once."""

    secret: str = Field(examples=["ost_db_…"])


class Revocation(Request):
    """Which credentials to stop: those named, or all whose creator was removed."""

    ids: list[str] | None = Field(
        default=None, min_length=1, max_length=1000, examples=[["cred_01h455vb4pex5vsknk084sn02q"]]
    )
    creator_removed: Literal[True] | None = Field(
        default=None,
        description="All whose creator is no member any more: `GET …/credentials?creator_removed=true`.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.creator_removed is None):
            raise ValueError("Send either ids or creator_removed: true.")
        return self


class RevokedAnswer(Answer):
    """What was stopped."""

    revoked: int = Field(description="How many credentials no longer open anything.", examples=[3])


class VerdictAnswer(Answer):
    """Whether user name and secret open a database; the other fields are null where they do not."""

    active: bool
    database_id: str | None = Field(default=None, examples=["db_01h455vb4pex5vsknk084sn02q"])
    created_by: CreatorAnswer | None = None


def _creator(credential: Credential) -> CreatorAnswer:
    known_as = credential.created_by_email
    if credential.is_by_service_account:
        return CreatorAnswer(id=credential.created_by, email=None, service_account=known_as)
    return CreatorAnswer(id=credential.created_by, email=known_as, service_account=None)


def _render_credential(credential: Credential) -> CredentialAnswer:
    return CredentialAnswer(
        id=credential.id,
        database_id=credential.database_id,
        name=credential.name,
        username=credential.username,
        created_by=_creator(credential),
        creator_removed=credential.creator_removed,
        created_at=credential.created_at,
    )


@router.post(
    "/organizations/{org}/databases/{database_id}/credentials",
    status_code=201,
    operation_id=Operation.CREATE_CREDENTIAL,
    responses=problems(401, 403, 404, 422),
)
async def create_credential(
    org: OrgPath, database_id: DatabasePath, body: NewCredentialRequest, caller: CallerDep, services: ServicesDep
) -> NewCredentialAnswer:
    """Make a credential; for the database's administrators and the organization's."""
    made = await services.credentials.create(caller, org, database_id, body.name)
    return NewCredentialAnswer(**dict(_render_credential(made.credential)), secret=made.secret)


@router.get(
    "/organizations/{org}/databases/{database_id}/credentials",
    operation_id=Operation.LIST_CREDENTIALS,
    responses=problems(401, 403, 404, 422),
)
async def list_credentials(
    org: OrgPath, database_id: DatabasePath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[CredentialAnswer]:
    """The living credentials of one database, oldest first."""
    return list_of(await services.credentials.of_database(caller, org, database_id, page), _render_credential)


@router.get(
    "/organizations/{org}/credentials",
    operation_id=Operation.LIST_ORGANIZATION_CREDENTIALS,
    responses=problems(401, 403, 404, 422),
)
async def list_organization_credentials(
    org: OrgPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    creator_removed: Annotated[
        bool | None, Query(description="Only those whose creator is (true) or is not (false) gone.")
    ] = None,
) -> ListOf[CredentialAnswer]:
    """The living credentials of all databases, oldest first."""
    matching = CredentialFilter(creator_removed=creator_removed)
    return list_of(await services.credentials.of_organization(caller, org, matching, page), _render_credential)


@router.delete(
    "/organizations/{org}/credentials/{credential_id}",
    status_code=204,
    operation_id=Operation.REVOKE_CREDENTIAL,
    responses=problems(401, 403, 404),
)
async def revoke_credential(
    org: OrgPath, credential_id: CredentialPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Stop a credential at once; for its database's administrators and the organization's."""
    await services.credentials.revoke(caller, org, credential_id)


@router.post(
    "/organizations/{org}/credentials/revoke",
    operation_id=Operation.REVOKE_CREDENTIALS,
    responses=problems(401, 403, 404, 422),
)
async def revoke_credentials(org: OrgPath, body: Revocation, caller: CallerDep, services: ServicesDep) -> RevokedAnswer:
    """Stop many credentials at once: all of them, or where an id names none that lives, none."""
    revoked = await services.credentials.revoke_all(caller, org, body.ids)
    return RevokedAnswer(revoked=len(revoked))


@router.post("/credentials/verify", operation_id=Operation.VERIFY_CREDENTIAL, responses=problems(422, 429))
async def verify_credential(body: CredentialCheck, client: ClientDep, services: ServicesDep) -> VerdictAnswer:
    """Whether user name and secret open a database. A wrong secret, an unknown and a revoked one look alike."""
    found = await services.credentials.verify(username=body.username, secret=body.secret, client=client)
    if found is None:
        return VerdictAnswer(active=False)
    return VerdictAnswer(active=True, database_id=found.database_id, created_by=_creator(found))
