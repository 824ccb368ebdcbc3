"""ETags: answers that say which version they are, and requests that speak of one (RFC 9110 §8.8.3, §13.1)."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from ostiary.api.problems import problems
from ostiary.domain.errors import DomainError, Kind
from ostiary.services.versions import version_of

T = TypeVar("T")

# A proxy that compresses turns our tags into weak ones; they still name the same version.
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_TAGS = re.compile(rf"\s*{_TAG.pattern}\s*(?:,\s*{_TAG.pattern}\s*)*")
_MAX_LENGTH = 1024


class NotModified(Exception):
    """The caller has this version already."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Tagger:
    """Puts the version of a resource on the answer that shows it."""

    request: Request
    response: Response

    def mark(self, resource: object) -> str:
        """Put the version on the answer, which may show more than the resource; answers the tag."""
        tag = f'"{version_of(resource)}"'
        self.response.headers["ETag"] = tag
        return tag

    def __call__(self, resource: T) -> T:
        """The resource itself, which is all the answer shows; raises NotModified where a reader has this version."""
        tag = self.mark(resource)
        if self.request.method == "GET" and (known := self.request.headers.get("if-none-match")) is not None:
            versions = _versions(known)
            if versions is None or tag[1:-1] in versions:
                raise NotModified(tag)
        return resource


async def _tagger(request: Request, response: Response) -> Tagger:
    return Tagger(request, response)


SHOWS_ITS_TAG: dict[str, Any] = {
    "headers": {
        "ETag": {
            "description": "The version of what is shown. Send it as `If-Match` with a change.",
            "schema": {"type": "string"},
        }
    }
}

TagDep = Annotated[Tagger, Depends(_tagger)]


async def seen_versions(request: Request) -> frozenset[str] | None:
    """The versions a request's If-Match allows; None for any.

    Raises 412 where the address has no versions: who asks for a condition must not be answered without it.
    """
    wanted = request.headers.get("if-match")
    if wanted is None:
        return None
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or HTTPStatus.PRECONDITION_FAILED not in route.responses:
        raise DomainError(
            Kind.PRECONDITION_FAILED,
            "precondition_not_supported",
            "What is at this address has no ETag of its own. Leave If-Match out.",
        )
    return _versions(wanted)


def _versions(header: str) -> frozenset[str] | None:
    """The versions a header names; None for `*`. What cannot be read names none."""
    if header.strip() == "*":
        return None
    if len(header) > _MAX_LENGTH or _TAGS.fullmatch(header) is None:
        return frozenset()
    return frozenset(_TAG.findall(header))


def tagged(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that reads one resource, for the contract."""
    return {HTTPStatus.NOT_MODIFIED: {"description": "You have this version already."}, **problems(*statuses)}


def install(app: FastAPI) -> None:
    """Make the application answer readers who have the present version already."""

    def not_modified(_: Request, known: Exception) -> Response:
        assert isinstance(known, NotModified)
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": known.tag})

    app.add_exception_handler(NotModified, not_modified)


def document(operation: dict[str, Any]) -> None:
    """Complete an operation of the contract: the headers of conditional requests, and the tag of the answer."""
    responses = operation["responses"]
    if "304" in responses:
        _header(operation, "If-None-Match", "An ETag you have; answered by 304 while it is the present one.")
    if "412" in responses:
        _header(operation, "If-Match", "The ETag of what you saw; nothing is changed when it is another by now (412).")
    if ("304" in responses or "412" in responses) and "200" in responses:
        responses["200"].setdefault("headers", {}).update(SHOWS_ITS_TAG["headers"])


def _header(operation: dict[str, Any], name: str, description: str) -> None:
    parameter = {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "maxLength": _MAX_LENGTH},
        "example": '"vE0kN4hWc8bQx1Zt"',
    }
    operation.setdefault("parameters", []).append(parameter)
