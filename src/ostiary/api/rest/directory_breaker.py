"""`/v1/organizations/{org}/directory/breaker`."""

from datetime import datetime

from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, list_of
from ostiary.api.routing import Routes
from ostiary.domain.directory_breaker import HeldMember
from ostiary.domain.membership import Role
from ostiary.domain.operation import Operation
from ostiary.services.directory_breaker import BreakerDecided

router = Routes(prefix="/v1/organizations/{org}/directory/breaker", tags=["directory"])


class HeldMemberAnswer(Answer):
    """A member suspended by the breaker, until an administrator decides."""

    member_id: str = Field(examples=["mem_01h455vb4pex5vsknk084sn02q"])
    email: str
    name: str
    role: Role
    held_at: datetime
    is_removal: bool = Field(description="Confirming removes the member; else they stay suspended (on_deactivate).")


class BreakerDecidedAnswer(Answer):
    """What became of those who were held back."""

    members_reactivated: int
    members_removed: int
    members_suspended: int = Field(description="Held back no longer, and suspended still.")


def _render(held: HeldMember) -> HeldMemberAnswer:
    return HeldMemberAnswer(
        member_id=held.member_id,
        email=held.email,
        name=held.name,
        role=Role.ADMINISTRATOR if held.is_administrator else Role.MEMBER,
        held_at=held.held_at,
        is_removal=held.is_removal,
    )


def _render_decided(decided: BreakerDecided) -> BreakerDecidedAnswer:
    return BreakerDecidedAnswer(
        members_reactivated=decided.reactivated, members_removed=decided.removed, members_suspended=decided.suspended
    )


@router.get("/members", operation_id=Operation.LIST_HELD_MEMBERS, responses=problems(401, 403, 404, 422))
async def list_held_members(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[HeldMemberAnswer]:
    """Whom the breaker suspended instead of letting the directory remove them."""
    return list_of(await services.directory_breaker.held(caller, org, page), _render)


@router.post("/undo", operation_id=Operation.UNDO_BREAKER, responses=problems(401, 403, 404, 409))
async def undo_breaker(org: OrgPath, caller: CallerDep, services: ServicesDep) -> BreakerDecidedAnswer:
    """It was a mistake: give everybody held back their access again, with teams and database roles."""
    return _render_decided(await services.directory_breaker.undo(caller, org))


@router.post("/confirm", operation_id=Operation.CONFIRM_BREAKER, responses=problems(401, 403, 404, 409))
async def confirm_breaker(org: OrgPath, caller: CallerDep, services: ServicesDep) -> BreakerDecidedAnswer:
    """It was meant: remove everybody held back, as the directory asked for. This cannot be undone."""
    return _render_decided(await services.directory_breaker.confirm(caller, org))
