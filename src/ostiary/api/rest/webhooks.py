"""`/v1/organizations/{org}/webhooks`."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.rest.webhook_events import EVENT_EXAMPLE
from ostiary.api.routing import Routes
from ostiary.domain.operation import Operation
from ostiary.domain.webhook import (
    SECRET_OVERLAP,
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Webhook,
    payload_of,
)
from ostiary.services.ports.webhooks import DeliveryFilter
from ostiary.services.webhooks import WebhookChange

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/webhooks", tags=["webhooks"])

_HOOK = "hook_01h455vb4pex5vsknk084sn02q"
_OVERLAP_SECONDS = int(SECRET_OVERLAP.total_seconds())
_URL = "Where to send: https, on the public internet, without redirects."
_TYPES = "Types of events, exactly (`member.joined`), by family (`member.*`), or `*` for all."

WebhookPath = Annotated[str, Path(max_length=64, description="The webhook's id.", examples=[_HOOK])]
DeliveryPath = Annotated[
    str, Path(max_length=64, description="The delivery's id, which is its event's.", examples=[EVENT_EXAMPLE])
]


class NewWebhook(Request):
    """An address, and what it is told of."""

    url: str = Field(max_length=2048, description=_URL, examples=["https://hooks.example.com/ostiary"])
    event_types: list[str] = Field(max_length=50, description=_TYPES, examples=[["member.*", "sso.enabled"]])


class WebhookPatch(Request):
    """What changes; left out stays."""

    url: str | None = Field(default=None, max_length=2048, description=_URL)
    event_types: list[str] | None = Field(default=None, max_length=50, description=_TYPES, examples=[["*"]])
    enabled: bool | None = Field(
        default=None, description="Off: nothing is sent, and what waits is canceled. On: told of events from now on."
    )


class Rotation(Request):
    """How the present secret ends."""

    previous_expires_in_seconds: int = Field(
        default=_OVERLAP_SECONDS,
        ge=0,
        le=_OVERLAP_SECONDS,
        description="How long the present secret signs beside the new one. 0, where it has leaked, ends it at once.",
        examples=[_OVERLAP_SECONDS],
    )


class WebhookAnswer(Answer):
    """A webhook, without its secret."""

    id: str = Field(examples=[_HOOK])
    url: str
    event_types: list[str]
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None = Field(
        description="`by_hand`; `gone`: it answered 410; `failing`: it took nothing for five days."
    )
    failing_since: datetime | None = Field(description="The first failure since the last success.")
    previous_secret_expires_at: datetime | None = Field(
        description="Until then a secret that was replaced signs beside the present one."
    )
    created_at: datetime


class WebhookWithSecretAnswer(WebhookAnswer):
    """A webhook with its signing secret, shown this once."""

    secret: str = Field(
        description="Verify with any Standard Webhooks library: give it this with `whsec_` in place of `ost_hook_`.",
        examples=["ost_hook_…"],
    )


class AttemptAnswer(Answer):
    """One try."""

    at: datetime
    duration_ms: int
    response_status: int | None = Field(description="What the receiver answered; null: nothing.")
    response_body: str | None = Field(description="The first KiB of it.")
    error: str | None = Field(description="What went wrong, where the status does not tell.")


class DeliveryAnswer(Answer):
    """An event on its way to a webhook."""

    id: str = Field(description="The event's id, and the `webhook-id` of each try.", examples=[EVENT_EXAMPLE])
    event_type: str = Field(examples=["member.joined"])
    status: DeliveryStatus = Field(
        description="`failed`: given up after nine tries. `canceled`: the webhook was switched off."
    )
    tries: int = Field(description="Since it was created, or asked for again.")
    next_attempt_at: datetime | None
    created_at: datetime
    last_attempt: AttemptAnswer | None


class DeliveryDetailsAnswer(DeliveryAnswer):
    """An event on its way to a webhook, with what was sent and the latest tries, oldest first."""

    payload: dict[str, Any]
    attempts: list[AttemptAnswer]


def _render(webhook: Webhook) -> WebhookAnswer:
    return WebhookAnswer(
        id=webhook.id,
        url=webhook.url,
        event_types=list(webhook.event_types),
        enabled=webhook.enabled,
        disabled_at=webhook.disabled_at,
        disabled_reason=webhook.disabled_reason,
        failing_since=webhook.failing_since,
        previous_secret_expires_at=webhook.secrets.previous_until,
        created_at=webhook.created_at,
    )


def _with_secret(webhook: Webhook, secret: str) -> WebhookWithSecretAnswer:
    return WebhookWithSecretAnswer(**_render(webhook).model_dump(), secret=secret)


def _render_attempt(attempt: Attempt) -> AttemptAnswer:
    return AttemptAnswer(
        at=attempt.at,
        duration_ms=attempt.duration_ms,
        response_status=attempt.response_status,
        response_body=attempt.response_body,
        error=attempt.error,
    )


def _render_delivery(delivery: Delivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=delivery.id,
        event_type=delivery.event.action,
        status=delivery.status,
        tries=delivery.tries,
        next_attempt_at=delivery.next_attempt_at,
        created_at=delivery.created_at,
        last_attempt=_render_attempt(delivery.attempts[-1]) if delivery.attempts else None,
    )


def _render_details(delivery: Delivery) -> DeliveryDetailsAnswer:
    return DeliveryDetailsAnswer(
        **_render_delivery(delivery).model_dump(),
        payload=payload_of(delivery.event),
        attempts=[_render_attempt(attempt) for attempt in delivery.attempts],
    )


@router.post("", status_code=201, operation_id=Operation.CREATE_WEBHOOK, responses=problems(401, 403, 404, 409, 422))
async def create_webhook(
    org: OrgPath, body: NewWebhook, caller: CallerDep, services: ServicesDep
) -> WebhookWithSecretAnswer:
    """Have events sent to an address. Its signing secret is shown this once."""
    return _with_secret(*await services.webhooks.create(caller, org, url=body.url, event_types=body.event_types))


@router.get("", operation_id=Operation.LIST_WEBHOOKS, responses=problems(401, 403, 404, 422))
async def list_webhooks(org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep) -> ListOf[WebhookAnswer]:
    """The webhooks, oldest first."""
    return list_of(await services.webhooks.list(caller, org, page), _render)


@router.get("/{webhook_id}", operation_id=Operation.GET_WEBHOOK, responses=tagged(401, 403, 404))
async def get_webhook(
    org: OrgPath, webhook_id: WebhookPath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> WebhookAnswer:
    """One webhook."""
    return _render(tag(await services.webhooks.get(caller, org, webhook_id)))


@router.patch("/{webhook_id}", operation_id=Operation.UPDATE_WEBHOOK, responses=problems(401, 403, 404, 412, 422))
async def update_webhook(
    org: OrgPath, webhook_id: WebhookPath, body: WebhookPatch, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> WebhookAnswer:
    """Change the address or the subscriptions; switch it off, or on again."""
    change = WebhookChange(url=body.url, event_types=body.event_types, enabled=body.enabled)
    return _render(tag(await services.webhooks.update(caller, org, webhook_id, change)))


@router.delete(
    "/{webhook_id}", status_code=204, operation_id=Operation.DELETE_WEBHOOK, responses=problems(401, 403, 404, 412)
)
async def delete_webhook(org: OrgPath, webhook_id: WebhookPath, caller: CallerDep, services: ServicesDep) -> None:
    """Delete it, with its deliveries; nothing more is sent."""
    await services.webhooks.delete(caller, org, webhook_id)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id=Operation.ROTATE_WEBHOOK_SECRET,
    responses=problems(401, 403, 404, 422),
)
async def rotate_webhook_secret(
    org: OrgPath, webhook_id: WebhookPath, body: Rotation, caller: CallerDep, services: ServicesDep
) -> WebhookWithSecretAnswer:
    """Replace the signing secret without a gap: for 24 hours both sign, so that receivers can follow."""
    overlap = timedelta(seconds=body.previous_expires_in_seconds)
    return _with_secret(*await services.webhooks.rotate_secret(caller, org, webhook_id, overlap))


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    operation_id=Operation.TEST_WEBHOOK,
    responses=problems(401, 403, 404, 409),
)
async def test_webhook(
    org: OrgPath, webhook_id: WebhookPath, caller: CallerDep, services: ServicesDep
) -> DeliveryAnswer:
    """Send a `webhook.tested` event, whatever the webhook subscribed to. Read the delivery to see what came of it."""
    return _render_delivery(await services.webhooks.test(caller, org, webhook_id))


@router.get(
    "/{webhook_id}/deliveries",
    operation_id=Operation.LIST_WEBHOOK_DELIVERIES,
    responses=problems(401, 403, 404, 422),
)
async def list_webhook_deliveries(
    org: OrgPath,
    webhook_id: WebhookPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    status: Annotated[DeliveryStatus | None, Query(description="Only those that stand so.")] = None,
    event_type: Annotated[
        str | None, Query(max_length=64, description="Only events of exactly this type.", examples=["member.joined"])
    ] = None,
) -> ListOf[DeliveryAnswer]:
    """What was, is and will be sent, newest event first; kept for 30 days."""
    matching = DeliveryFilter(status=status, event_type=event_type)
    return list_of(await services.webhooks.deliveries(caller, org, webhook_id, matching, page), _render_delivery)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    operation_id=Operation.GET_WEBHOOK_DELIVERY,
    responses=tagged(401, 403, 404),
)
async def get_webhook_delivery(
    org: OrgPath,
    webhook_id: WebhookPath,
    delivery_id: DeliveryPath,
    caller: CallerDep,
    services: ServicesDep,
    tag: TagDep,
) -> DeliveryDetailsAnswer:
    """One delivery: what is sent, and what the receiver answered to each try."""
    return _render_details(tag(await services.webhooks.delivery(caller, org, webhook_id, delivery_id)))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    operation_id=Operation.REDELIVER_WEBHOOK,
    responses=problems(401, 403, 404, 409),
)
async def redeliver_webhook(
    org: OrgPath, webhook_id: WebhookPath, delivery_id: DeliveryPath, caller: CallerDep, services: ServicesDep
) -> DeliveryAnswer:
    """Send an event again, under the same id, with a new series of tries."""
    return _render_delivery(await services.webhooks.redeliver(caller, org, webhook_id, delivery_id))
