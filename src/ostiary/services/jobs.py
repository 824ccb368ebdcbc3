"""The jobs there are: their names and what their payloads hold."""

import json
from dataclasses import asdict

from ostiary.services.ports.world import Mail

SEND_MAIL = "send_mail"


def mail_payload(mail: Mail) -> bytes:
    """The payload of a `SEND_MAIL` job. It holds secrets, so a queue stores it sealed."""
    return json.dumps(asdict(mail)).encode()


def mail_of(payload: bytes) -> Mail:
    """The message in a payload made by `mail_payload`."""
    return Mail(**json.loads(payload))
