"""What can go wrong, said without HTTP: a kind, a stable code, a sentence that says how to mend it."""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """The nature of a refusal; the API maps each kind to one status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


class DomainError(Exception):
    """A refusal with a stable code.

    `pointer` is a JSON pointer to the field at fault, `parameter` the name of a query parameter that is; `extra` holds
    public members that help the caller go on (`sign_in_url`, `trace_id`, `retry_after_seconds`).
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        extra: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.kind = kind
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.parameter = parameter
        self.extra: Mapping[str, str | int] = extra or {}


def invalid(code: str, detail: str, *, pointer: str | None = None) -> DomainError:
    """A value that cannot be accepted; the detail says which would be."""
    return DomainError(Kind.INVALID, code, detail, pointer=pointer)


def forbidden(code: str, detail: str, **extra: str) -> DomainError:
    """The caller is known and may not."""
    return DomainError(Kind.FORBIDDEN, code, detail, extra=extra)


def conflict(code: str, detail: str, **extra: str) -> DomainError:
    """The present state forbids it."""
    return DomainError(Kind.CONFLICT, code, detail, extra=extra)


def not_found(what: str) -> DomainError:
    """The thing does not exist, or the caller may not know that it does."""
    return DomainError(Kind.NOT_FOUND, f"{what}_not_found", f"There is no such {what.replace('_', ' ')} here.")


def unauthenticated(code: str, detail: str) -> DomainError:
    """No valid credential came with the request."""
    return DomainError(Kind.UNAUTHENTICATED, code, detail)
