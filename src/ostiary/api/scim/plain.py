"""Users and changes of them as most identity providers send them, without the SCIM library: it takes ten times as long.

Only what needs no thought is read here: declared attributes by their exact names, with values of their own types.
Whatever else a payload holds, the library reads it all. `tests/properties/test_scim_plain.py` and
`test_scim_patches.py` hold one to the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ostiary.api.scim.models import ENTERPRISE_URN, USER_URN
from ostiary.api.scim.quirks import Operation, Payload, is_list, is_object
from ostiary.domain.directory_document import Document

# In the order of the library's documents.
_ORDER = ("externalId", "userName", "name", "displayName", "title", "active", "emails", ENTERPRISE_URN)
_TEXTS = frozenset({"externalId", "userName", "displayName", "title"})
_NAME = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ENTERPRISE = ("employeeNumber", "costCenter", "organization", "division", "department")
_EMAIL = {"value": str, "type": str, "primary": bool}
_KNOWN = frozenset({"schemas", *_ORDER})
# Where a PATCH sets one value: the keys of each path.
_PATHS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in (*_TEXTS, "active", "nickName", "userType", "preferredLanguage", "locale")},
    **{f"name.{name}": ("name", name) for name in _NAME},
    **{f"{ENTERPRISE_URN}:{name}": (ENTERPRISE_URN, name) for name in _ENTERPRISE},
}
_SETS = frozenset({"add", "replace"})

Write: TypeAlias = tuple[tuple[str, ...], str | bool]


def plain_user(payload: Mapping[str, Any]) -> Document | None:
    """The document of a user, as the library reads it; None where the library must."""
    if not payload.keys() <= _KNOWN or not payload.get("userName"):
        return None
    schemas = [USER_URN, *((ENTERPRISE_URN,) if ENTERPRISE_URN in payload else ())]
    if payload.get("schemas") != schemas:
        return None
    document: dict[str, Any] = {"schemas": schemas}
    for name in _ORDER:
        if name in payload:
            value = _plain(name, payload[name])
            if value is None:
                return None
            document[name] = value
    return document


def _plain(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return value if type(value) is str else None
    if name == "active":
        return value if type(value) is bool else None
    if name == "emails":
        return _one_email(value)
    return _of_texts(value, _NAME if name == "name" else _ENTERPRISE)


def _of_texts(value: Any, order: tuple[str, ...]) -> dict[str, str] | None:
    if not is_object(value) or not value or not value.keys() <= set(order):
        return None
    if not all(type(part) is str for part in value.values()):
        return None
    return {key: value[key] for key in order if key in value}


def _one_email(value: Any) -> list[dict[str, Any]] | None:
    if not is_list(value) or len(value) != 1 or not is_object(value[0]):
        return None
    email = value[0]
    if "value" not in email or not all(type(part) is _EMAIL.get(key) for key, part in email.items()):
        return None
    return [{key: email[key] for key in _EMAIL if key in email}]


def plain_writes(operations: Sequence[Operation]) -> Sequence[Write] | None:
    """What the operations of a PATCH set, in their order; None where the library must read them."""
    writes: list[Write] = []
    for operation in operations:
        if operation.op not in _SETS:
            return None
        for path, value in _values(operation):
            keys = _PATHS.get(path)
            if keys is None or type(value) is not (bool if path == "active" else str):
                return None
            writes.append((keys, value))
    return writes


def _values(operation: Operation) -> Iterator[tuple[str, Any]]:
    if operation.path is not None:
        yield operation.path, operation.value
    elif is_object(operation.value) and operation.value:
        yield from operation.value.items()
    else:
        # No value of any attribute: the library says what is wrong with it.
        yield "", None


def written(document: Document, writes: Sequence[Write]) -> Payload:
    """The document with these values set; what it holds is as the library writes it."""
    revised: Payload = {**document}
    for keys, value in writes:
        holder = revised
        for key in keys[:-1]:
            # The document stored is nobody's to change.
            inner: Payload = {**(holder.get(key) or {})}
            holder[key] = inner
            holder = inner
        holder[keys[-1]] = value
    return revised
