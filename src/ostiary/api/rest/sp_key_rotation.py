"""`/v1/organizations/{org}/connections/{connection_id}/rotate-sp-key`."""

from pydantic import Field

from ostiary.api.deps import CallerDep, ServicesDep
from ostiary.api.etags import TagDep
from ostiary.api.problems import problems
from ostiary.api.rest.connections import ConnectionAnswer, render_connection
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Request
from ostiary.api.routing import Routes
from ostiary.domain.connection import KeyRotationStep
from ostiary.domain.operation import Operation

router = Routes(prefix="/v1/organizations/{org}/connections/{connection_id}", tags=["connections"])


class KeyRotation(Request):
    """The next step of a rotation."""

    step: KeyRotationStep = Field(default=KeyRotationStep.BEGIN)


@router.post(
    "/rotate-sp-key",
    operation_id=Operation.ROTATE_SP_KEY,
    responses=problems(401, 403, 404, 409, 412, 422),
)
async def rotate_sp_key(
    org: OrgPath,
    connection_id: str,
    caller: CallerDep,
    services: ServicesDep,
    tag: TagDep,
    body: KeyRotation | None = None,
) -> ConnectionAnswer:
    """Give the connection another key of ours without a gap.

    `begin` publishes the new certificate (`sp.next_certificate`, and in the metadata) beside the old one; give it to
    the identity provider. `complete` signs with it from then on; what is encrypted for the old one is decrypted for 30
    days more. `cancel` drops the new one. 409 `no_key_rotation` where none was begun.
    """
    view = await services.sp_key_rotation.rotate(caller, org, connection_id, (body or KeyRotation()).step)
    return render_connection(tag(view), services.urls)
