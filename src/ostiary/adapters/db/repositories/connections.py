"""SAML connections of one organization, and our keys for them."""

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, any_, delete, exists, insert, or_, select, true, tuple_, update

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import Repository, given, page_of
from ostiary.adapters.db.repositories.domains import admitting
from ostiary.adapters.db.repositories.organizations import HOLD, in_living, read_organization
from ostiary.adapters.db.repositories.sign_ins import read_flow, read_trace
from ostiary.adapters.db.repositories.staged_metadata import certificate_values, read_certificate
from ostiary.adapters.db.tables import (
    connections,
    domains,
    organizations,
    sessions,
    sign_in_flows,
    sign_in_traces,
    sp_keys,
)
from ostiary.domain.connection import (
    AttributeMapping,
    Binding,
    Connection,
    ConnectionStatus,
    IdentityProvider,
    NameIdFormat,
    Provider,
    identity_provider_tenant,
)
from ostiary.domain.organization import Organization
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.sso import Arriving, DiscoveredConnection, StoredSpKey


def _connection(row: Row[Any]) -> Connection:
    return Connection(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        provider=Provider(row.provider),
        status=ConnectionStatus(row.status),
        created_at=row.created_at,
        idp=_identity_provider(row),
        metadata_url=row.metadata_url,
        metadata_refreshed_at=row.metadata_refreshed_at,
        domain_ids=tuple(row.domain_ids),
        attribute_mapping=AttributeMapping(**row.attribute_mapping),
        name_id_format=NameIdFormat(row.name_id_format) if row.name_id_format else None,
        allow_idp_initiated=row.allow_idp_initiated,
        sign_requests=row.sign_requests,
        want_assertions_encrypted=row.want_assertions_encrypted,
        allow_sha1=row.allow_sha1,
        allow_aes_cbc=row.allow_aes_cbc,
        clock_skew=timedelta(seconds=row.clock_skew_seconds),
        idp_changed_at=row.idp_changed_at,
        tested_at=row.tested_at,
        metadata_due_at=row.metadata_due_at,
        metadata_failing_since=row.metadata_failing_since,
        metadata_error=row.metadata_error,
        expiry_warning_due_at=row.expiry_warning_due_at,
        sp_key_id=row.sp_key_id,
        next_sp_key_id=row.next_sp_key_id,
    )


def _identity_provider(row: Row[Any]) -> IdentityProvider | None:
    if row.idp_entity_id is None:
        return None
    return IdentityProvider(
        entity_id=row.idp_entity_id,
        sso_url=row.idp_sso_url,
        sso_binding=Binding(row.idp_sso_binding),
        slo_url=row.idp_slo_url,
        slo_binding=Binding(row.idp_slo_binding or Binding.REDIRECT),
        slo_response_url=row.idp_slo_response_url,
        certificates=tuple(read_certificate(item) for item in row.idp_certificates),
    )


def _values(connection: Connection) -> dict[str, Any]:
    idp, mapping = connection.idp, connection.attribute_mapping
    names = {"id": mapping.id, "email": mapping.email, "first_name": mapping.first_name, "last_name": mapping.last_name}
    return {
        "name": connection.name,
        "provider": connection.provider,
        "status": connection.status,
        "idp_entity_id": idp.entity_id if idp else None,
        "idp_tenant": identity_provider_tenant(connection.provider, idp) if idp else None,
        "idp_sso_url": idp.sso_url if idp else None,
        "idp_sso_binding": idp.sso_binding if idp else None,
        "idp_slo_url": idp.slo_url if idp else None,
        "idp_slo_binding": idp.slo_binding if idp else None,
        "idp_slo_response_url": idp.slo_response_url if idp else None,
        "idp_certificates": [certificate_values(certificate) for certificate in idp.certificates] if idp else [],
        "metadata_url": connection.metadata_url,
        "metadata_refreshed_at": connection.metadata_refreshed_at,
        "domain_ids": list(connection.domain_ids),
        "attribute_mapping": {ours: theirs for ours, theirs in names.items() if theirs is not None},
        "name_id_format": connection.name_id_format,
        "allow_idp_initiated": connection.allow_idp_initiated,
        "sign_requests": connection.sign_requests,
        "want_assertions_encrypted": connection.want_assertions_encrypted,
        "allow_sha1": connection.allow_sha1,
        "allow_aes_cbc": connection.allow_aes_cbc,
        "clock_skew_seconds": int(connection.clock_skew.total_seconds()),
        "idp_changed_at": connection.idp_changed_at,
        "metadata_due_at": connection.metadata_due_at,
        "metadata_failing_since": connection.metadata_failing_since,
        "metadata_error": connection.metadata_error,
        "expiry_warning_due_at": connection.expiry_warning_due_at,
        "sp_key_id": connection.sp_key_id,
        "next_sp_key_id": connection.next_sp_key_id,
    }


def _one(organization_id: str, connection_id: str) -> ColumnElement[bool]:
    return (connections.c.organization_id == organization_id) & (connections.c.id == connection_id)


_BY_ID = select(connections).where(
    connections.c.organization_id == given(connections.c.organization_id), connections.c.id == given(connections.c.id)
)
_READ, _LOCK = Prepared(_BY_ID), Prepared(_BY_ID.with_for_update(key_share=True))
_WHOSEVER = Prepared(
    select(connections).where(connections.c.id == given(connections.c.id), in_living(connections.c.organization_id))
)
_ARRIVED = (
    select(
        connections, *(column.label(f"organization_{column.key}") for column in organizations.c if column.key != "id")
    )
    .join(organizations, organizations.c.id == connections.c.organization_id)
    .where(connections.c.id == given(connections.c.id), organizations.c.deleted_at.is_(None))
)
# A row for each key of the organization, of which there are few. Another organization's flow is nobody's here; of
# another connection's only the refusal is told, on a trace of the connection it came to.
_ARRIVING = Prepared(
    _ARRIVED.add_columns(
        *(column.label(f"key_{column.key}") for column in sp_keys.c),
        *(column.label(f"flow_{column.key}") for column in sign_in_flows.c),
        *(column.label(f"trace_{column.key}") for column in sign_in_traces.c),
    )
    .outerjoin(sp_keys, sp_keys.c.organization_id == connections.c.organization_id)
    .outerjoin(
        sign_in_flows,
        (sign_in_flows.c.organization_id == connections.c.organization_id)
        & (sign_in_flows.c.relay_state_hash == given(sign_in_flows.c.relay_state_hash)),
    )
    .outerjoin(
        sign_in_traces,
        (sign_in_traces.c.organization_id == sign_in_flows.c.organization_id)
        & (sign_in_traces.c.id == sign_in_flows.c.trace_id)
        & (sign_in_flows.c.connection_id == connections.c.id),
    )
    .order_by(sp_keys.c.id.desc())
)
_ENTERED = Prepared(_ARRIVED.where(connections.c.organization_id == given(connections.c.organization_id)))
_KEYS = Prepared(
    select(sp_keys).where(sp_keys.c.organization_id == given(sp_keys.c.organization_id)).order_by(sp_keys.c.id.desc())
)


class Connections(Repository):
    """SAML connections of one organization."""

    async def add(self, connection: Connection) -> None:
        """Store a new connection."""
        await self._execute(
            insert(connections).values(
                organization_id=connection.organization_id,
                id=connection.id,
                created_at=connection.created_at,
                **_values(connection),
            )
        )

    async def get(self, organization_id: str, connection_id: str, *, lock: bool = False) -> Connection | None:
        """The connection, its row locked if asked."""
        row = await self._first(_LOCK if lock else _READ, {"organization_id": organization_id, "id": connection_id})
        return None if row is None else _connection(row)

    async def whosever(self, connection_id: str) -> Connection | None:
        """The connection of any living organization: browsers and identity providers name the connection alone."""
        row = await self._first(_WHOSEVER, {"id": connection_id})
        return None if row is None else _connection(row)

    async def arriving(self, connection_id: str, relay_state_hash: bytes | None) -> Arriving | None:
        """As `whosever`, with what else an answer is looked at with."""
        named = {"id": connection_id, "relay_state_hash": relay_state_hash}
        rows = (await self._execute(_ARRIVING, named)).all()
        if not rows:
            return None
        row = rows[0]
        return Arriving(
            read_organization(row, "organization_"),
            _connection(row),
            keys=tuple(_key(row, "key_") for row in rows if row.key_id is not None),
            flow=None if row.flow_request_id is None else read_flow(row, "flow_"),
            trace=None if row.trace_id is None else read_trace(row, "trace_"),
        )

    async def enter(
        self, organization_id: str, connection_id: str, lock: Lock
    ) -> tuple[Organization, Connection] | None:
        """The connection with its organization, if that is not deleted, as both are under the organization's lock."""
        await self._transaction.hold(HOLD[lock], {"organization_id": organization_id})
        row = await self._first(_ENTERED, {"organization_id": organization_id, "id": connection_id})
        return None if row is None else (read_organization(row, "organization_"), _connection(row))

    async def all(self, organization_id: str) -> tuple[Connection, ...]:
        """Every connection of the organization."""
        rows = await self._execute(
            select(connections).where(connections.c.organization_id == organization_id).order_by(connections.c.id)
        )
        return tuple(_connection(row) for row in rows)

    async def list(self, organization_id: str, page: PageRequest) -> Page[Connection]:
        """Connections, oldest first."""
        statement = select(connections).where(connections.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(connections.c.id > page.after)
        rows = (await self._execute(statement.order_by(connections.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _connection, lambda row: row.id)

    async def save(self, connection: Connection) -> None:
        """Store every changeable field of a connection read before; a test that passed meanwhile is kept."""
        await self._execute(
            update(connections).where(_one(connection.organization_id, connection.id)).values(_values(connection))
        )

    async def delete(self, organization_id: str, connection_id: str) -> None:
        """Delete it, and its identities and sessions with it."""
        await self._execute(
            delete(sessions).where(
                sessions.c.organization_id == organization_id, sessions.c.connection_id == connection_id
            )
        )
        await self._execute(delete(connections).where(_one(organization_id, connection_id)))

    async def claim_metadata(self, now: datetime, until: datetime, *, limit: int) -> tuple[Connection, ...]:
        """Connections of all living organizations whose metadata is due; nobody else is given them `until` then."""
        return await self._claim(connections.c.metadata_due_at, true(), now, until, limit)

    async def claim_expiring(self, now: datetime, until: datetime, *, limit: int) -> tuple[Connection, ...]:
        """Active connections of all living organizations of whose certificates' end is to be told, in the same way."""
        active = connections.c.status == ConnectionStatus.ACTIVE
        return await self._claim(connections.c.expiry_warning_due_at, active, now, until, limit)

    async def _claim(
        self, moment: Column[datetime], which: ColumnElement[bool], now: datetime, until: datetime, limit: int
    ) -> tuple[Connection, ...]:
        due = (
            select(connections.c.organization_id, connections.c.id)
            .where(moment <= now, which, in_living(connections.c.organization_id))
            .order_by(moment)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
            .cte("due")
        )
        rows = await self._execute(
            update(connections)
            .where(tuple_(connections.c.organization_id, connections.c.id).in_(select(due.c.organization_id, due.c.id)))
            .values({moment: until})
            .returning(connections)
        )
        return tuple(_connection(row) for row in rows)

    async def mark_tested(self, organization_id: str, connection_id: str, at: datetime) -> None:
        """Remember a passed test sign-in (R4)."""
        await self._execute(update(connections).where(_one(organization_id, connection_id)).values(tested_at=at))

    async def discover(self, domain: str, now: datetime) -> tuple[DiscoveredConnection, ...]:
        """The SSO-enabled organizations that verified the domain and sign it in, over all organizations (R26)."""
        rows = await self._execute(
            select(
                organizations.c.id.label("organization_id"),
                organizations.c.slug,
                organizations.c.name,
                connections.c.id.label("connection_id"),
            )
            .select_from(
                domains.join(organizations, organizations.c.id == domains.c.organization_id).join(
                    connections,
                    (connections.c.organization_id == domains.c.organization_id)
                    & (domains.c.id == any_(connections.c.domain_ids)),
                )
            )
            .where(
                domains.c.name == domain,
                admitting(domains, now),
                organizations.c.sso_enabled,
                organizations.c.deleted_at.is_(None),
                connections.c.status == ConnectionStatus.ACTIVE,
            )
            .order_by(organizations.c.name, organizations.c.id, connections.c.id)
            .limit(50)
        )
        return tuple(DiscoveredConnection(row.organization_id, row.slug, row.name, row.connection_id) for row in rows)


def _key(row: Row[Any], prefix: str = "") -> StoredSpKey:
    return StoredSpKey(*(getattr(row, f"{prefix}{field.name}") for field in fields(StoredSpKey)))


class SpKeys(Repository):
    """Our SAML keys, per organization."""

    async def add(self, key: StoredSpKey) -> None:
        """Store a new key."""
        await self._execute(
            insert(sp_keys).values(
                organization_id=key.organization_id,
                id=key.id,
                certificate_pem=key.certificate_pem,
                sealed_private_key=key.sealed_private_key,
                created_at=key.created_at,
            )
        )

    async def all(self, organization_id: str) -> tuple[StoredSpKey, ...]:
        """The organization's keys, newest first, those retired among them."""
        rows = await self._execute(_KEYS, {"organization_id": organization_id})
        return tuple(_key(row) for row in rows)

    async def retire_unused(self, organization_id: str, at: datetime) -> None:
        """Mark the keys no connection signs with or is to sign with."""
        in_use = exists().where(
            connections.c.organization_id == organization_id,
            or_(connections.c.sp_key_id == sp_keys.c.id, connections.c.next_sp_key_id == sp_keys.c.id),
        )
        await self._execute(
            update(sp_keys)
            .where(sp_keys.c.organization_id == organization_id, sp_keys.c.retired_at.is_(None), ~in_use)
            .values(retired_at=at)
        )
