"""Sending webhooks: signed as Standard Webhooks says, guarded as every call to an address other people chose."""

import asyncio
import base64
import contextlib
import time

import httpx2
from standardwebhooks import Webhook as Signer

from ostiary.adapters.guarded_http import GuardedHttp, UnreachableError
from ostiary.domain.errors import invalid
from ostiary.domain.webhook import Attempt
from ostiary.services.ports.webhooks import WebhookMessage
from ostiary.services.secrets import WEBHOOK

KEPT_BYTES = 1024
_SECONDS_IN_ALL = 15.0
_SECONDS_TO_LOOK_UP = 5.0
_SECONDS_FOR_BODY = 2.0


class HttpWebhookSender:
    """Posts over https to the public internet; what `GuardedHttp` refuses is a failed attempt that says so."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    async def check(self, url: str) -> str:
        """The address as it will be called; raises `webhook_url_not_allowed` (422), which says how to mend it."""
        try:
            async with asyncio.timeout(_SECONDS_TO_LOOK_UP):
                return str((await self._http.target(url)).url)
        except TimeoutError:
            reason = "The host name was not found in time."
        except UnreachableError as error:
            reason = str(error)
        raise invalid(
            "webhook_url_not_allowed",
            f"{reason} Give an https:// address on the public internet, without redirects, user name or password.",
            pointer="/url",
        )

    async def send(self, message: WebhookMessage) -> Attempt:
        """Sign and send once, within 15 seconds; what came of it, never an exception for what a receiver does."""
        start = time.monotonic()

        def attempt(status: int | None = None, body: str | None = None, error: str | None = None) -> Attempt:
            milliseconds = int((time.monotonic() - start) * 1000)
            return Attempt(message.at, milliseconds, response_status=status, response_body=body, error=error)

        try:
            async with asyncio.timeout(_SECONDS_IN_ALL):
                target = await self._http.target(message.url)
                status, body = await self._http.call(
                    "POST", target, _read, headers=_headers(message), content=message.body
                )
        except TimeoutError:
            return attempt(error=f"No complete answer came within {_SECONDS_IN_ALL:g} seconds.")
        except UnreachableError as error:
            return attempt(error=str(error))
        if 300 <= status < 400:
            return attempt(status, body, "Redirects are not followed; change the webhook's url to the final address.")
        return attempt(status, body)


def key_of(secret: str) -> bytes:
    """The key in an `ost_hook_…` secret: what follows the prefix is its base64, as after `whsec_`."""
    return base64.b64decode(secret.removeprefix(WEBHOOK), validate=True)


def _headers(message: WebhookMessage) -> dict[str, str]:
    body = message.body.decode()
    signatures = [Signer(key_of(secret)).sign(message.id, message.at, body) for secret in message.secrets]
    return {
        "User-Agent": "Ostiary-Webhooks",
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(message.at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def _read(response: httpx2.Response) -> tuple[int, str]:
    """The status and the beginning of the body, as text a database can hold."""
    kept = bytearray()
    # The status is the answer: a body that drips or breaks off changes nothing about it.
    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_SECONDS_FOR_BODY):
            async for chunk in response.aiter_raw():
                kept += chunk
                if len(kept) >= KEPT_BYTES:
                    break
    return response.status_code, bytes(kept[:KEPT_BYTES]).decode(errors="replace").replace("\0", "\ufffd")
