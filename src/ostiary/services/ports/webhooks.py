"""Repositories of webhooks and deliveries, and what sends them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.webhook import Attempt, Delivery, DeliveryStatus, Webhook
from ostiary.services.paging import Page, PageRequest


class WebhookRepository(Protocol):
    """Webhooks of one organization."""

    async def add(self, webhook: Webhook) -> None:
        """Store a new webhook."""
        ...

    async def get(self, organization_id: str, webhook_id: str, *, lock: bool = False) -> Webhook | None:
        """The webhook, its row locked if asked."""
        ...

    async def list(self, organization_id: str, page: PageRequest) -> Page[Webhook]:
        """Webhooks, oldest first."""
        ...

    async def count(self, organization_id: str) -> int:
        """How many there are."""
        ...

    async def save(self, webhook: Webhook) -> None:
        """Store every changeable field of a webhook read before."""
        ...

    async def delete(self, organization_id: str, webhook_id: str) -> None:
        """Delete it, and its deliveries with it."""
        ...

    async def begin_turn(self, organization_id: str, webhook_id: str, now: datetime, until: datetime) -> Webhook | None:
        """Take the webhook for oneself until the given time.

        None while somebody else has it, and for one that rests, is off or gone.
        """
        ...

    async def end_turn(self, organization_id: str, webhook_id: str) -> None:
        """Let others have it."""
        ...

    async def waiting(self, now: datetime, *, limit: int) -> Sequence[tuple[str, str]]:
        """Organization and id of webhooks, of all organizations, that nobody has and for which something is due."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list; None leaves a condition out."""

    status: DeliveryStatus | None = None
    event_type: str | None = None


class DeliveryRepository(Protocol):
    """Deliveries of one organization's webhooks. What an audit event causes is made by recording the event."""

    async def ensure_pending(self, organization_id: str, webhook_id: str, event_id: str, now: datetime) -> None:
        """Have the event delivered, again from the first try, whether or not it was or would have been."""
        ...

    async def get(self, organization_id: str, webhook_id: str, event_id: str) -> Delivery | None:
        """One delivery."""
        ...

    async def list(
        self, organization_id: str, webhook_id: str, matching: DeliveryFilter, page: PageRequest
    ) -> Page[Delivery]:
        """Deliveries, newest first."""
        ...

    async def due(self, organization_id: str, webhook_id: str, now: datetime, *, limit: int) -> Sequence[Delivery]:
        """Those whose time has come, longest due first."""
        ...

    async def is_due(self, organization_id: str, webhook_id: str, now: datetime) -> bool:
        """Whether there are any."""
        ...

    async def save_tries(self, organization_id: str, tried: Sequence[Delivery]) -> None:
        """Store what came of deliveries that are still pending."""
        ...

    async def cancel_pending(self, organization_id: str, webhook_id: str) -> int:
        """End what waits; answers how many."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """What is sent: `secrets` sign it (`ost_hook_…`, one or two), at that time, under that id."""

    url: str
    id: str
    at: datetime
    body: bytes
    secrets: tuple[str, ...]


class WebhookSender(Protocol):
    """Talks to receivers, guarded against SSRF."""

    async def check(self, url: str) -> str:
        """The address as it will be called; raises `webhook_url_not_allowed` (422), which says how to mend it."""
        ...

    async def send(self, message: WebhookMessage) -> Attempt:
        """Sign and send once, within 15 seconds; what came of it, never an exception for what a receiver does."""
        ...
