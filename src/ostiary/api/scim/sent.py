"""The request that is being answered, for whoever finds out something about it on the way; and its entry in the log."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.api.auth import client_of
from ostiary.api.deps import services_of
from ostiary.api.request_id import request_id_of
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_request import excerpt, query_excerpt, text_excerpt
from ostiary.domain.errors import DomainError
from ostiary.domain.scim_quirks import Quirk
from ostiary.services.context import Caller
from ostiary.services.directory_requests import RequestLog
from ostiary.services.sent_request import SentRequest

BASE = "/scim/v2"
_MAX_ERROR_BYTES = 16_384
_READS = frozenset({"GET", "HEAD"})
# Answered before anything was asked of the services: a token that opens nothing, or one with too many requests.
# These cost no transaction, however many come.
_TURNED_AWAY = frozenset({401, 429})
# What an identity provider with a wrong base URL or method hears, before anybody asked whose it is.
_UNROUTED = frozenset({404, 405})
_sent: ContextVar[SentRequest | None] = ContextVar("sent_scim_request", default=None)


def noted(quirk: Quirk) -> None:
    """Remember that a departure was read as what was meant."""
    if (sent := _sent.get()) is not None:
        sent.quirks.add(quirk)


def noted_found(total: int) -> None:
    """Remember how many resources match."""
    if (sent := _sent.get()) is not None:
        sent.found = total


def noted_body(body: JsonValue) -> None:
    """Remember what came, before it is taken apart."""
    if (sent := _sent.get()) is not None:
        sent.body = excerpt(body)


def noted_organization(organization_id: str) -> None:
    """Remember whose request it is, though it does not open anything."""
    if (sent := _sent.get()) is not None:
        sent.organization_id = organization_id


def noted_caller(caller: Caller) -> SentRequest | None:
    """Remember whose request it is; answers the request, for the caller to carry along."""
    sent = _sent.get()
    if sent is not None and caller.principal is not None:
        sent.organization_id = caller.principal.organization_id
    return sent


@contextmanager
def part_of(caller: Caller, method: str, path: str, body: JsonValue) -> Generator[Caller]:
    """One of the many operations of a request, with an entry of its own; answers the caller that carries it along."""
    whole = caller.sent
    if whole is None:
        yield caller
        return
    began = time.perf_counter()
    sent = replace(
        whole,
        method=text_excerpt(method[:16]),
        path=text_excerpt(path),
        query=None,
        elapsed_ms=lambda: round((time.perf_counter() - began) * 1000),
        body=excerpt(body),
        found=None,
        quirks=set(),
        unknown_attributes=(),
        is_logged=False,
    )
    token = _sent.set(sent)
    try:
        yield replace(caller, sent=sent)
    finally:
        _sent.reset(token)


class RequestLogMiddleware:
    """Writes every SCIM request that can be told whose it is into its directory's log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{BASE}/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        log = services_of(request).request_log
        sent, answer = _sent_request(request, log), _Answer()

        async def watched(message: Message) -> None:
            # Nobody waits for one who reads slowly.
            sent.end_turn()
            answer.see(message)
            await send(message)

        token = _sent.set(sent)
        try:
            await self._app(scope, receive, watched)
        except Exception:
            # Answered by 500 further out: the log must have it all the same.
            await log.note(sent, 500, is_read=sent.method in _READS)
            raise
        finally:
            sent.end_turn()
            _sent.reset(token)
        if sent.organization_id is None and answer.status in _UNROUTED:
            await _find_whose(request, sent)
        if answer.status >= 400 or not sent.is_logged:
            is_read = answer.status in _TURNED_AWAY or answer.status < 400 or sent.method in _READS
            await log.note(sent, answer.status, is_read=is_read, scim_type=answer.scim_type, detail=answer.detail)


def _sent_request(request: Request, log: RequestLog) -> SentRequest:
    began = time.perf_counter()
    return SentRequest(
        at=log.now(),
        method=request.method,
        path=text_excerpt(request.scope["path"].removeprefix(BASE)),
        query=query_excerpt(request.scope["query_string"].decode("latin-1")),
        user_agent=client_of(request).user_agent,
        request_id=request_id_of(request),
        elapsed_ms=lambda: round((time.perf_counter() - began) * 1000),
    )


async def _find_whose(request: Request, sent: SentRequest) -> None:
    try:
        caller = await services_of(request).authenticator.directory(request)
    except DomainError:
        return
    assert caller.principal is not None
    sent.organization_id = caller.principal.organization_id


class _Answer:
    """The status of an answer, and why it refuses: an object, as all our refusals are (RFC 7644 §3.12)."""

    def __init__(self) -> None:
        self.status = 500
        self._body = b""

    def see(self, message: Message) -> None:
        """Look at one message on its way."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif self.status >= 400 and len(self._body) < _MAX_ERROR_BYTES:
            self._body += message.get("body", b"")

    @property
    def scim_type(self) -> str | None:
        """The keyword of RFC 7644 §3.12."""
        return self._said("scimType")

    @property
    def detail(self) -> str | None:
        """The sentence the identity provider was told."""
        detail = self._said("detail")
        return None if detail is None else text_excerpt(detail)

    def _said(self, name: str) -> str | None:
        try:
            body: dict[str, Any] = orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return None
        value = body.get(name)
        return value if isinstance(value, str) else None
