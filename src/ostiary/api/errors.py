"""The one table from DomainError to answers: problem+json, SCIM Error, or a plain page, by path."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from ostiary.api.head import has_head
from ostiary.api.pages import error_page
from ostiary.api.problems import PROBLEM_TYPE
from ostiary.api.request_id import request_id_of
from ostiary.domain.errors import DomainError, Kind

_log = structlog.get_logger(__name__)

STATUS: Mapping[Kind, HTTPStatus] = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.PRECONDITION_FAILED: HTTPStatus.PRECONDITION_FAILED,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.THROTTLED: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}

PROBLEM_JSON = "application/problem+json"
SCIM_JSON = "application/scim+json"
SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_BROWSER_PATHS = ("/sso/", "/saml/")


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    extra: Mapping[str, str | int] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """An RFC 9457 answer, in the shape the path's callers read."""
    extra = dict(extra or {})
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if (retry_after := extra.get("retry_after_seconds")) is not None:
        headers["Retry-After"] = str(retry_after)
    path = request.url.path
    if path.startswith("/scim/"):
        body = scim_error(status, code, detail, request.method)
        return JSONResponse(body, status_code=int(body["status"]), media_type=SCIM_JSON, headers=headers)
    if path.startswith(_BROWSER_PATHS) and "text/html" in request.headers.get("accept", ""):
        return error_page(status, code, detail, trace_id=str(extra.get("trace_id", "")), headers=headers)
    body: dict[str, Any] = {
        "type": f"{PROBLEM_TYPE}{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id_of(request),
        **extra,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status_code=status, media_type=PROBLEM_JSON, headers=headers)


_SCIM_TYPES: Mapping[str, str] = {
    "user_name_taken": "uniqueness",
    "expired_cursor": "expiredCursor",
    "invalid_count": "invalidCount",
    "invalid_cursor": "invalidCursor",
    "invalid_filter": "invalidFilter",
    "invalid_path": "invalidPath",
    "invalid_request": "invalidSyntax",
    "invalid_syntax": "invalidSyntax",
    "mutability": "mutability",
    "no_target": "noTarget",
    "unknown_attribute": "invalidSyntax",
}


def scim_refusal(error: DomainError, method: str) -> dict[str, Any]:
    """What a refusal of ours is in SCIM; `method` is the request's, or the operation's of a bulk request."""
    return scim_error(STATUS[error.kind], error.code, error.detail, method)


def scim_error(status: int, code: str, detail: str, method: str) -> dict[str, Any]:
    """RFC 7644 §3.12. A value we refuse is 400 `invalidValue` there, not 422."""
    if code == "unknown_attribute" and method == "PATCH":
        # There it is a path that leads nowhere, elsewhere the whole that follows no schema.
        code = "invalid_path"
    body: dict[str, Any] = {"schemas": [SCIM_ERROR], "detail": detail}
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        status = HTTPStatus.BAD_REQUEST
        body["scimType"] = "invalidValue"
    if code in _SCIM_TYPES:
        body["scimType"] = _SCIM_TYPES[code]
    body["status"] = str(int(status))
    return body


def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    status = STATUS[error.kind]
    where = {"pointer": error.pointer, "parameter": error.parameter}
    known = {name: value for name, value in where.items() if value is not None}
    errors = [{**known, "code": error.code, "detail": error.detail}] if known else []
    return problem(request, status, error.code, error.detail, extra=error.extra, errors=errors)


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    for item in error.errors():
        if item["type"] == "json_invalid":
            reason = item.get("ctx", {}).get("error", "it cannot be read")
            detail = f"The body is not well-formed JSON: {reason} at character {item['loc'][-1]}."
            return problem(request, HTTPStatus.BAD_REQUEST, "malformed_request", detail)
    errors = [
        {
            # FastAPI's location begins with where the value stood; a body's field is its JSON pointer.
            "pointer": "".join(f"/{_escaped(part)}" for part in item["loc"][1:]) if item["loc"][0] == "body" else "",
            "parameter": "" if item["loc"][0] == "body" else str(item["loc"][-1]),
            "code": str(item["type"]),
            "detail": str(item["msg"]),
        }
        for item in error.errors()
    ]
    kept = [{key: value for key, value in item.items() if value} for item in errors]
    first = kept[0]
    where = first.get("pointer") or first.get("parameter") or "the body"
    return problem(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        f"{where}: {first['detail']}" + (f" (and {len(kept) - 1} more)" if len(kept) > 1 else ""),
        errors=kept,
    )


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed", 400: "malformed_request", 413: "body_too_large"}
    details = {
        404: "There is nothing at this address. The contract is at /docs.",
        405: "This address does not know the method. The contract is at /docs.",
    }
    if request.url.path.startswith("/scim/"):
        details = {
            404: "There is nothing at this address. /scim/v2/ResourceTypes lists what there is.",
            405: "This address does not know the method: send one of those in Allow.",
        }
    response = problem(
        request,
        error.status_code,
        codes.get(error.status_code, "http_error"),
        details.get(error.status_code, str(error.detail)),
    )
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The routing names the methods of one route, while several may share an address (RFC 9110 §15.5.6).
        response.headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return response


def _methods_at(request: Request) -> set[str]:
    path = request.url.path
    found = (route for route in iter_route_contexts(request.app.routes) if _regex_of(route.path or "").match(path))
    methods = {method for route in found for method in route.methods or ()}
    return methods | {"HEAD"} if "GET" in methods and has_head(path) else methods


@cache
def _regex_of(path: str) -> re.Pattern[str]:
    return compile_path(path)[0]


def _unexpected(request: Request, error: Exception) -> Response:
    # The log has the traceback, the answer only the request id.
    _log.error("unexpected_error", path=request.url.path, exc_info=error)
    return problem(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "Something went wrong here, and nothing was changed. Try again; if it stays, tell support the request_id.",
    )


def install(app: FastAPI) -> None:
    """Make the application answer every error in these shapes."""
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
