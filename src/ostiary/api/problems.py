"""The shape of a refusal in the contract (RFC 9457), shared by the surfaces."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_TYPE = "https://ostiary.dev/problems/"


class FieldProblem(BaseModel):
    """One field at fault."""

    pointer: str | None = Field(default=None, description="JSON pointer to the field in the body.")
    parameter: str | None = Field(default=None, description="Name of the query or path parameter.")
    code: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` tells the next step."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["https://ostiary.dev/problems/sso_required"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["sso_required"])
    request_id: str
    errors: list[FieldProblem] | None = None


_MEANINGS = {
    400: "The request is not well-formed.",
    401: "No valid credential came with the request.",
    403: "The caller is known and may not; `code` says why.",
    404: "There is no such thing here, or the caller may not know of it.",
    409: "The present state forbids it; `code` says why.",
    412: "It is no longer what `If-Match` names; nothing was changed.",
    413: "The body is too large.",
    422: "A field is not acceptable; `errors` points at it.",
    429: "Too many tries; wait for `Retry-After`.",
    503: "Something this needs is out of reach, or there is too much to do; try again.",
}


_CODES = {
    400: ("malformed_request", "The body is not well-formed JSON."),
    401: ("authentication_required", "Send a session or token as 'Authorization: Bearer …'."),
    403: ("forbidden", "Your role does not allow this. Ask an administrator of the organization."),
    404: ("organization_not_found", "There is no such organization for you."),
    409: ("sso_not_ready", "Verify at least one e-mail domain first."),
    412: ("version_mismatch", "This was changed since you read it. Read it again."),
    413: ("body_too_large", "The body is larger than 1048576 bytes."),
    422: ("invalid_email", "Give an e-mail address such as name@company.com."),
    429: ("too_many_attempts", "Too many tries. Wait a minute."),
    503: ("dns_unavailable", "The name servers did not answer. Try again in a minute."),
}

PROBLEM_EXAMPLES: dict[int, dict[str, Any]] = {
    status: {
        "type": f"{PROBLEM_TYPE}{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "5f0c9b6ad1f24f0f8f3a3c5d1f6f0b1e",
    }
    for status, (code, detail) in _CODES.items()
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for the contract."""
    return {
        status: {
            "model": Problem,
            "description": _MEANINGS[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
