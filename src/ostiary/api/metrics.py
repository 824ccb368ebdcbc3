"""What happened to requests, for Prometheus: counted by route template, method and status, and nothing else.

Labels are bounded: no path as it came, no tenant, no word of a caller's ever becomes one.
"""

import asyncio
import hmac
import os
import time
from pathlib import Path

import structlog
from fastapi import HTTPException, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # pyright: ignore[reportUnknownVariableType] -- half of it has types
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.api.routing import Routes
from ostiary.domain.errors import unauthenticated
from ostiary.services.metrics import MULTIPROCESS_FOLDER, REGISTRY, tell_backlog
from ostiary.services.ports.jobs import WaitingJobs

UNMATCHED = "unmatched"
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

router = Routes(tags=["health"])
_log = structlog.get_logger(__name__)


class Metrics:
    """The series of one application; those of several processes are summed when they are read."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ostiary_http_requests", "Requests answered.", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "ostiary_http_request_duration_seconds",
            "From a request's first byte here to the last of its answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        # What the services count is one for the process.
        self._registry.register(REGISTRY)
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. The route is a template, or `unmatched`; unusual methods count as `other`."""
        method = method if method in _METHODS else "other"
        # Looking a labelled series up in the library costs a lock and several tuples: it is done once.
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = self._counters[route, method, status] = self._requests.labels(route, method, str(status))
        timer = self._timers.get((route, method))
        if timer is None:
            timer = self._timers[route, method] = self._seconds.labels(route, method)
        counter.inc()
        timer.observe(seconds)

    def text(self, accept: str) -> tuple[bytes, str]:
        """All series, as text or OpenMetrics, with the media type."""
        registry = self._registry
        if folder := os.environ.get(MULTIPROCESS_FOLDER):
            forget_the_dead(Path(folder))
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type


class MetricsMiddleware:
    """Counts every request, also those that no route has and those that failed."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            route = getattr(scope.get("route"), "path", UNMATCHED)
            self._metrics.answered(route, scope["method"], status, time.perf_counter() - started)


@router.get("/metrics", operation_id="metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """The series, for the operator's token; 404 where the operator has none."""
    expected: str | None = request.app.state.services.authenticator.operator_token
    if not expected:
        raise HTTPException(404)  # as an address that nobody knows
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(secret.strip().encode(), expected.encode()):
        raise unauthenticated("invalid_token", "Send the operator's token as 'Authorization: Bearer …'.")
    jobs: WaitingJobs = request.app.state.jobs
    try:
        tell_backlog(await jobs.backlog())
    except OSError as error:  # and TimeoutError, which is one
        _log.warning("backlog_unknown", reason=type(error).__name__)
        tell_backlog(None)
    kept: Metrics = request.app.state.metrics
    # In a thread: thousands of lines are written, in several processes thousands of files' entries read.
    text, media_type = await asyncio.to_thread(kept.text, request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


def forget_the_dead(folder: Path) -> None:
    """Take processes that ended out of the sums of what is, such as connections in use; what they counted stays."""
    for process in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*.db")}:
        try:
            os.kill(process, 0)
        # Its number may be somebody else's by now.
        except (ProcessLookupError, PermissionError):
            mark_process_dead(process, str(folder))
