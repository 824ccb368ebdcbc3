"""`/v1/organizations/{org}/teams`."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.members import MemberPath
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.membership import ManagedBy
from ostiary.domain.operation import Operation
from ostiary.domain.team import Team

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/teams", tags=["teams"])

TeamPath = Annotated[
    str, Path(max_length=64, description="The team's id.", examples=["team_01h455vb4pex5vsknk084sn02q"])
]


class TeamName(Request):
    """A team's name."""

    name: str = Field(examples=["Platform"])


class TeamAnswer(Answer):
    """A team. List its members at `/members?team_id=`."""

    id: str = Field(examples=["team_01h455vb4pex5vsknk084sn02q"])
    name: str = Field(examples=["Platform"])
    managed_by: ManagedBy
    external_id: str | None = Field(description="The identity provider's name for the group behind the team.")
    created_at: datetime


def _render_team(team: Team) -> TeamAnswer:
    return TeamAnswer(
        id=team.id,
        name=team.name,
        managed_by=team.managed_by,
        external_id=team.external_id,
        created_at=team.created_at,
    )


@router.post("", status_code=201, operation_id=Operation.CREATE_TEAM, responses=problems(401, 403, 404, 409, 422))
async def create_team(org: OrgPath, body: TeamName, caller: CallerDep, services: ServicesDep) -> TeamAnswer:
    """Make a team. 409 `directory_managed` while Directory Sync is on, as for every change of a team."""
    return _render_team(await services.teams.create(caller, org, body.name))


@router.get("", operation_id=Operation.LIST_TEAMS, responses=problems(401, 403, 404, 422))
async def list_teams(org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep) -> ListOf[TeamAnswer]:
    """The teams, oldest first."""
    return list_of(await services.teams.list(caller, org, page), _render_team)


@router.get("/{team_id}", operation_id=Operation.GET_TEAM, responses=tagged(401, 403, 404))
async def get_team(
    org: OrgPath, team_id: TeamPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> TeamAnswer:
    """One team."""
    return _render_team(tag(await services.teams.get(caller, org, team_id)))


@router.patch("/{team_id}", operation_id=Operation.UPDATE_TEAM, responses=problems(401, 403, 404, 409, 412, 422))
async def update_team(
    org: OrgPath, team_id: TeamPath, body: TeamName, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> TeamAnswer:
    """Change the name."""
    return _render_team(tag(await services.teams.rename(caller, org, team_id, body.name)))


@router.delete(
    "/{team_id}", status_code=204, operation_id=Operation.DELETE_TEAM, responses=problems(401, 403, 404, 409, 412)
)
async def delete_team(org: OrgPath, team_id: TeamPath, caller: CallerDep, services: ServicesDep) -> None:
    """Delete the team; its members stay members of the organization."""
    await services.teams.delete(caller, org, team_id)


@router.put(
    "/{team_id}/members/{member_id}",
    status_code=204,
    operation_id=Operation.ADD_TEAM_MEMBER,
    responses=problems(401, 403, 404, 409),
)
async def add_team_member(
    org: OrgPath, team_id: TeamPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Put a member into the team; harmless where they are in it."""
    await services.teams.add_member(caller, org, team_id, member_id)


@router.delete(
    "/{team_id}/members/{member_id}",
    status_code=204,
    operation_id=Operation.REMOVE_TEAM_MEMBER,
    responses=problems(401, 403, 404, 409),
)
async def remove_team_member(
    org: OrgPath, team_id: TeamPath, member_id: MemberPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Take a member out of the team; harmless where they are not in it."""
    await services.teams.remove_member(caller, org, team_id, member_id)
