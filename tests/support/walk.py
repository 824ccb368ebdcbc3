"""Walking: a caller of the world sends a route's request, with its own things or with others'."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.support.walk_requests import ASKS, Ask, Route, Things
from tests.support.walk_state import Kept
from tests.support.walk_world import RIVAL, Actor, World

HOW_TO_ADD = (
    "Every route needs its line in PERMISSIONS (ostiary/domain/access.py, where it belongs to /v1) and an Ask in "
    "tests/support/walk_requests.py, which says what a valid request to it is."
)


@dataclass(slots=True)
class Walk:
    """The world, a client without a credential, and the rows as they were when the world was made."""

    world: World
    http: httpx2.AsyncClient
    kept: Kept

    def things(self, actor: Actor, ask: Ask) -> Things:
        """What the request names: the company's, and the caller's own session."""
        return self.world.things[ask.at or actor.home] | actor.things

    def rivals(self, actor: Actor) -> Things:
        """The things of another company, and the session of somebody else."""
        stranger = self.world.actors["operator"].things["session_id"]
        others = [each.things["session_id"] for each in self.world.actors.values()]
        theirs = next(each for each in others if each not in {actor.things["session_id"], stranger})
        return {**self.world.things[RIVAL[actor.home]], "session_id": theirs}

    async def send(
        self, actor: Actor, route: Route, others: Mapping[str, str] | None = None, **changed: Any
    ) -> httpx2.Response:
        """The route's request by the caller; `others` take the place of path parameters, `changed` of the rest."""
        ask = ASKS[route.key]
        its = self.things(actor, ask)
        named = {name: _thing(its, ask.path.get(name, name)) for name in route.parameters} | dict(others or {})
        request: dict[str, Any] = {"headers": dict(actor.headers), "params": _known(ask.query, its)}
        if ask.body is not None:
            request["json"] = ask.body(its)
        if ask.form is not None:
            request["data"] = ask.form(its)
        if ask.cookies is not None:
            request["headers"]["cookie"] = "; ".join(f"{name}={value}" for name, value in ask.cookies(its).items())
        request["headers"] |= changed.pop("headers", {})
        # What a browser would keep of the last answer must not speak for this caller.
        self.http.cookies.clear()
        return await self.http.request(route.method, route.path.format(**named), **(request | changed))


def _thing(its: Things, name: str) -> str:
    return name[1:] if name.startswith("=") else its[name]


def _known(query: Mapping[str, str], its: Things) -> dict[str, str]:
    """The query, with the company's things in the place of their names."""
    return {name: its.get(value, value) for name, value in query.items()}


def said(response: httpx2.Response) -> str:
    """The code of a refusal (RFC 9457); of all else, SCIM's refusals too, the status."""
    if response.headers.get("content-type") != "application/problem+json":
        return str(response.status_code)
    return str(response.json()["code"])
