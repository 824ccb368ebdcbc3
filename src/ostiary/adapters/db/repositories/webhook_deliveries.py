"""Events on their way to one organization's webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ostiary.adapters.db.repositories.audit import read_event
from ostiary.adapters.db.repositories.base import AnySelect, Repository, page_of
from ostiary.adapters.db.tables import audit_events, webhook_deliveries
from ostiary.domain.webhook import Attempt, Delivery, DeliveryStatus
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.webhooks import DeliveryFilter


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        webhook_id=row.webhook_id,
        event=read_event(row),
        status=DeliveryStatus(row.status),
        created_at=row.created_at,
        tries=row.tries,
        next_attempt_at=row.next_attempt_at,
        attempts=tuple(_attempt(attempt) for attempt in row.attempts),
    )


def _attempt(stored: dict[str, Any]) -> Attempt:
    return Attempt(
        at=datetime.fromisoformat(stored["at"]),
        duration_ms=stored["duration_ms"],
        response_status=stored["response_status"],
        response_body=stored["response_body"],
        error=stored["error"],
    )


def _stored(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.at.isoformat(),
        "duration_ms": attempt.duration_ms,
        "response_status": attempt.response_status,
        "response_body": attempt.response_body,
        "error": attempt.error,
    }


def _deliveries(organization_id: str, webhook_id: str) -> AnySelect:
    """A webhook's deliveries with the events they carry."""
    return (
        select(
            audit_events,
            *(
                webhook_deliveries.c[name]
                for name in ("webhook_id", "status", "tries", "next_attempt_at", "attempts", "created_at")
            ),
        )
        .join_from(
            webhook_deliveries,
            audit_events,
            (audit_events.c.organization_id == webhook_deliveries.c.organization_id)
            & (audit_events.c.id == webhook_deliveries.c.event_id),
        )
        .where(_of(organization_id, webhook_id))
    )


def _of(organization_id: str, webhook_id: str) -> ColumnElement[bool]:
    return (webhook_deliveries.c.organization_id == organization_id) & (webhook_deliveries.c.webhook_id == webhook_id)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return (webhook_deliveries.c.status == DeliveryStatus.PENDING) & (webhook_deliveries.c.next_attempt_at <= now)


class Deliveries(Repository):
    """Deliveries of one organization's webhooks."""

    async def ensure_pending(self, organization_id: str, webhook_id: str, event_id: str, now: datetime) -> None:
        """Have the event delivered, again from the first try, whether or not it was or would have been."""
        anew = {"status": DeliveryStatus.PENDING.value, "tries": 0, "next_attempt_at": now}
        await self._execute(
            pg_insert(webhook_deliveries)
            .values(organization_id=organization_id, webhook_id=webhook_id, event_id=event_id, created_at=now, **anew)
            .on_conflict_do_update(index_elements=list(webhook_deliveries.primary_key), set_=anew)
        )

    async def get(self, organization_id: str, webhook_id: str, event_id: str) -> Delivery | None:
        """One delivery."""
        row = await self._first(
            _deliveries(organization_id, webhook_id).where(webhook_deliveries.c.event_id == event_id)
        )
        return None if row is None else _delivery(row)

    async def list(
        self, organization_id: str, webhook_id: str, matching: DeliveryFilter, page: PageRequest
    ) -> Page[Delivery]:
        """Deliveries, newest first."""
        statement = _deliveries(organization_id, webhook_id)
        if matching.status is not None:
            statement = statement.where(webhook_deliveries.c.status == matching.status)
        if matching.event_type is not None:
            statement = statement.where(audit_events.c.action == matching.event_type)
        if page.after is not None:
            statement = statement.where(webhook_deliveries.c.event_id < page.after)
        statement = statement.order_by(webhook_deliveries.c.event_id.desc()).limit(page.limit + 1)
        return page_of((await self._execute(statement)).all(), page, _delivery, lambda row: row.id)

    async def due(self, organization_id: str, webhook_id: str, now: datetime, *, limit: int) -> Sequence[Delivery]:
        """Those whose time has come, longest due first."""
        rows = await self._execute(
            _deliveries(organization_id, webhook_id)
            .where(_is_due(now))
            .order_by(webhook_deliveries.c.next_attempt_at, webhook_deliveries.c.event_id)
            .limit(limit)
        )
        return [_delivery(row) for row in rows]

    async def is_due(self, organization_id: str, webhook_id: str, now: datetime) -> bool:
        """Whether there are any."""
        statement = select(webhook_deliveries.c.event_id).where(_of(organization_id, webhook_id), _is_due(now))
        return await self._first(statement.limit(1)) is not None

    async def save_tries(self, organization_id: str, tried: Sequence[Delivery]) -> None:
        """Store what came of deliveries that are still pending."""
        await self._execute(
            update(webhook_deliveries)
            .where(
                webhook_deliveries.c.organization_id == organization_id,
                webhook_deliveries.c.webhook_id == bindparam("of_webhook"),
                webhook_deliveries.c.event_id == bindparam("of_event"),
                webhook_deliveries.c.status == DeliveryStatus.PENDING,
            )
            .values(
                status=bindparam("new_status"),
                tries=bindparam("new_tries"),
                next_attempt_at=bindparam("new_time"),
                attempts=bindparam("new_attempts"),
            ),
            [
                {
                    "of_webhook": delivery.webhook_id,
                    "of_event": delivery.id,
                    "new_status": delivery.status.value,
                    "new_tries": delivery.tries,
                    "new_time": delivery.next_attempt_at,
                    "new_attempts": [_stored(attempt) for attempt in delivery.attempts],
                }
                for delivery in tried
            ],
        )

    async def cancel_pending(self, organization_id: str, webhook_id: str) -> int:
        """End what waits; answers how many."""
        result = await self._execute(
            update(webhook_deliveries)
            .where(_of(organization_id, webhook_id), webhook_deliveries.c.status == DeliveryStatus.PENDING)
            .values(status=DeliveryStatus.CANCELED, next_attempt_at=None)
        )
        return result.rowcount
