"""`/v1/organizations/{org}/directory/requests`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, list_of
from ostiary.api.routing import Routes
from ostiary.domain.directory_request import DirectoryRequest
from ostiary.domain.operation import Operation
from ostiary.domain.scim_quirks import READ_AS, Quirk
from ostiary.services.ports.directory_requests import RequestFilter

router = Routes(prefix="/v1/organizations/{org}/directory/requests", tags=["directory"])


class QuirkAnswer(Answer):
    """Where the request departs from SCIM, and how it was read."""

    name: Quirk
    read_as: str


class DirectoryRequestAnswer(Answer):
    """A request of the identity provider, and what it was answered."""

    id: str = Field(examples=["req_01h455vb4pex5vsknk084sn02q"])
    at: datetime
    method: str = Field(examples=["PATCH"])
    path: str = Field(description="After the SCIM base URL.", examples=["/Users/mem_01h455vb4pex5vsknk084sn02q"])
    query: str | None = Field(examples=['filter=userName eq "ada@acme.test"'])
    status: int = Field(examples=[409])
    scim_type: str | None = Field(description="Why it was refused, in SCIM's word.", examples=["uniqueness"])
    detail: str | None = Field(description="Why it was refused, as the identity provider was told.")
    duration_ms: int = Field(description="Of a write that succeeded, until it was committed.")
    request_id: str | None
    user_agent: str | None = Field(examples=["Okta SCIM Client 1.0.0"])
    resource_type: str | None = Field(examples=["User"])
    resource_id: str | None = Field(examples=["mem_01h455vb4pex5vsknk084sn02q"])
    found: int | None = Field(description="How many resources a list's filter matched.")
    body: Any = Field(description="What was sent, without secrets; long texts and lists are cut short.")
    quirks: list[QuirkAnswer]
    unknown_attributes: list[str] = Field(
        description="Attributes that no schema declares and no setting of the directory names: stored, sent back, and "
        "without any effect.",
        examples=[["planetscale_role"]],
    )
    missed_before: int = Field(description="Reads before this one that were not kept: too many came at once.")


def _render(request: DirectoryRequest) -> DirectoryRequestAnswer:
    return DirectoryRequestAnswer(
        id=request.id,
        at=request.at,
        method=request.method,
        path=request.path,
        query=request.query,
        status=request.status,
        scim_type=request.scim_type,
        detail=request.detail,
        duration_ms=request.duration_ms,
        request_id=request.request_id,
        user_agent=request.user_agent,
        resource_type=request.resource_type,
        resource_id=request.resource_id,
        found=request.found,
        body=request.body,
        quirks=[QuirkAnswer(name=quirk, read_as=READ_AS[quirk]) for quirk in request.quirks],
        unknown_attributes=list(request.unknown_attributes),
        missed_before=request.missed_before,
    )


@router.get("", operation_id=Operation.LIST_DIRECTORY_REQUESTS, responses=problems(401, 403, 404, 422))
async def list_directory_requests(
    org: OrgPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    resource_type: Annotated[Literal["User", "Group"] | None, Query()] = None,
    resource_id: Annotated[
        str | None, Query(max_length=64, description="Only requests about this member or team.")
    ] = None,
    refused: Annotated[bool | None, Query(description="Only those refused (true), or only the others.")] = None,
) -> ListOf[DirectoryRequestAnswer]:
    """What the identity provider sent in the last seven days, newest first; reads appear after some seconds."""
    wanted = RequestFilter(resource_type=resource_type, resource_id=resource_id, refused=refused)
    return list_of(await services.directory_requests.list(caller, org, wanted, page), _render)
