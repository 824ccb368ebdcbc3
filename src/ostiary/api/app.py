"""The FastAPI application: three surfaces, one set of errors, health."""

from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline

from ostiary.api import contract, errors, etags, health, metrics
from ostiary.api.body_limit import BodyLimitMiddleware
from ostiary.api.head import HeadMiddleware
from ostiary.api.request_id import RequestIdMiddleware
from ostiary.api.rest import router as rest
from ostiary.api.rest.webhook_events import sent_events
from ostiary.api.saml.logout import router as logout_router
from ostiary.api.saml.router import router as saml_router
from ostiary.api.scim import router as scim
from ostiary.api.scim.sent import RequestLogMiddleware

DESCRIPTION = """\
Enterprise identity for organizations: members, teams, databases, domains, SAML connections, Directory Sync.

Errors are RFC 9457 problems with a stable `code` and a `detail` that tells the next step. Lists page by `cursor`.
A single resource has an `ETag`: send it as `If-Match`, and what somebody else changed in between is not overwritten.
What creates something takes an `Idempotency-Key`, so that it can be sent again. `HEAD` is answered wherever `GET` is.
"""


# Asked every few seconds by machines: nobody wants to see them among people's requests.
_UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})


def create_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """The application without its services; bootstrap's lifespan puts them on `app.state`."""
    # /docs with its script and style from here: it works without the internet, and runs nobody else's code.
    app = FastAPIOffline(
        title="Ostiary",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        webhooks=sent_events,
        # Its metrics and logs are ours to make; its spans of validation and the like would be most of a trace.
        telemetry=TelemetryConfig(
            metrics=False, logs=False, operation_spans=False, auto_configure=False, exclude=_is_untraced
        ),
    )
    # Routes are tried in order, and again by each router around them: what is asked most comes first, none is nested.
    for router in (*scim.routers, saml_router, logout_router, health.router, metrics.router):
        app.include_router(router)
    for router in rest.routers:
        app.include_router(router, dependencies=rest.dependencies)
    errors.install(app)
    etags.install(app)
    contract.install(app)
    # Innermost: the request log tells HEAD from GET.
    app.add_middleware(HeadMiddleware)
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(RequestIdMiddleware)
    app.state.metrics = metrics.Metrics()
    # Outermost: it also counts what the others refuse.
    app.add_middleware(metrics.MetricsMiddleware, metrics=app.state.metrics)
    return app


def _is_untraced(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in _UNTRACED


def _operation_id(route: APIRoute) -> str:
    # Every route names its own operation; the function's name stands in for those outside the contract.
    return route.name
