"""The jobs there are: their names and what their payloads hold."""

import json
from dataclasses import asdict

from ostiary.services.ports.world import Mail, TokenWish

SEND_MAIL = "send_mail"
DELIVER_WEBHOOK = "deliver_webhook"
SEND_TOKEN = "send_token"
KINDS = (SEND_MAIL, DELIVER_WEBHOOK, SEND_TOKEN)


def mail_payload(mail: Mail) -> bytes:
    """The payload of a `SEND_MAIL` job. It holds secrets, so a queue stores it sealed."""
    return json.dumps(asdict(mail)).encode()


def mail_of(payload: bytes) -> Mail:
    """The message in a payload made by `mail_payload`."""
    return Mail(**json.loads(payload))


def webhook_payload(organization_id: str, webhook_id: str) -> bytes:
    """The payload of a `DELIVER_WEBHOOK` job: whose turn it is. What is sent lies in the deliveries."""
    return json.dumps([organization_id, webhook_id]).encode()


def webhook_of(payload: bytes) -> tuple[str, str]:
    """Organization and webhook in a payload made by `webhook_payload`."""
    organization_id, webhook_id = json.loads(payload)
    return organization_id, webhook_id


def wish_payload(wish: TokenWish) -> bytes:
    """The payload of a `SEND_TOKEN` job."""
    return json.dumps(asdict(wish)).encode()


def wish_of(payload: bytes) -> TokenWish:
    """The wish in a payload made by `wish_payload`."""
    return TokenWish(**json.loads(payload))
