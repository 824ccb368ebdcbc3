"""Carrying events to webhooks, after the transactions they tell of: one turn of one webhook at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.webhook import Delivery, DisabledReason, Webhook, encoded, health_after, payload_of, tried
from ostiary.services import mails
from ostiary.services.context import Journal, Kit
from ostiary.services.metrics import WEBHOOK_TRIES
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.webhooks import WebhookMessage, WebhookSender
from ostiary.services.ports.world import Sealer
from ostiary.services.webhooks import SEALED_FOR

# So many at a time to one receiver.
BATCH = 5
# A turn ends after this, and others have theirs before the webhook's next.
_TURN = timedelta(seconds=10)
# Longer than any turn can last: who holds a webhook beyond it has died.
_HOLD = timedelta(seconds=60)
_MOST_WAITING = 500


class WebhookDeliveryService:
    """Delivers at least once, in no promised order.

    A webhook is one worker's at a time, so a slow receiver keeps one worker's hand and no more, and turns are short,
    so that a receiver for which a million events wait takes its turns like any other.
    """

    def __init__(self, kit: Kit, sealer: Sealer, sender: WebhookSender) -> None:
        self._kit = kit
        self._sealer = sealer
        self._sender = sender

    async def take_turn(self, organization_id: str, webhook_id: str) -> None:
        """Deliver what is due to one webhook, unless somebody else is at it, for some seconds at most."""
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            webhook = await uow.webhooks.begin_turn(organization_id, webhook_id, now, now + _HOLD)
            await uow.commit()
        if webhook is None:
            return
        try:
            await self._deliver_until(webhook, now + _TURN)
        finally:
            async with self._kit.uow() as uow:
                await uow.webhooks.end_turn(organization_id, webhook_id)
                await uow.commit()
        # What came meanwhile found the webhook taken, and went away: looked for only now that it is free.
        async with self._kit.uow() as uow:
            if await uow.deliveries.is_due(organization_id, webhook_id, self._kit.clock.now()):
                fresh = await uow.webhooks.get(organization_id, webhook_id)
                if fresh is not None and fresh.enabled and fresh.rest_until is None:
                    await uow.outbox.webhooks(organization_id, [webhook_id])
                    await uow.commit()

    async def wake_waiting(self) -> int:
        """Give a turn to every webhook for which a delivery put off, or left by a worker that died, is due."""
        async with self._kit.uow() as uow:
            waiting = await uow.webhooks.waiting(self._kit.clock.now(), limit=_MOST_WAITING)
            await uow.outbox.waiting_webhooks(waiting)
            await uow.commit()
        return len(waiting)

    async def _deliver_until(self, webhook: Webhook, end: datetime) -> None:
        while True:
            async with self._kit.uow() as uow:
                now = self._kit.clock.now()
                due = await uow.deliveries.due(webhook.organization_id, webhook.id, now, limit=BATCH)
            if not due:
                return
            results = await asyncio.gather(*(self._try(webhook, delivery) for delivery in due))
            fresh = await self._record(webhook, results)
            if fresh is None or not fresh.enabled or fresh.rest_until is not None or self._kit.clock.now() >= end:
                return
            # Address and secrets may have changed meanwhile.
            webhook = fresh

    async def _try(self, webhook: Webhook, delivery: Delivery) -> Delivery:
        """Send once; the delivery after that. No connection to the database is held meanwhile."""
        now = self._kit.clock.now()
        sealed = webhook.secrets.signing(now)
        message = WebhookMessage(
            url=webhook.url,
            id=delivery.id,
            at=now,
            body=encoded(payload_of(delivery.event)),
            secrets=tuple(self._sealer.unseal(secret, purpose=SEALED_FOR).decode() for secret in sealed),
        )
        attempt = await self._sender.send(message)
        WEBHOOK_TRIES.labels("succeeded" if attempt.succeeded else "failed").inc()
        return tried(delivery, attempt, self._kit.clock.now())

    async def _record(self, webhook: Webhook, results: Sequence[Delivery]) -> Webhook | None:
        """Store what came of the tries and what they say about the webhook; the webhook as it is now."""
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            fresh = await uow.webhooks.get(webhook.organization_id, webhook.id, lock=True)
            if fresh is None:
                return None
            await uow.deliveries.save_tries(fresh.organization_id, results)
            # What an address did says nothing about the one that replaced it.
            if fresh.enabled and fresh.url == webhook.url:
                health = health_after(fresh, results, now)
                changed = replace(
                    fresh, failing_since=health.failing_since, rests=health.rests, rest_until=health.rest_until
                )
                if health.disable is not None:
                    changed = replace(changed, enabled=False, disabled_at=now, disabled_reason=health.disable)
                    await self._announce(uow, changed, health.disable)
                elif changed != fresh:
                    await uow.webhooks.save(changed)
                fresh = changed
            await uow.commit()
        return fresh

    async def _announce(self, uow: UnitOfWork, webhook: Webhook, reason: DisabledReason) -> None:
        """End what waits for a webhook that is switched off, audit it, and tell every administrator."""
        organization = await uow.organizations.get(webhook.organization_id)
        if organization is None:
            return
        canceled = await uow.deliveries.cancel_pending(webhook.organization_id, webhook.id)
        # Saved first: what switches it off is no event for it.
        await uow.webhooks.save(webhook)
        journal = Journal(self._kit, uow, webhook.organization_id, AuditActor(ActorKind.SYSTEM), None)
        await journal.write(
            "webhook.disabled", "webhook", webhook.id, after={"reason": reason, "deliveries_canceled": canceled}
        )
        for email in await uow.members.administrator_emails(webhook.organization_id):
            await uow.outbox.mail(mails.webhook_disabled(email, organization.name, webhook))
