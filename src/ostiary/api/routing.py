"""Routers that are passed over by one look at the path."""

import re
from functools import cached_property

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import Match, compile_path
from starlette.types import Scope

_NAMED_GROUP = re.compile(r"\(\?P<\w+>")


class Routes(APIRouter):
    """A router with whole paths, which knows at once whether a request could be for one of its routes.

    Routes are tried in order, and again by each router they are included in: a request under `/v1` would be compared
    with some three hundred patterns before it came to its own.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """What the routes say; they are asked only where one of them has such a path."""
        if self._paths.match(scope["path"]) is None:
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _paths(self) -> re.Pattern[str]:
        """All paths in one expression; made at the first request, when all routes are in place."""
        paths = (route.path for route in iter_route_contexts(self.routes))
        return re.compile("|".join(_NAMED_GROUP.sub("(?:", compile_path(path)[0].pattern) for path in paths if path))
