"""A router that is passed over would have had nothing to say."""

import re
from functools import cache

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

from ostiary.api.app import create_app
from ostiary.api.routing import Routes

_VARIATIONS = ("{}", "{}/", "{}/x", "/x{}", "{}%0A", "{}\n")


@cache
def app() -> FastAPI:
    return create_app()


def answers(path: str, method: str) -> list[Match]:
    """What each router of the application says to a request."""
    scope: Scope = {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}
    return [route.matches(dict(scope))[0] for route in app().routes]


def test_every_path_and_its_neighbours_are_answered_as_without_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [re.sub(r"\{\w+\}", "x1", context.path) for context in iter_route_contexts(app().routes) if context.path]
    asked = [
        (variation.format(path), method)
        for path in dict.fromkeys(paths)
        for variation in _VARIATIONS
        for method in ("GET", "DELETE")
    ]
    quick = [answers(*request) for request in asked]
    monkeypatch.setattr(Routes, "matches", APIRouter.matches)
    assert quick == [answers(*request) for request in asked]
    assert sum(Match.FULL in found for found in quick) > len(paths) / 2
