"""Requests that can be read in two ways are refused, so that no two readers of one request disagree."""

import json
from typing import Any

from fastapi import Request

from ostiary.domain.errors import DomainError, Kind, invalid


async def unambiguous(request: Request) -> None:
    """Refuse a JSON key or a query parameter that stands twice; raises `duplicate_key`, `duplicate_parameter`.

    RFC 8259 §4 leaves it open which of two equal keys counts: a proxy that checks the first and a service that takes
    the last would let through what neither allows.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise DomainError(
                Kind.INVALID, "duplicate_parameter", f"The query has {name[:64]!r} more than once. Send it once."
            )
    if request.method in {"POST", "PUT", "PATCH"} and (body := await request.body()):
        try:
            json.loads(body, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            # What is no JSON is refused where it is read.
            return


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            pointer = "/" + key.replace("~", "~0").replace("/", "~1")
            raise invalid("duplicate_key", f"The body has {key[:64]!r} more than once. Send it once.", pointer=pointer)
        found[key] = value
    return found
