"""`/v1/organizations/{org}/connections/{connection_id}`: its metadata, read again, and what of it waits."""

from datetime import datetime

from pydantic import Field

from ostiary.api.deps import CallerDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.problems import problems
from ostiary.api.rest.connections import ConnectionAnswer, IdpAnswer, render_connection, render_idp
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer
from ostiary.api.routing import Routes
from ostiary.domain.idp_metadata import MetadataChangeKind
from ostiary.domain.operation import Operation
from ostiary.services.connection_book import StagedView

router = Routes(prefix="/v1/organizations/{org}/connections/{connection_id}", tags=["connections"])


class MetadataChangeAnswer(Answer):
    """A change that is not taken over by itself; for a certificate, `before` is its SHA-256 fingerprint."""

    kind: MetadataChangeKind
    before: str | None
    after: str | None


class StagedMetadataAnswer(Answer):
    """Metadata that waits for an administrator."""

    found_at: datetime
    breaking: bool = Field(
        description="It would send people elsewhere or lock them out, so nothing of it was taken over. Otherwise all "
        "of it was, and only certificates it no longer lists wait: they work until they expire."
    )
    changes: list[MetadataChangeAnswer]
    idp: IdpAnswer = Field(description="The identity provider as the metadata describes it.")


def _render_staged(view: StagedView) -> StagedMetadataAnswer:
    return StagedMetadataAnswer(
        found_at=view.staged.found_at,
        breaking=any(change.is_breaking for change in view.changes),
        changes=[MetadataChangeAnswer(kind=item.kind, before=item.before, after=item.after) for item in view.changes],
        idp=render_idp(view.staged.idp, view.metadata_url),
    )


@router.post(
    "/refresh-metadata",
    operation_id=Operation.REFRESH_CONNECTION_METADATA,
    responses=problems(401, 403, 404, 409, 422),
)
async def refresh_connection_metadata(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep
) -> ConnectionAnswer:
    """Read the metadata URL now, as is done every day.

    New certificates are taken, vanished ones kept until they expire. A new issuer, a new sign-in host or metadata
    without a valid certificate is staged instead (`staged_metadata_found_at`, `warnings`), and waits for `apply` or
    `discard`.
    """
    return render_connection(await services.connection_metadata.refresh(caller, org, connection_id), services.urls)


@router.get("/staged-metadata", operation_id=Operation.GET_STAGED_METADATA, responses=tagged(401, 403, 404))
async def get_staged_metadata(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> StagedMetadataAnswer:
    """What the metadata changes and nobody has confirmed; 404 `staged_metadata_not_found` where nothing waits."""
    return _render_staged(tag(await services.connection_metadata.staged(caller, org, connection_id)))


@router.post(
    "/staged-metadata/apply",
    operation_id=Operation.APPLY_STAGED_METADATA,
    responses=problems(401, 403, 404, 409, 412),
)
async def apply_staged_metadata(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ConnectionAnswer:
    """Take the staged metadata over as it is: the connection counts as untested until a test sign-in.

    `If-Match` takes the ETag of `staged-metadata`: what was staged since is not applied unseen. 409 `sso_in_use` where
    nobody could sign in afterwards.
    """
    return render_connection(tag(await services.connection_metadata.apply(caller, org, connection_id)), services.urls)


@router.post(
    "/staged-metadata/discard",
    operation_id=Operation.DISCARD_STAGED_METADATA,
    responses=problems(401, 403, 404, 412),
)
async def discard_staged_metadata(
    org: OrgPath, connection_id: str, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> ConnectionAnswer:
    """Leave the connection as it is; the same metadata is not reported again, other metadata is."""
    return render_connection(tag(await services.connection_metadata.discard(caller, org, connection_id)), services.urls)
