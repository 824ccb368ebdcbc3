"""Spans on their way out: what callers wrote is taken out of them, the rest goes to the collector."""

import os
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Paths hold ids and names, queries e-mail addresses and secrets, methods whatever a stranger sends.
_CALLERS_WORDS = ("url.path", "url.query", "http.request.method_original")


class Discretion(SpanProcessor):
    """Takes the caller's own words out of the span that the framework makes of a request."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 -- the SDK passes it by this name
        """Overwrite them before anything could be exported."""
        for name in _CALLERS_WORDS:
            if name in (span.attributes or ()):
                span.set_attribute(name, "REDACTED")


def exporting_provider() -> TracerProvider:
    """A provider whose spans go where `OTEL_EXPORTER_OTLP_ENDPOINT` says, sampled as OpenTelemetry's variables say."""
    service = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "ostiary", "service.version": version("ostiary")}
    provider = TracerProvider(resource=Resource.create(service), shutdown_on_exit=False)
    provider.add_span_processor(Discretion())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
