"""One SCIM request as its handler is given it, and the routes that lead there.

They are Starlette's, not FastAPI's: nothing of this surface stands in the contract or takes parameters that FastAPI
could read, and its way to a handler took a sixth of the time of a read.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.api.deps import Services, services_of
from ostiary.api.routing import Routes
from ostiary.api.scim import rendering
from ostiary.api.scim.queries import projection_of, query_of
from ostiary.api.scim.rendering import Projection, Rendered
from ostiary.api.scim.requests import body_of, caller_of, expected_by
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a directory whose token is good. Its parts are read where they are asked for, and raise then."""

    request: Request
    caller: Caller
    services: Services

    def part(self, name: str) -> str:
        """A part of the path, by its name in the route."""
        return self.request.path_params[name]

    async def body(self) -> dict[str, Any]:
        """The JSON object that came; raises `invalid_syntax`, and 415 for another media type."""
        return await body_of(self.request)

    def query(self) -> ListQuery:
        """What a list is asked for."""
        return query_of(self.request)

    def projection(self) -> Projection:
        """Which attributes are asked for."""
        return projection_of(self.request)

    def expected(self) -> frozenset[int] | None:
        """The versions that will do (`If-Match`, `If-None-Match`); None where any will."""
        return expected_by(self.request)

    def unless_known(self, rendered: Rendered, projection: Projection) -> Response:
        """One resource, or 304 where the caller has it."""
        return rendering.unless_known(rendered, projection, self.request.headers.get("if-none-match"))


Handler = Callable[[Asked], Awaitable[Response]]


class ScimRoutes(Routes):
    """Routes under `/scim/v2`, for directories alone."""

    def on(self, methods: str | Sequence[str], path: str) -> Callable[[Handler], Handler]:
        """Lead the methods of a path to the handler."""

        def register(handler: Handler) -> Handler:
            async def answer(request: Request) -> Response:
                services = services_of(request)
                # Metrics and traces name it.
                request.scope["route"] = route
                return await handler(Asked(request, await caller_of(request, services), services))

            named = [methods] if isinstance(methods, str) else list(methods)
            route = Route(f"/scim/v2{path}", answer, methods=named, name=handler.__name__, include_in_schema=False)
            self.routes.append(route)
            return handler

        return register
