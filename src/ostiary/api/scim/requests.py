"""Reading SCIM requests: the caller, the body and the versions asked for, and refusals by RFC 7644 §3.12."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
from fastapi import Request
from pydantic import ValidationError
from scim2_models import Error, SCIMException
from starlette.exceptions import HTTPException

from ostiary.api.deps import Services
from ostiary.api.errors import SCIM_JSON
from ostiary.api.scim import quirks, sent
from ostiary.domain.directory_token import TokenEndedError
from ostiary.domain.errors import DomainError, Kind, invalid
from ostiary.services.context import Caller

_MAX_DEPTH = 16
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# RFC 7644 §3.1 and §8.1: its own, and the plain one that Google sends.
_MEDIA_TYPES = frozenset({SCIM_JSON, "application/json", ""})
# A version, and behind it what was joined to the resource (`rendering.etag`).
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})(?:-[0-9a-f]{1,32})?"')
# The codes our errors have for the keywords of RFC 7644 §3.12.
_CODES = {
    "invalidFilter": "invalid_filter",
    "invalidPath": "invalid_path",
    "invalidSyntax": "invalid_syntax",
    "invalidValue": "invalid_value",
    "mutability": "mutability",
    "noTarget": "no_target",
}


async def caller_of(request: Request, services: Services) -> Caller:
    """The directory behind the token, holding its turn; raises 401, and `too_many_requests`."""
    try:
        caller = await services.authenticator.directory(request)
    except TokenEndedError as error:
        sent.noted_organization(error.organization_id)
        raise
    sent_request = sent.noted_caller(caller)
    if sent_request is not None and sent_request.organization_id is not None:
        if request.method in _WITH_BODY:
            # No turn is held while somebody sends slowly.
            await request.body()
        sent_request.turn = await services.turns.enter(sent_request.organization_id)
    return replace(caller, sent=sent_request)


async def body_of(request: Request) -> dict[str, Any]:
    """A JSON object, of either media type; raises `invalid_syntax`, and 415 for any other."""
    media_type = request.headers.get("content-type", SCIM_JSON).partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise HTTPException(415, f"Send {SCIM_JSON} or application/json, not {media_type[:64]!r}.")
    raw = await request.body()
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid("invalid_syntax", f"The body is not JSON: {error}.") from error
    if not quirks.is_object(body):
        raise invalid("invalid_syntax", "The body is a JSON object.")
    if b"\\u0000" in raw:
        # The database stores any character but this one.
        raise invalid("invalid_value", "No text may hold the character U+0000.")
    _ensure_shallow(body)
    sent.noted_body(body)
    return body


def _ensure_shallow(body: Any) -> None:
    level: list[Any] = [body]
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if quirks.is_object(container) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise invalid("invalid_value", f"Attributes nest at most {_MAX_DEPTH} deep.")


def versions(header: str | None) -> frozenset[int] | None:
    """The versions in `If-Match`, or in an operation of a bulk request; None expects nothing."""
    if header is None or header.strip() == "*":
        return None
    matches = (_ETAG.fullmatch(tag.strip()) for tag in header.split(","))
    return frozenset(int(match.group(1)) for match in matches if match)


class _AllBut(frozenset[int]):
    """Every version but these."""

    def __contains__(self, version: object) -> bool:
        return not super().__contains__(version)


def expected_by(request: Request) -> frozenset[int] | None:
    """The versions that will do; None where any will."""
    wanted = versions(request.headers.get("if-match"))
    refused = request.headers.get("if-none-match")
    if refused is None or request.method in ("GET", "HEAD"):
        return wanted
    # RFC 9110 §13.1.2: only if what is there is none of these, or with * only if there is nothing yet.
    named = versions(refused)
    if named is None:
        return frozenset()
    return _AllBut(named) if wanted is None else wanted - named


def names(header: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, compared as weak ones are (RFC 9110 §13.1.2)."""
    if header is None:
        return False
    return header.strip() == "*" or tag.removeprefix("W/") in (
        listed.strip().removeprefix("W/") for listed in header.split(",")
    )


@contextmanager
def refusing() -> Generator[None]:
    """What the SCIM library refuses becomes a refusal of ours."""
    try:
        yield
    except SCIMException as error:
        cause = error.__cause__
        # A value of a PATCH that does not fit its attribute: the cause says it in one line.
        said = Error.from_validation_errors(cause)[0] if isinstance(cause, ValidationError) else error.to_error()
        raise _refusal(said) from error
    except ValidationError as error:
        raise _refusal(Error.from_validation_errors(error)[0]) from error


def _refusal(error: Error) -> DomainError:
    code = _CODES.get(error.scim_type or "", "invalid_value")
    return DomainError(Kind.INVALID, code, error.detail or "The request does not follow RFC 7644.")
