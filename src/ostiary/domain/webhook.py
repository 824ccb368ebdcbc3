"""Webhooks: who is told of which events, when a failed delivery is tried again, and when we stop telling."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.audit import AuditEvent, JsonValue
from ostiary.domain.audit_actions import ACTIONS
from ostiary.domain.errors import conflict, invalid

MAX_WEBHOOKS = 10
MAX_EVENT_TYPES = 50
EVERYTHING = "*"
MAX_PAYLOAD_BYTES = 65_536
MAX_KEPT_ATTEMPTS = 20
# Nine tries in about 26 hours: through a deployment, an outage, and a night without anybody on call.
RETRIES = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=10),
)
JITTER = 0.2
DISABLED_AFTER = timedelta(days=5)
# A receiver that failed long ago and was left alone since has some tries of a new event before it counts as dead.
_TRIES_BEFORE_DISABLING = 5
_FIRST_REST = timedelta(seconds=10)
_LONGEST_REST = timedelta(minutes=5)
SECRET_OVERLAP = timedelta(hours=24)
_GONE = 410
# What says "not now" rather than "not this": the whole receiver is left in peace for a while.
_OVERLOADED = frozenset({429, 502, 503, 504})


class DisabledReason(StrEnum):
    """Why a webhook is off."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    """Where a delivery stands. `failed`: given up after the last try. `canceled`: its webhook was switched off."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The signing secret, and during a rotation the one before it, which signs too until `previous_until`."""

    current: bytes
    previous: bytes | None = None
    previous_until: datetime | None = None

    def signing(self, now: datetime) -> tuple[bytes, ...]:
        """The secrets to sign with at that time, newest first."""
        if self.previous is None or self.previous_until is None or now >= self.previous_until:
            return (self.current,)
        return self.current, self.previous

    def rotated(self, new: bytes, now: datetime, overlap: timedelta) -> "SealedSecrets":
        """The new secret signs; the present one still does for `overlap`, an older one no longer."""
        return SealedSecrets(new, self.current, now + overlap) if overlap else SealedSecrets(new)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events.

    `failing_since` is when it first failed without a success since; `rests` counts how often in a row it took nothing.
    """

    id: str
    organization_id: str
    url: str
    event_types: tuple[str, ...]
    secrets: SealedSecrets
    created_at: datetime
    enabled: bool = True
    disabled_at: datetime | None = None
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None
    rests: int = 0
    rest_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: what the receiver answered, or in `error` why there was no answer."""

    at: datetime
    duration_ms: int
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.response_status is not None and 200 <= self.response_status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver asks never to be told again (410)."""
        return self.response_status == _GONE

    @property
    def is_exhausting(self) -> bool:
        """Whether more right now would only wait or harm: no answer, or one that says it is too much."""
        return self.response_status is None or self.response_status in _OVERLOADED


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook, named by the event: the receiver sees the same id in every try.

    `tries` counts since it was created or asked for again; `attempts` are the latest, oldest first.
    """

    webhook_id: str
    event: AuditEvent
    status: DeliveryStatus
    created_at: datetime
    tries: int = 0
    next_attempt_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def id(self) -> str:
        """The event's id."""
        return self.event.id


def checked_event_types(wanted: Sequence[str]) -> tuple[str, ...]:
    """The subscriptions without repetitions; raises `unknown_event_type`, `too_many_event_types`."""
    if not 0 < len(wanted) <= MAX_EVENT_TYPES:
        raise invalid(
            "too_many_event_types" if wanted else "event_types_missing",
            f"Subscribe to between 1 and {MAX_EVENT_TYPES} event types; '{EVERYTHING}' alone stands for all of them.",
            pointer="/event_types",
        )
    known = {pattern for action in ACTIONS for pattern in patterns_for(action)}
    for position, pattern in enumerate(wanted):
        if pattern not in known:
            families = sorted({f"{action.partition('.')[0]}.*" for action in ACTIONS})
            raise invalid(
                "unknown_event_type",
                f"There is no such event type. Use '{EVERYTHING}', a family ({', '.join(families)}) or one of: "
                f"{', '.join(sorted(ACTIONS))}.",
                pointer=f"/event_types/{position}",
            )
    return tuple(dict.fromkeys(wanted))


def patterns_for(action: str) -> tuple[str, ...]:
    """The subscriptions an action matches: everything, its family (`member.*`), itself."""
    return EVERYTHING, f"{action.partition('.')[0]}.*", action


def ensure_room_for_webhook(count: int) -> None:
    """Refuse one more than an organization may have."""
    if count >= MAX_WEBHOOKS:
        raise conflict(
            "too_many_webhooks", f"An organization has at most {MAX_WEBHOOKS} webhooks. Delete one, or share one."
        )


def ensure_enabled(webhook: Webhook) -> None:
    """Refuse to send by a webhook that is off."""
    if not webhook.enabled:
        raise conflict("webhook_disabled", "This webhook is switched off. PATCH it with enabled: true first.")


def retry_at(tries: int, now: datetime, seed: str) -> datetime | None:
    """When to try again after so many failed tries; None: no more.

    Up to a fifth later than the schedule says, spread by the seed, so that what failed together does not come back
    together.
    """
    if tries > len(RETRIES):
        return None
    spread = zlib.crc32(f"{seed} {tries}".encode()) / 2**32
    return now + RETRIES[tries - 1] * (1 + JITTER * spread)


def tried(delivery: Delivery, attempt: Attempt, now: datetime) -> Delivery:
    """The delivery after one more try."""
    tries = delivery.tries + 1
    at = None if attempt.succeeded else retry_at(tries, now, delivery.webhook_id + delivery.id)
    if attempt.succeeded:
        status = DeliveryStatus.SUCCEEDED
    else:
        status = DeliveryStatus.FAILED if at is None else DeliveryStatus.PENDING
    return Delivery(
        webhook_id=delivery.webhook_id,
        event=delivery.event,
        status=status,
        created_at=delivery.created_at,
        tries=tries,
        next_attempt_at=at,
        attempts=(*delivery.attempts, attempt)[-MAX_KEPT_ATTEMPTS:],
    )


@dataclass(frozen=True, slots=True)
class Health:
    """What some tries say about a webhook. `disable` is why it is to be switched off, if it is."""

    failing_since: datetime | None
    rests: int
    rest_until: datetime | None
    disable: DisabledReason | None = None


def health_after(webhook: Webhook, results: Sequence[Delivery], now: datetime) -> Health:
    """What the latest try of each of the deliveries says about the webhook.

    410 switches it off at once; failing for five days without one success does at the fifth failure of a delivery.
    A receiver that took none of them and gave no or an overloaded answer rests, each time longer, up to five minutes:
    it costs us one short visit then, however much waits for it.
    """
    latest = [result.attempts[-1] for result in results]
    if any(attempt.is_gone for attempt in latest):
        return Health(webhook.failing_since or now, 0, None, DisabledReason.GONE)
    if any(attempt.succeeded for attempt in latest):
        return Health(None, 0, None)
    since = webhook.failing_since or now
    if now - since >= DISABLED_AFTER and any(result.tries >= _TRIES_BEFORE_DISABLING for result in results):
        return Health(since, 0, None, DisabledReason.FAILING)
    if any(attempt.is_exhausting for attempt in latest):
        # The exponent is bounded because the doubling is not.
        rest = min(_FIRST_REST * 2 ** min(webhook.rests, 10), _LONGEST_REST)
        return Health(since, webhook.rests + 1, now + rest)
    return Health(since, webhook.rests, None)


def payload_of(event: AuditEvent) -> dict[str, JsonValue]:
    """What a receiver is sent, as Standard Webhooks lays it out: type, timestamp, data.

    Where it would be larger than 64 KiB, `before` and `after` are empty and `truncated` is true: the audit event
    itself has them.
    """
    whole = _payload(event)
    return whole if len(encoded(whole)) <= MAX_PAYLOAD_BYTES else _payload(event, truncated=True)


def encoded(payload: dict[str, JsonValue]) -> bytes:
    """The payload as the bytes that are sent and signed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _payload(event: AuditEvent, *, truncated: bool = False) -> dict[str, JsonValue]:
    return {
        "type": event.action,
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "id": event.id,
            "organization_id": event.organization_id,
            "actor": {"kind": event.actor.kind, "id": event.actor.id, "label": event.actor.label},
            "target": {"kind": event.target_kind, "id": event.target_id},
            "before": {} if truncated else event.before,
            "after": {} if truncated else event.after,
            "truncated": truncated,
            "request_id": event.request_id,
        },
    }
