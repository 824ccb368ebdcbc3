"""Users as most identity providers send them, read without the SCIM library, which takes ten times as long.

Only what needs no thought is read here: declared attributes by their exact names, with values of their own types.
Whatever else a payload holds, the library reads it all. `tests/properties/test_scim_plain.py` holds one to the other.
"""

from collections.abc import Mapping
from typing import Any

from ostiary.api.scim.models import ENTERPRISE_URN, USER_URN
from ostiary.api.scim.quirks import is_list, is_object
from ostiary.domain.directory_document import Document

# In the order of the library's documents.
_ORDER = ("externalId", "userName", "name", "displayName", "title", "active", "emails", ENTERPRISE_URN)
_TEXTS = frozenset({"externalId", "userName", "displayName", "title"})
_NAME = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ENTERPRISE = ("employeeNumber", "costCenter", "organization", "division", "department")
_EMAIL = {"value": str, "type": str, "primary": bool}
_KNOWN = frozenset({"schemas", *_ORDER})


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
