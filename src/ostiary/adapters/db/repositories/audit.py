"""Audit events of one organization."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Insert, Row, func, insert, literal, select, true

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import AnySelect, Repository, given, page_of
from ostiary.adapters.db.tables import audit_events, webhook_deliveries, webhooks
from ostiary.adapters.db.tables.base import TypeId
from ostiary.domain import ids
from ostiary.domain.audit import ActorKind, AuditActor, AuditEvent
from ostiary.domain.webhook import DeliveryStatus, patterns_for
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import AuditFilter, Tell


def read_event(row: Row[Any]) -> AuditEvent:
    """The event of a row of `audit_events`."""
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

    async def record(self, event: AuditEvent, tell: Tell) -> None:
        """Store an event, and a delivery of it for each webhook that subscribed to it.

        `tell` is given those webhooks' ids, before the commit. Nothing waits for either: both go with what comes next.
        """

        async def deliver(rows: Sequence[Row[Any]]) -> None:
            await tell([row.webhook_id for row in rows])

        values = _values(event)
        await self._defer(_ADD, values)
        await self._defer(_DELIVER, {**values, "patterns": list(patterns_for(event.action))}, deliver)

    async def record_all(self, events: Sequence[AuditEvent]) -> Sequence[str]:
        """Store many events of one action, as `record` does; answers the ids of the webhooks that subscribed to it."""
        await self._execute_many(_ADD, [_values(event) for event in events])
        event_ids = [event.id for event in events]
        each = func.unnest(literal(event_ids, ARRAY(TypeId(ids.EVENT)))).table_valued("event_id").render_derived()
        # Every webhook is told of every one of them: a product is what is meant.
        subscribed = _subscribed(each.c.event_id).select_from(webhooks.join(each, true()))
        told = {
            "organization_id": events[0].organization_id,
            "at": events[0].at,
            "patterns": list(patterns_for(events[0].action)),
        }
        rows = await self._execute(_deliveries(subscribed).returning(webhook_deliveries.c.webhook_id), told)
        return tuple({row[0] for row in rows})

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
        return page_of(rows, page, read_event, lambda row: row.id)


def _subscribed(event_id: ColumnElement[Any]) -> AnySelect:
    """A delivery to each webhook of the given organization that subscribed to any of the given patterns.

    The webhooks are held against deletion, so that one that goes at the same moment is one that is not told.
    """
    at = given(audit_events.c.at)
    return (
        select(webhooks.c.organization_id, webhooks.c.id, event_id, literal(DeliveryStatus.PENDING.value), at, at)
        .where(
            webhooks.c.organization_id == given(audit_events.c.organization_id),
            webhooks.c.enabled,
            webhooks.c.event_types.overlap(given(webhooks.c.event_types, "patterns")),
        )
        .with_for_update(read=True, key_share=True, of=webhooks)
    )


def _deliveries(subscribed: AnySelect) -> Insert:
    return insert(webhook_deliveries).from_select(
        ["organization_id", "webhook_id", "event_id", "status", "next_attempt_at", "created_at"], subscribed
    )


_ADD = Prepared(insert(audit_events).values({column.key: given(column) for column in audit_events.c}))
_DELIVER = Prepared(_deliveries(_subscribed(given(audit_events.c.id))).returning(webhook_deliveries.c.webhook_id))
