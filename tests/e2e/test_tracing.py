"""What the operator's collector is told: where a request's time went, and nothing of what it said."""

import asyncio
import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider

from ostiary.adapters import tracing
from ostiary.adapters.tracing import with_span
from ostiary.services.ports.world import Mail
from tests.support.house import PASSWORD, House
from tests.support.process import running

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP, and keeps what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.sent: list[bytes] = []

    @property
    def url(self) -> str:
        """Its address, as `OTEL_EXPORTER_OTLP_ENDPOINT` takes it."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        """All spans that came."""
        return [
            span
            for body in self.sent
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def await_span(self, name: str) -> None:
        """Return once a span of the name has come; the test's own time limit ends the wait."""
        while name not in {span.name for span in self.spans}:
            time.sleep(0.1)


class _Receiving(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Keep what was sent."""
        assert isinstance(self.server, Collector)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.sent.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Generator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


def attributes(span: Span) -> dict[str, str]:
    return {item.key: item.value.string_value or str(item.value.int_value) for item in span.attributes}


async def test_a_request_is_traced_with_its_exchanges_and_nothing_that_was_said(house: House) -> None:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    with collecting() as collector:
        with (
            running(house, "serve", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as url,
            httpx2.Client(base_url=url, trust_env=False) as client,
        ):
            client.post("/v1/auth/sign-in", json={"email": ada.email, "password": PASSWORD}).raise_for_status()
            bearer = {"Authorization": f"Bearer {ada.token}", **TRACEPARENT}
            query = {"search": "secret-query"}
            client.get("/v1/organizations/acme/members", params=query, headers=bearer).raise_for_status()
            client.get("/healthz").raise_for_status()
        # At its end the process sent what waited.
        spans = {span.name: span for span in collector.spans}

    served = spans["GET /v1/organizations/{org}/members"]
    assert (served.trace_id.hex(), served.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(served)["http.response.status_code"] == "200"
    inside = [span for span in collector.spans if span.parent_span_id == served.span_id]
    assert any("members" in span.name and attributes(span)["db.system.name"] == "postgresql" for span in inside)
    assert "argon2 work" in spans
    assert not [name for name in spans if "healthz" in name]
    everything = b"".join(collector.sent)
    for said in (ada.email, ada.token, PASSWORD, "secret-query", "acme"):
        assert said.encode() not in everything, said


def test_a_collector_out_of_reach_holds_nobody_up(house: House) -> None:
    with running(house, "serve", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as url:
        assert httpx2.get(f"{url}/nothing", trust_env=False).status_code == 404
        ended = time.monotonic()
    assert time.monotonic() - ended < 15


@pytest.mark.parametrize(
    ("environment", "imported"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_sdk_is_imported_only_where_traces_are_wanted(environment: dict[str, str], imported: bool) -> None:
    asked = (
        "import sys; from ostiary.adapters.tracing import start_tracing; import ostiary.main; start_tracing();"
        "print('opentelemetry.sdk.trace' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(imported)


def test_a_line_of_the_log_names_the_span_it_was_written_in(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = TracerProvider()
    assert with_span(None, "info", {}) == {}
    monkeypatch.setattr(tracing._State, "provider", provider)
    assert with_span(None, "info", {}) == {}
    with provider.get_tracer("test").start_as_current_span("a request") as span:
        context = span.get_span_context()
        assert with_span(None, "info", {}) == {
            "otel_trace_id": f"{context.trace_id:032x}",
            "otel_span_id": f"{context.span_id:016x}",
        }


async def test_a_workers_job_is_traced_and_says_nothing_of_its_mail(house: House) -> None:
    async with house.kit.uow() as uow:
        await uow.outbox.mail(Mail("ada@acme.test", "Join Acme", "the-secret"))
        await uow.commit()
    with collecting() as collector:
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with running(house, "worker", port="--metrics-port", **tracing):
            await asyncio.to_thread(collector.await_span, "job send_mail")
    assert not [body for body in collector.sent if b"ada@" in body or b"the-secret" in body]
