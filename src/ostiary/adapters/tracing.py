"""Traces for the operator's collector, by OTLP over HTTP: where a request's time went, and nothing of what it said.

The SDK is imported only where the operator names a collector, by OpenTelemetry's own variables; else there are no
spans, and a request pays for looking at a flag. FastAPI makes the span of a request, from the caller's `traceparent`
where there is one; what takes long inside gets one by `span`. The collector's address is the operator's word, like the
mail server's: the guard against addresses that tenants name does not apply to it.
"""

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from opentelemetry import trace
from structlog.typing import EventDict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_LONGEST_GOODBYE_SECONDS = 5.0
_NOTHING = nullcontext()
_tracer = trace.get_tracer("ostiary")


class _State:
    provider: "TracerProvider | None" = None


def start_tracing() -> None:
    """Send spans of this process where `OTEL_EXPORTER_OTLP_ENDPOINT` says, if it says so; once a process."""
    if _State.provider is None and _wanted():
        # Brings the SDK, a start's time and memory that only those pay who want traces.
        from ostiary.adapters.tracing_export import exporting_provider  # noqa: PLC0415 - the line above says why

        _State.provider = exporting_provider()
        trace.set_tracer_provider(_State.provider)


def stop_tracing() -> None:
    """Send what waits, for five seconds at most: a collector out of reach holds nobody up."""
    if _State.provider is not None:
        last = threading.Thread(target=_State.provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(_LONGEST_GOODBYE_SECONDS)


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A span around a block. The name is one of few, and attributes say nothing of tenants and people."""
    if _State.provider is None:
        return _NOTHING
    # An exception's text may quote what was sent.
    return _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )


def with_span(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A line of the log that names the span it was written in."""
    if _State.provider is not None and (context := trace.get_current_span().get_span_context()).is_valid:
        event["otel_trace_id"] = trace.format_trace_id(context.trace_id)
        event["otel_span_id"] = trace.format_span_id(context.span_id)
    return event


def _wanted() -> bool:
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return bool(endpoint) and not off
