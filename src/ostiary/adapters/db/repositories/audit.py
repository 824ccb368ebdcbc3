"""Audit events of one organization."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select

from ostiary.adapters.db.repositories.base import Repository, page_of
from ostiary.adapters.db.tables import audit_events
from ostiary.domain.audit import ActorKind, AuditActor, AuditEvent
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import AuditFilter


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        id=row.id,
        organization_id=row.organization_id,
        at=row.at,
        actor=AuditActor(ActorKind(row.actor_kind), row.actor_id, row.actor_label),
        action=row.action,
        target_kind=row.target_kind,
        target_id=row.target_id,
        before=row.before,
        after=row.after,
        request_id=row.request_id,
    )


def _values(event: AuditEvent) -> dict[str, Any]:
    return {
        "organization_id": event.organization_id,
        "id": event.id,
        "at": event.at,
        "actor_kind": event.actor.kind,
        "actor_id": event.actor.id,
        "actor_label": event.actor.label,
        "action": event.action,
        "target_kind": event.target_kind,
        "target_id": event.target_id,
        "before": dict(event.before),
        "after": dict(event.after),
        "request_id": event.request_id,
    }


class Audit(Repository):
    """Audit events; they join the transaction they describe (R60)."""

    async def record(self, event: AuditEvent) -> None:
        """Store an event."""
        await self._execute(insert(audit_events).values(_values(event)))

    async def record_all(self, events: Sequence[AuditEvent]) -> None:
        """Store many events."""
        if events:
            await self._execute(insert(audit_events), [_values(event) for event in events])

    async def list(self, organization_id: str, matching: AuditFilter, page: PageRequest) -> Page[AuditEvent]:
        """Events, newest first."""
        statement = select(audit_events).where(audit_events.c.organization_id == organization_id)
        if matching.actor is not None:
            statement = statement.where(audit_events.c.actor_id == matching.actor)
        if matching.action is not None:
            statement = statement.where(audit_events.c.action == matching.action)
        if matching.target is not None:
            statement = statement.where(audit_events.c.target_id == matching.target)
        if matching.since is not None:
            statement = statement.where(audit_events.c.at >= matching.since)
        if matching.until is not None:
            statement = statement.where(audit_events.c.at < matching.until)
        if page.after is not None:
            statement = statement.where(audit_events.c.id < page.after)
        rows = (await self._execute(statement.order_by(audit_events.c.id.desc()).limit(page.limit + 1))).all()
        return page_of(rows, page, _event, lambda row: row.id)
