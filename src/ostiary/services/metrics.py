"""What a process counts of itself beside requests, for `/metrics` and the worker's own port (decision 0020).

Labels are words of ours: kinds, outcomes, codes. None names a tenant or says what a caller sent.
"""

import math
import os
from collections.abc import Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from ostiary.services.jobs import KINDS
from ostiary.services.ports.jobs import Backlog

# The runner sets it where it starts several processes; the library reads it when it is imported.
MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
REGISTRY = CollectorRegistry()

# When a series began is nothing to keep beside each of them.
disable_created_metrics()
if MULTIPROCESS_FOLDER not in os.environ:
    ProcessCollector(registry=REGISTRY)
Gauge("ostiary_build_info", "Which version runs.", ("version",), registry=REGISTRY, multiprocess_mode="max").labels(
    version("ostiary")
).set(1)

SIGN_INS = Counter(
    "ostiary_sign_ins",
    "Sign-ins that ended, by what became of them; the code is empty where they passed.",
    ("purpose", "outcome", "code"),
    registry=REGISTRY,
)
QUEUE_LENGTH = Gauge(
    "ostiary_queue_length",
    "What is being worked on or waits for a thread; SCIM requests that wait for another of their directory.",
    ("queue",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
QUEUE_REFUSED = Counter(
    "ostiary_queue_refused", "What was sent away because a queue was full.", ("queue",), registry=REGISTRY
)
DATABASE_CONNECTIONS = Gauge(
    "ostiary_database_connections",
    "Connections to the database in use.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
DATABASE_CONNECTIONS_LIMIT = Gauge(
    "ostiary_database_connections_limit",
    "Connections to the database there may be.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
REQUEST_LOG_DROPPED = Counter(
    "ostiary_directory_requests_dropped",
    "Requests of directories that were answered, but are missing in the log of requests.",
    registry=REGISTRY,
)
DATABASE_UP = Gauge(
    "ostiary_database_up",
    "1 where the database answered when this was asked.",
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
JOBS_WAITING = Gauge(
    "ostiary_jobs_waiting",
    "Background jobs that are due and that no worker took yet.",
    ("job",),
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
JOBS_LATE_SECONDS = Gauge(
    "ostiary_jobs_late_seconds",
    "For how long the oldest of them has been due.",
    ("job",),
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
JOBS = Counter("ostiary_jobs", "Background jobs tried, by outcome.", ("job", "outcome"), registry=REGISTRY)
JOB_SECONDS = Histogram(
    "ostiary_job_duration_seconds",
    "How long a try of a background job took.",
    ("job",),
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
WEBHOOK_TRIES = Counter("ostiary_webhook_tries", "Deliveries tried, by outcome.", ("outcome",), registry=REGISTRY)


def tell_backlog(backlog: Mapping[str, Backlog] | None) -> None:
    """Set the gauges of what the database tells; None where it did not answer."""
    DATABASE_UP.set(backlog is not None)
    for kind in KINDS:
        unknown = Backlog(0, 0.0) if backlog is not None else None
        waiting = (backlog or {}).get(kind, unknown)
        JOBS_WAITING.labels(kind).set(waiting.jobs if waiting else math.nan)
        JOBS_LATE_SECONDS.labels(kind).set(waiting.late_seconds if waiting else math.nan)
