"""What a bulk request asks for (RFC 7644 §3.7): its operations, what they refer to, and an order that can be kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ostiary.api.scim.quirks import Payload, is_list, is_object, key_of
from ostiary.domain.errors import DomainError, Kind, invalid

BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
MAX_OPERATIONS = 1000

_REFERENCE = "bulkId:"
_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_COLLECTIONS = {"users": "Users", "groups": "Groups"}


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation; `collection` is Users or Groups, `resource_id` may be a reference."""

    method: str
    path: str
    collection: str = ""
    resource_id: str = ""
    bulk_id: str | None = None
    version: str | None = None
    data: Payload = field(default_factory=dict[str, Any])
    refused: DomainError | None = None

    @property
    def creates(self) -> bool:
        """Whether other operations may refer to what it makes."""
        return self.method == "POST" and self.refused is None


@dataclass(frozen=True, slots=True)
class BulkJob:
    """All operations, and after how many errors to stop (None: never)."""

    operations: tuple[BulkOperation, ...]
    fail_on_errors: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """An operation's place in the request, and the references it has to do without at first: they lead in a circle."""

    index: int
    deferred: frozenset[str] = frozenset()


def read_job(body: Payload) -> BulkJob:
    """The job in a request; an operation that cannot be read is refused by itself.

    Raises `invalid_syntax`, `invalid_value`, `too_many_operations`.
    """
    schemas = _get(body, "schemas")
    if schemas is not None and (not is_list(schemas) or BULK_REQUEST not in schemas):
        raise invalid("invalid_syntax", f"A bulk request is a message of the schema {BULK_REQUEST}.")
    listed = _get(body, "Operations")
    if not is_list(listed) or not listed:
        raise invalid("invalid_syntax", "A bulk request has a list of Operations, each with method and path.")
    if len(listed) > MAX_OPERATIONS:
        raise DomainError(
            Kind.TOO_LARGE,
            "too_many_operations",
            f"{len(listed)} operations are more than maxOperations ({MAX_OPERATIONS}). Send several requests.",
        )
    fail_on_errors = _get(body, "failOnErrors")
    if fail_on_errors is not None and (type(fail_on_errors) is not int or fail_on_errors < 1):
        raise invalid("invalid_value", "failOnErrors is a whole number from 1. Leave it out to go on after errors.")
    operations = tuple(_operation(entry) for entry in listed)
    bulk_ids = [operation.bulk_id for operation in operations if operation.creates]
    if len(set(bulk_ids)) < len(bulk_ids):
        raise invalid("invalid_value", "Two operations have one bulkId. Give each POST one of its own.")
    return BulkJob(operations, fail_on_errors)


def _get(holder: Payload, name: str) -> Any:
    key = key_of(holder, name)
    return None if key is None else holder[key]


def _operation(entry: Any) -> BulkOperation:
    if not is_object(entry):
        return BulkOperation("", "", refused=invalid("invalid_syntax", "An operation is an object."))
    method, path, bulk_id, version, data = (
        _get(entry, name) for name in ("method", "path", "bulkId", "version", "data")
    )
    method = method.upper() if isinstance(method, str) else ""
    path = path if isinstance(path, str) else ""
    bulk_id = bulk_id if isinstance(bulk_id, str) and bulk_id else None
    _, _, rest = path.strip().rpartition("/scim/v2")
    name, _, resource_id = rest.strip("/").partition("/")
    collection = _COLLECTIONS.get(name.lower(), "")
    refused = _refusal(method, path, collection, resource_id)
    if refused is None and method == "POST" and bulk_id is None:
        refused = invalid("invalid_value", "A POST needs a bulkId, for its result to be told from others.")
    if refused is None and method != "DELETE" and not is_object(data):
        refused = invalid("invalid_value", f"A {method} needs data: what it would send alone.")
    if refused is None and version is not None and not isinstance(version, str):
        refused = invalid("invalid_value", 'version is a text such as W/"3".')
    return BulkOperation(
        method, path, collection, resource_id, bulk_id, version, data if is_object(data) else {}, refused
    )


def _refusal(method: str, path: str, collection: str, resource_id: str) -> DomainError | None:
    if method not in _METHODS:
        return invalid("invalid_value", f"method is one of {', '.join(_METHODS)}.")
    if not path:
        return invalid("invalid_value", "An operation needs a path, such as /Users or /Groups/2819c223.")
    if not collection or "/" in resource_id or "?" in path or (method == "POST") is bool(resource_id):
        where = "/Users and /Groups" if method == "POST" else "/Users/{id} and /Groups/{id}"
        return DomainError(Kind.NOT_FOUND, "not_found", f"{method} in a bulk request goes to {where}.")
    return None


def references(operation: BulkOperation) -> frozenset[str]:
    """The bulkIds an operation refers to."""
    return frozenset(_referred(operation.resource_id)) | frozenset(_referred(operation.data))


def _referred(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith(_REFERENCE):
            yield value.removeprefix(_REFERENCE)
        else:
            # In the path of a PATCH, or as the end of an address.
            yield from _quoted(value)
    elif is_object(value) or is_list(value):
        for child in value.values() if is_object(value) else value:
            yield from _referred(child)


def _quoted(text: str) -> Iterator[str]:
    for opening, closing in ((f'"{_REFERENCE}', '"'), (f"/{_REFERENCE}", "/")):
        for part in text.split(opening)[1:]:
            yield part.partition(closing)[0]


def resolved(value: Any, known: Mapping[str, str]) -> Any:
    """A value with the ids in place of the references."""
    if isinstance(value, str):
        for name in set(_referred(value)):
            if name in known:
                value = known[name] if value == _REFERENCE + name else value.replace(_REFERENCE + name, known[name])
        return value
    if is_object(value):
        return {key: resolved(child, known) for key, child in value.items()}
    if is_list(value):
        return [resolved(child, known) for child in value]
    return value


def without(value: Any, deferred: frozenset[str]) -> Any:
    """A value without what refers to what is not there yet: such an object, or such an entry of a list, as a whole."""
    if is_list(value):
        return [without(child, deferred) for child in value if not _points(child, deferred)]
    if is_object(value):
        return {key: without(child, deferred) for key, child in value.items() if not _points(child, deferred)}
    return value


def _points(value: Any, deferred: frozenset[str]) -> bool:
    """Whether a value is such a reference, or an object whose own is one."""
    parts = value.values() if is_object(value) else [value]
    return any(isinstance(part, str) and not deferred.isdisjoint(_referred(part)) for part in parts)


def steps(operations: Sequence[BulkOperation]) -> list[Step]:
    """The operations in an order where what is referred to comes first, and else in their own."""
    makers = {operation.bulk_id: index for index, operation in enumerate(operations) if operation.creates}
    needs = [
        [] if operation.refused else [makers[name] for name in sorted(references(operation)) if name in makers]
        for operation in operations
    ]
    done: list[Step] = []
    entered: dict[int, Iterator[int]] = {}
    finished: set[int] = set()
    deferred: dict[int, set[str]] = {}
    for first in range(len(operations)):
        path = [first] if first not in finished else []
        while path:
            index = path[-1]
            remaining = entered.setdefault(index, iter(needs[index]))
            needed = next((one for one in remaining if one not in finished), None)
            if needed is None:
                path.pop()
                finished.add(index)
                done.append(Step(index, frozenset(deferred.get(index, ()))))
            elif needed in entered:
                # Being worked at itself: a circle.
                deferred.setdefault(index, set()).add(str(operations[needed].bulk_id))
            else:
                path.append(needed)
    return done
