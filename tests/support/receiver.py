"""A receiver of webhooks on the loopback interface: keeps what it was sent, and answers what a test says."""

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.web import serve


@dataclass(frozen=True)
class Received:
    """One call."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The event's id, the same in every try."""
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        """The event's type."""
        return json.loads(self.body)["type"]

    def target(self) -> str:
        """The id of what the event is about."""
        return json.loads(self.body)["data"]["target"]["id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """The payload, after a library of Standard Webhooks found the signature good; raises its error otherwise."""
        whsec = "whsec_" + secret.removeprefix("ost_hook_")
        assert base64.b64decode(secret.removeprefix("ost_hook_"), validate=True)
        return Webhook(whsec).verify(self.body.decode(), self.headers)


@dataclass
class Receiver:
    """Answers 200, or the next of `answers` while there are any."""

    url: str = ""
    answers: list[int] = field(default_factory=list[int])
    received: list[Received] = field(default_factory=list[Received])

    def types(self) -> list[str]:
        """What was received, in order."""
        return [call.type for call in self.received]

    async def _take(self, request: Request) -> Response:
        self.received.append(Received(dict(request.headers), await request.body()))
        status = self.answers.pop(0) if self.answers else 200
        headers = {"Location": "http://127.0.0.1:1/"} if 300 <= status < 400 else {}
        return Response("thank you", status, headers)


@contextmanager
def running_receiver() -> Generator[Receiver]:
    """A receiver until the block ends."""
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver._take, methods=["POST"])])
    with serve(lambda _url: app) as url:
        receiver.url = f"{url}/hook"
        yield receiver
