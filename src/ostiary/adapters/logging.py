"""One log for everything: ours by structlog, and uvicorn's and every library's by `logging`, through one pipeline.

Production writes one JSON object a line, development writes for people. Both go to standard error.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Literal, cast

import structlog
from structlog.typing import EventDict, Processor

from ostiary.adapters.redaction import redacted_items, redacted_text
from ostiary.adapters.tracing import with_span

_MOST_FRAMES = 25
_MOST_CAUSES = 5
_LONGEST_MESSAGE = 200
# Below this they log every request, with its URL.
_QUIET = {
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
}


def configure_logging(*, level: Literal["debug", "info", "warning", "error"], readable: bool) -> None:
    """Send every log of this process through the pipeline; readable for people, else JSON. May be called again.

    Lines carry the context variables of the request, such as its `request_id`.
    """
    stamp: Processor = (
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        if readable
        else structlog.processors.TimeStamper(fmt="iso", utc=True)
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        with_span,
        stamp,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info if readable else _summarize_exception,
                _redact,
                _for_people() if readable else structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    for earlier in [handler for handler in root.handlers if isinstance(handler, _StandardError)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # Not uvicorn.access: what is in front of the service logs requests, and a line for each costs as much as a query.
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name, quietest in _QUIET.items():
        logging.getLogger(name).setLevel(quietest)
    # A record that cannot be formatted would otherwise be printed raw.
    logging.raiseExceptions = readable


class _StandardError(logging.Handler):
    """Writes to what standard error is now, not to what it was when the process began."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001 -- as every handler of `logging`: a log never breaks what it tells of
            self.handleError(record)


def _for_people() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=30)


def _redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    return redacted_items(cast("Mapping[object, object]", event))


def _summarize_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """An exception as types, places and first lines: what the values were is the users' business."""
    info = cast("object", event.pop("exc_info", None))
    if info is True:
        info = sys.exc_info()[1]
    elif isinstance(info, tuple):
        info = cast("tuple[object, ...]", info)[1]
    if isinstance(info, BaseException):
        event["exception"] = [_summary(link) for link in _chain(info)]
    return event


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, latest first."""
    following: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if following is None:
            return
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _summary(error: BaseException) -> dict[str, object]:
    # Further lines are where databases and validators quote the values they were given.
    first_line = (str(error).splitlines() or [""])[0]
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": redacted_text(first_line)[:_LONGEST_MESSAGE],
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-_MOST_FRAMES:]],
    }
