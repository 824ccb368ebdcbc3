"""Webhooks of one organization."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, or_, select, update

from ostiary.adapters.db.repositories.base import Repository, page_of
from ostiary.adapters.db.tables import webhook_deliveries, webhooks
from ostiary.domain.webhook import DeliveryStatus, DisabledReason, SealedSecrets, Webhook
from ostiary.services.paging import Page, PageRequest


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        id=row.id,
        organization_id=row.organization_id,
        url=row.url,
        event_types=tuple(row.event_types),
        secrets=SealedSecrets(row.secret, row.previous_secret, row.previous_secret_until),
        created_at=row.created_at,
        enabled=row.enabled,
        disabled_at=row.disabled_at,
        disabled_reason=None if row.disabled_reason is None else DisabledReason(row.disabled_reason),
        failing_since=row.failing_since,
        rests=row.rests,
        rest_until=row.rest_until,
    )


def _values(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "event_types": list(webhook.event_types),
        "secret": webhook.secrets.current,
        "previous_secret": webhook.secrets.previous,
        "previous_secret_until": webhook.secrets.previous_until,
        "enabled": webhook.enabled,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason,
        "failing_since": webhook.failing_since,
        "rests": webhook.rests,
        "rest_until": webhook.rest_until,
    }


def _one(organization_id: str, webhook_id: str) -> ColumnElement[bool]:
    return (webhooks.c.organization_id == organization_id) & (webhooks.c.id == webhook_id)


def _free(now: datetime) -> ColumnElement[bool]:
    """On, awake, and in nobody's hands."""
    return (
        webhooks.c.enabled
        & or_(webhooks.c.taken_until.is_(None), webhooks.c.taken_until <= now)
        & or_(webhooks.c.rest_until.is_(None), webhooks.c.rest_until <= now)
    )


class Webhooks(Repository):
    """Webhooks of one organization."""

    async def add(self, webhook: Webhook) -> None:
        """Store a new webhook."""
        await self._execute(
            insert(webhooks).values(
                organization_id=webhook.organization_id,
                id=webhook.id,
                created_at=webhook.created_at,
                **_values(webhook),
            )
        )

    async def get(self, organization_id: str, webhook_id: str, *, lock: bool = False) -> Webhook | None:
        """The webhook, its row locked if asked."""
        statement = select(webhooks).where(_one(organization_id, webhook_id))
        # NO KEY UPDATE: events, which hold the row by KEY SHARE, need not wait.
        row = await self._first(statement.with_for_update(key_share=True) if lock else statement)
        return None if row is None else _webhook(row)

    async def list(self, organization_id: str, page: PageRequest) -> Page[Webhook]:
        """Webhooks, oldest first."""
        statement = select(webhooks).where(webhooks.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(webhooks.c.id > page.after)
        rows = (await self._execute(statement.order_by(webhooks.c.id).limit(page.limit + 1))).all()
        return page_of(rows, page, _webhook, lambda row: row.id)

    async def count(self, organization_id: str) -> int:
        """How many there are."""
        return int(
            await self._scalar(
                select(func.count()).select_from(webhooks).where(webhooks.c.organization_id == organization_id)
            )
        )

    async def save(self, webhook: Webhook) -> None:
        """Store every changeable field of a webhook read before."""
        await self._execute(
            update(webhooks).where(_one(webhook.organization_id, webhook.id)).values(**_values(webhook))
        )

    async def delete(self, organization_id: str, webhook_id: str) -> None:
        """Delete it, and its deliveries with it."""
        await self._execute(delete(webhooks).where(_one(organization_id, webhook_id)))

    async def begin_turn(self, organization_id: str, webhook_id: str, now: datetime, until: datetime) -> Webhook | None:
        """Take the webhook for oneself until the given time.

        None while somebody else has it, and for one that rests, is off or gone.
        """
        row = await self._first(
            update(webhooks)
            .where(_one(organization_id, webhook_id), _free(now))
            .values(taken_until=until)
            .returning(*webhooks.c)
        )
        return None if row is None else _webhook(row)

    async def end_turn(self, organization_id: str, webhook_id: str) -> None:
        """Let others have it."""
        await self._execute(update(webhooks).where(_one(organization_id, webhook_id)).values(taken_until=None))

    async def waiting(self, now: datetime, *, limit: int) -> Sequence[tuple[str, str]]:
        """Organization and id of webhooks, of all organizations, that nobody has and for which something is due."""
        is_due = exists().where(
            webhook_deliveries.c.organization_id == webhooks.c.organization_id,
            webhook_deliveries.c.webhook_id == webhooks.c.id,
            webhook_deliveries.c.status == DeliveryStatus.PENDING,
            webhook_deliveries.c.next_attempt_at <= now,
        )
        # Those that waited longest since they were last visited would starve if the same ones always came first.
        rows = await self._execute(
            select(webhooks.c.organization_id, webhooks.c.id)
            .where(_free(now), is_due)
            .order_by(func.random())
            .limit(limit)
        )
        return [(row.organization_id, row.id) for row in rows]
