"""What webhooks are sent, for the `webhooks` part of the contract."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import Field

from ostiary.api.rest.organizations import AuditActorAnswer
from ostiary.api.rest.schemas import Answer
from ostiary.domain.audit_actions import ACTIONS

EVENT_EXAMPLE = "evt_01h455vb4pex5vsknk084sn02q"
EVENT_TYPES: dict[str, Any] = {"enum": list(ACTIONS)}
_TYPES = "\n".join(f"- `{action}`: {meaning}" for action, meaning in ACTIONS.items())

sent_events = APIRouter()


class EventTarget(Answer):
    """What it was done to."""

    kind: str = Field(examples=["member"])
    id: str = Field(examples=["mem_01h455vb4pex5vsknk084sn02q"])


class EventData(Answer):
    """The audit event."""

    id: str = Field(
        description="The event's id, the same in every try and redelivery: drop what you have seen.",
        examples=[EVENT_EXAMPLE],
    )
    organization_id: str = Field(examples=["org_01h455vb4pex5vsknk084sn02q"])
    actor: AuditActorAnswer
    target: EventTarget
    before: dict[str, Any] = Field(description="What changed, as it was. Never a secret.")
    after: dict[str, Any] = Field(description="What changed, as it is now. Never a secret.")
    truncated: bool = Field(
        description="Whether `before` and `after` were left empty, because with them the event would exceed 64 KiB."
    )
    request_id: str | None


class EventPayload(Answer):
    """One event, as a webhook is sent it."""

    type: str = Field(
        description=f"What happened:\n{_TYPES}", examples=["member.joined"], json_schema_extra=EVENT_TYPES
    )
    timestamp: datetime = Field(description="When it happened.", examples=["2026-03-01T12:00:00.000000Z"])
    data: EventData


@sent_events.post("event", status_code=200, operation_id="receive_event")
def receive_event(
    body: EventPayload,
    webhook_id: Annotated[str, Header(alias="webhook-id", description="The event's id.", examples=[EVENT_EXAMPLE])],
    webhook_timestamp: Annotated[str, Header(alias="webhook-timestamp", description="Unix time of this try, seconds.")],
    webhook_signature: Annotated[
        str, Header(alias="webhook-signature", description="`v1,` and base64; during a rotation two, with a space.")
    ],
) -> Response:
    """An event a webhook subscribed to, signed as Standard Webhooks says.

    Answer 2xx within 15 seconds. Anything else is tried again, nine times in about 26 hours; 410 switches the webhook
    off. Events may come more than once, and in any order.
    """
    raise NotImplementedError
