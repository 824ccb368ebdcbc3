"""Metadata that waits for an administrator, as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select
from sqlalchemy.dialects.postgresql import insert

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.tables import staged_metadata
from ostiary.domain.connection import Binding, Certificate, IdentityProvider
from ostiary.domain.idp_metadata import StagedMetadata


def certificate_values(certificate: Certificate) -> dict[str, str]:
    """A certificate as JSON."""
    return {
        "fingerprint_sha256": certificate.fingerprint_sha256,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "der_base64": certificate.der_base64,
    }


def read_certificate(values: Mapping[str, str]) -> Certificate:
    """The certificate `certificate_values` made this of."""
    return Certificate(
        fingerprint_sha256=values["fingerprint_sha256"],
        not_before=datetime.fromisoformat(values["not_before"]),
        not_after=datetime.fromisoformat(values["not_after"]),
        der_base64=values["der_base64"],
    )


def _values(idp: IdentityProvider) -> dict[str, Any]:
    return {
        "entity_id": idp.entity_id,
        "sso_url": idp.sso_url,
        "sso_binding": idp.sso_binding,
        "slo_url": idp.slo_url,
        "slo_binding": idp.slo_binding,
        "slo_response_url": idp.slo_response_url,
        "certificates": [certificate_values(certificate) for certificate in idp.certificates],
    }


def _staged(row: Row[Any]) -> StagedMetadata:
    values = row.idp
    return StagedMetadata(
        organization_id=row.organization_id,
        connection_id=row.connection_id,
        idp=IdentityProvider(
            entity_id=values["entity_id"],
            sso_url=values["sso_url"],
            sso_binding=Binding(values["sso_binding"]),
            slo_url=values["slo_url"],
            slo_binding=Binding(values["slo_binding"]),
            slo_response_url=values["slo_response_url"],
            certificates=tuple(read_certificate(item) for item in values["certificates"]),
        ),
        found_at=row.found_at,
        discarded_at=row.discarded_at,
    )


def _one(organization_id: str, connection_id: str) -> ColumnElement[bool]:
    table = staged_metadata.c
    return (table.organization_id == organization_id) & (table.connection_id == connection_id)


class StagedDocuments(Repository):
    """At most one document a connection."""

    async def put(self, staged: StagedMetadata) -> None:
        """Store it, in place of what waited before."""
        changing = {
            "idp": _values(staged.idp),
            "found_at": staged.found_at,
            "discarded_at": staged.discarded_at,
        }
        await self._execute(
            insert(staged_metadata)
            .values(organization_id=staged.organization_id, connection_id=staged.connection_id, **changing)
            .on_conflict_do_update(index_elements=["organization_id", "connection_id"], set_=changing)
        )

    async def get(self, organization_id: str, connection_id: str) -> StagedMetadata | None:
        """What waits, or was discarded."""
        row = await self._first(select(staged_metadata).where(_one(organization_id, connection_id)))
        return None if row is None else _staged(row)

    async def all(self, organization_id: str) -> Mapping[str, StagedMetadata]:
        """The same of all the organization's connections, by their ids."""
        rows = await self._execute(select(staged_metadata).where(staged_metadata.c.organization_id == organization_id))
        return {row.connection_id: _staged(row) for row in rows}

    async def delete(self, organization_id: str, connection_id: str) -> None:
        """Forget it."""
        await self._execute(delete(staged_metadata).where(_one(organization_id, connection_id)))
