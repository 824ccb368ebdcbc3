"""Webhooks: making, changing, testing them, renewing their secrets, and what became of their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ostiary.domain import ids
from ostiary.domain.errors import not_found
from ostiary.domain.operation import Operation
from ostiary.domain.webhook import (
    SECRET_OVERLAP,
    Delivery,
    DisabledReason,
    SealedSecrets,
    Webhook,
    checked_event_types,
    ensure_enabled,
    ensure_room_for_webhook,
)
from ostiary.services import secrets
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.webhooks import DeliveryFilter, WebhookSender
from ostiary.services.ports.world import Ids, Sealer

SEALED_FOR = "webhook secret"
_KEY_CHARACTERS = 44


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What changes of a webhook; None stays."""

    url: str | None = None
    event_types: Sequence[str] | None = None
    enabled: bool | None = None


class WebhookService:
    """Webhooks of an organization, for its administrators."""

    def __init__(self, kit: Kit, sealer: Sealer, sender: WebhookSender) -> None:
        self._kit = kit
        self._sealer = sealer
        self._sender = sender

    async def create(
        self, caller: Caller, reference: str, *, url: str, event_types: Sequence[str]
    ) -> tuple[Webhook, str]:
        """Make a webhook; answers it and its signing secret, which is shown this once.

        Raises `unknown_event_type`, `webhook_url_not_allowed`, `too_many_webhooks`.
        """
        # Whoever may not make one learns nothing about what names our DNS knows.
        await self._let_in(caller, reference, Operation.CREATE_WEBHOOK)
        subscribed, address = checked_event_types(event_types), await self._sender.check(url)
        secret = _new_secret(self._kit.ids)
        async with self._kit.uow() as uow:
            # Exclusive, so that two at once do not both find room for the last one.
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_WEBHOOK, lock=Lock.EXCLUSIVE
            )
            ensure_room_for_webhook(await uow.webhooks.count(admitted.organization.id))
            webhook = Webhook(
                id=self._kit.ids.new(ids.WEBHOOK),
                organization_id=admitted.organization.id,
                url=address,
                event_types=subscribed,
                secrets=SealedSecrets(self._sealed(secret)),
                created_at=self._kit.clock.now(),
            )
            await uow.webhooks.add(webhook)
            await Journal.of(self._kit, uow, admitted).write(
                "webhook.created", "webhook", webhook.id, after={"url": address, "event_types": subscribed}
            )
            await uow.commit()
        return webhook, secret

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[Webhook]:
        """The webhooks, oldest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_WEBHOOKS)
            return await uow.webhooks.list(admitted.organization.id, page)

    async def get(self, caller: Caller, reference: str, webhook_id: str) -> Webhook:
        """One webhook; raises `webhook_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_WEBHOOK)
            return await _webhook(uow, admitted, webhook_id)

    async def update(self, caller: Caller, reference: str, webhook_id: str, change: WebhookChange) -> Webhook:
        """Change address or subscriptions, switch it off or on again; raises as `create` does.

        Switching off ends what waits. A new address, and switching on, begin with a clean slate.
        """
        await self._let_in(caller, reference, Operation.UPDATE_WEBHOOK)
        address = None if change.url is None else await self._sender.check(change.url)
        subscribed = None if change.event_types is None else checked_event_types(change.event_types)
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.UPDATE_WEBHOOK, lock=Lock.SHARED)
            before = await _webhook(uow, admitted, webhook_id, lock=True)
            caller.ensure_seen(before)
            after = replace(before, url=address or before.url, event_types=subscribed or before.event_types)
            if after.url != before.url or (change.enabled and not before.enabled):
                after = replace(after, failing_since=None, rests=0, rest_until=None)
            if change.enabled is not None and change.enabled != before.enabled:
                after = self._switched(after, change.enabled)
            await self._store(uow, admitted, before, after)
            await uow.commit()
        return after

    async def delete(self, caller: Caller, reference: str, webhook_id: str) -> None:
        """Delete it; nothing more is delivered. Raises `webhook_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.DELETE_WEBHOOK, lock=Lock.SHARED)
            webhook = await _webhook(uow, admitted, webhook_id, lock=True)
            caller.ensure_seen(webhook)
            await uow.webhooks.delete(webhook.organization_id, webhook.id)
            await Journal.of(self._kit, uow, admitted).write(
                "webhook.deleted", "webhook", webhook.id, before={"url": webhook.url}
            )
            await uow.commit()

    async def rotate_secret(
        self, caller: Caller, reference: str, webhook_id: str, overlap: timedelta = SECRET_OVERLAP
    ) -> tuple[Webhook, str]:
        """A new signing secret, shown this once; the present one signs too for `overlap`, an older one no longer."""
        secret = _new_secret(self._kit.ids)
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.ROTATE_WEBHOOK_SECRET, lock=Lock.SHARED
            )
            before = await _webhook(uow, admitted, webhook_id, lock=True)
            rotated = before.secrets.rotated(self._sealed(secret), self._kit.clock.now(), overlap)
            webhook = replace(before, secrets=rotated)
            await uow.webhooks.save(webhook)
            until = rotated.previous_until
            await Journal.of(self._kit, uow, admitted).write(
                "webhook.secret_rotated",
                "webhook",
                webhook.id,
                after={"previous_secret_expires_at": until.isoformat() if until else None},
            )
            await uow.commit()
        return webhook, secret

    async def test(self, caller: Caller, reference: str, webhook_id: str) -> Delivery:
        """Deliver a `webhook.tested` event, whatever the webhook subscribed to; raises `webhook_disabled`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.TEST_WEBHOOK, lock=Lock.SHARED)
            webhook = await _webhook(uow, admitted, webhook_id, lock=True)
            ensure_enabled(webhook)
            event = await Journal.of(self._kit, uow, admitted).write("webhook.tested", "webhook", webhook.id)
            delivery = await self._deliver(uow, webhook, event.id)
            await uow.commit()
        return delivery

    async def deliveries(
        self, caller: Caller, reference: str, webhook_id: str, matching: DeliveryFilter, page: PageRequest
    ) -> Page[Delivery]:
        """What was, is and will be delivered in the last 30 days, newest event first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_WEBHOOK_DELIVERIES)
            webhook = await _webhook(uow, admitted, webhook_id)
            return await uow.deliveries.list(webhook.organization_id, webhook.id, matching, page)

    async def delivery(self, caller: Caller, reference: str, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery; raises `delivery_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_WEBHOOK_DELIVERY)
            return await _delivery(uow, await _webhook(uow, admitted, webhook_id), delivery_id)

    async def redeliver(self, caller: Caller, reference: str, webhook_id: str, delivery_id: str) -> Delivery:
        """Deliver an event again under its same id, with a whole new series of tries.

        Raises `delivery_not_found`, `webhook_disabled`.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REDELIVER_WEBHOOK, lock=Lock.SHARED
            )
            webhook = await _webhook(uow, admitted, webhook_id, lock=True)
            ensure_enabled(webhook)
            wanted = await _delivery(uow, webhook, delivery_id)
            await Journal.of(self._kit, uow, admitted).write(
                "webhook.redelivered", "webhook", webhook.id, after={"event_id": wanted.id, "type": wanted.event.action}
            )
            delivery = await self._deliver(uow, webhook, wanted.id)
            await uow.commit()
        return delivery

    async def _let_in(self, caller: Caller, reference: str, operation: Operation) -> None:
        async with self._kit.uow() as uow:
            await admit(uow, self._kit.urls, caller, reference, operation)

    def _sealed(self, secret: str) -> bytes:
        return self._sealer.seal(secret.encode(), purpose=SEALED_FOR)

    def _switched(self, webhook: Webhook, enabled: bool) -> Webhook:
        if enabled:
            return replace(webhook, enabled=True, disabled_at=None, disabled_reason=None)
        return replace(
            webhook, enabled=False, disabled_at=self._kit.clock.now(), disabled_reason=DisabledReason.BY_HAND
        )

    async def _store(self, uow: UnitOfWork, admitted: Admitted, before: Webhook, after: Webhook) -> None:
        """Save what changed, and audit each kind of change; a change to nothing is none."""
        journal = Journal.of(self._kit, uow, admitted)
        await uow.webhooks.save(after)
        if (before.url, before.event_types) != (after.url, after.event_types):
            await journal.write(
                "webhook.updated",
                "webhook",
                after.id,
                before={"url": before.url, "event_types": before.event_types},
                after={"url": after.url, "event_types": after.event_types},
            )
        if after.enabled and not before.enabled:
            await journal.write("webhook.enabled", "webhook", after.id)
        elif before.enabled and not after.enabled:
            canceled = await uow.deliveries.cancel_pending(after.organization_id, after.id)
            reason = {"reason": DisabledReason.BY_HAND, "deliveries_canceled": canceled}
            await journal.write("webhook.disabled", "webhook", after.id, after=reason)

    async def _deliver(self, uow: UnitOfWork, webhook: Webhook, event_id: str) -> Delivery:
        """Have the event delivered now, by a receiver that is let rest too: somebody waits for the result."""
        if webhook.rest_until is not None:
            await uow.webhooks.save(replace(webhook, rest_until=None))
        now = self._kit.clock.now()
        await uow.deliveries.ensure_pending(webhook.organization_id, webhook.id, event_id, now)
        await uow.outbox.webhooks(webhook.organization_id, [webhook.id])
        return await _delivery(uow, webhook, event_id)


async def _webhook(uow: UnitOfWork, admitted: Admitted, webhook_id: str, *, lock: bool = False) -> Webhook:
    webhook = await uow.webhooks.get(admitted.organization.id, webhook_id, lock=lock)
    if webhook is None:
        raise not_found("webhook")
    return webhook


async def _delivery(uow: UnitOfWork, webhook: Webhook, delivery_id: str) -> Delivery:
    delivery = await uow.deliveries.get(webhook.organization_id, webhook.id, delivery_id)
    if delivery is None:
        raise not_found("delivery")
    return delivery


def _new_secret(source: Ids) -> str:
    """A secret whose part after the prefix is at once base64 and base64url of 33 bytes: libraries read it as either.

    Of the characters of two random secrets, those two alphabets share 62; 44 of these hold more than 256 bits.
    """
    characters = [one for one in source.secret("") + source.secret("") if one not in "-_"]
    return secrets.WEBHOOK + "".join(characters[:_KEY_CHARACTERS])
