"""`/v1/organizations/{org}/directory/remove-unmatched`."""

from pydantic import Field

from ostiary.api.deps import CallerDep, ServicesDep
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer
from ostiary.api.routing import Routes
from ostiary.domain.directory_policy import UnmatchedEffects
from ostiary.domain.operation import Operation

router = Routes(prefix="/v1/organizations/{org}/directory/remove-unmatched", tags=["directory"])


class UnmatchedEffectsAnswer(Answer):
    """What it does to members whom the directory does not know; `GET …/members?unmatched=true` names them."""

    members_removed: int = Field(examples=[12])
    team_memberships_removed: int = Field(examples=[0])
    database_administrators_revoked: int = Field(examples=[2])
    sessions_ended: int = Field(examples=[5])
    credentials_kept: int = Field(description="Database credentials they made, which stay active.", examples=[3])
    administrator_kept: str | None = Field(
        description="The member who stays, because the directory knows no active administrator.",
        examples=["mem_01h455vb4pex5vsknk084sn02q"],
    )


def _render(effects: UnmatchedEffects) -> UnmatchedEffectsAnswer:
    return UnmatchedEffectsAnswer(
        members_removed=effects.members_removed,
        team_memberships_removed=effects.team_memberships_removed,
        database_administrators_revoked=effects.database_administrators_revoked,
        sessions_ended=effects.sessions_ended,
        credentials_kept=effects.credentials_kept,
        administrator_kept=effects.administrator_kept,
    )


@router.post("/preview", operation_id=Operation.PREVIEW_REMOVE_UNMATCHED, responses=problems(401, 403, 404, 409))
async def preview_remove_unmatched(org: OrgPath, caller: CallerDep, services: ServicesDep) -> UnmatchedEffectsAnswer:
    """What removing the members whom the directory does not know would do; changes nothing."""
    return _render(await services.unmatched.preview(caller, org))


@router.post("", operation_id=Operation.REMOVE_UNMATCHED, responses=problems(401, 403, 404, 409))
async def remove_unmatched(org: OrgPath, caller: CallerDep, services: ServicesDep) -> UnmatchedEffectsAnswer:
    """Remove the members from before whom the directory does not know; till then they may sign in."""
    return _render(await services.unmatched.remove(caller, org))
