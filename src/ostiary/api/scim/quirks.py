"""What identity providers send that the RFCs do not say, made what they do say. Nothing else is loosened.

Entra: a misspelt enterprise URN, a manager in three shapes, "" to clear, booleans and roles in texts, unquoted filter
values. OneLogin: the schemas of SCIM 1 drafts. Ping: unquoted filter values. Each has a name, which the request log
tells (`domain.scim_quirks`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson

from ostiary.api.scim.models import ENTERPRISE_URN
from ostiary.api.scim.sent import noted
from ostiary.domain.errors import DomainError, Kind, invalid
from ostiary.domain.scim_quirks import Quirk

MAX_OPERATIONS = 1000
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_OLD_ENTERPRISE = re.compile(r"urn:scim:schemas:extension:enterprise:[12]\.0(?=:|$)", re.IGNORECASE)
_MISSPELT_ENTERPRISE = re.compile(r"urn:ietf:params:scim:schemas:extension:enterprise:2\.0User\b", re.IGNORECASE)
_OLD_CORE_SCHEMAS = frozenset({"urn:scim:schemas:core:1.0", "urn:scim:schemas:core:2.0"})
_OF_RESOURCES = re.compile(r"urn:(?:ietf:params:)?scim:schemas:", re.IGNORECASE)
_BARE_VALUE = re.compile(
    r"""("(?:[^"\\]|\\.)*")|(\b(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+)((?!')[^\s"()\[\]]+)""", re.IGNORECASE
)
_BOOLEAN_IN_TEXT = re.compile(r'\b(?:active|primary)\s+(?:eq|ne)\s+"(?:true|false)"', re.IGNORECASE)
_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.IGNORECASE)

_BOOLEAN_NAMES = frozenset({"active", "primary"})
_BOOLEANS = {"true": True, "false": False}

Payload = dict[str, Any]


def is_object(value: object) -> TypeGuard[Payload]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def key_of(holder: Mapping[str, Any], name: str) -> str | None:
    """The key an attribute goes by in a payload: names have no case (RFC 7643 §2.1)."""
    return next((key for key in holder if key.lower() == name.lower()), None)


def take(holder: Payload, name: str) -> Any:
    """Take an attribute out of a payload; None where it is not there."""
    key = key_of(holder, name)
    return None if key is None else holder.pop(key)


def filter_text(text: str) -> str:
    """A filter whose unquoted values are quoted: `externalId eq jyoung`, `userName eq a@b.com`."""

    def quoted(match: re.Match[str]) -> str:
        string, operator, value = match.groups()
        if string is not None or _LITERAL.fullmatch(value):
            return match.group()
        noted(Quirk.FILTER_VALUE_UNQUOTED)
        return f'{operator}"{value}"'

    if _BOOLEAN_IN_TEXT.search(text):
        noted(Quirk.TEXT_AS_BOOLEAN)
    return _BARE_VALUE.sub(quoted, text)


def resource(payload: Mapping[str, Any], urn: str) -> Payload:
    """A user or group as it would be sent by the book; `urn` is its core schema. Raises `invalid_syntax`."""
    _ensure_distinct(payload)
    mended = _mended(payload)
    if key_of(mended, "password") is not None:
        noted(Quirk.PASSWORD_DISCARDED)
    schemas = take(mended, "schemas")
    if is_list(schemas):
        mended["schemas"] = [_schema(schema, urn) for schema in schemas]
    elif schemas is not None:
        mended["schemas"] = schemas
    return mended


def _mended(payload: Mapping[str, Any]) -> Payload:
    mended = {_spelt(key): _value(key, value) for key, value in payload.items()}
    extension = key_of(mended, ENTERPRISE_URN)
    if extension is not None and is_object(mended[extension]):
        mended[extension] = _with_manager(mended[extension])
    return mended


def _spelt(text: str) -> str:
    for pattern, quirk in (
        (_MISSPELT_ENTERPRISE, Quirk.ENTERPRISE_URN_MISSPELT),
        (_OLD_ENTERPRISE, Quirk.SCHEMAS_OF_SCIM_1),
    ):
        text, count = pattern.subn(ENTERPRISE_URN, text)
        if count:
            noted(quirk)
    return text


def _value(path: str, value: Any) -> Any:
    """What an attribute is set to: booleans and roles that came as texts are what the texts say."""
    name = re.split(r"[:.\]]", path)[-1].lower()
    if name in _BOOLEAN_NAMES:
        return _boolean(name, value)
    if not is_list(value):
        return value
    entries = [
        {key: _value(key, part) if key.lower() == "primary" else part for key, part in entry.items()}
        if is_object(entry)
        else entry
        for entry in value
    ]
    return [_role(entry) for entry in entries] if name == "roles" else entries


def _role(entry: Any) -> Any:
    """A role whose value is JSON in a text, as Entra patches its application roles (AppRoleAssignmentsComplex)."""
    text = entry.get("value") if is_object(entry) else None
    if not isinstance(text, str) or not text.startswith("{"):
        return entry
    try:
        role: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return entry
    if not is_object(role) or not isinstance(role.get("value"), str):
        return entry
    noted(Quirk.ROLE_IN_TEXT)
    display = role.get("displayName")
    return {**entry, "value": role["value"], **({"display": display} if isinstance(display, str) else {})}


def _boolean(name: str, value: Any) -> Any:
    """`active` or `primary`; a word or number that only might mean one of the two takes nobody's access away."""
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        noted(Quirk.TEXT_AS_BOOLEAN)
        return _BOOLEANS[value.strip().lower()]
    if value is None or value == "" or isinstance(value, bool):
        return value
    raise invalid("invalid_value", f"{name} is true or false.", pointer=f"/{name}")


def _schema(schema: Any, urn: str) -> Any:
    """An old URN as the present one; the core schema as it is spelt here; anything else as it came."""
    if not isinstance(schema, str):
        return schema
    lowered = schema.lower()
    if lowered in _OLD_CORE_SCHEMAS:
        noted(Quirk.SCHEMAS_OF_SCIM_1)
        return urn
    return urn if lowered == urn.lower() else _spelt(schema)


def _with_manager(extension: Payload) -> Payload:
    key = key_of(extension, "manager")
    if key is None:
        return extension
    manager = _manager(extension[key])
    rest = {name: value for name, value in extension.items() if name != key}
    return {**rest, "manager": manager} if manager else rest


def _manager(value: Any) -> Payload | None:
    """A manager as an object, whether it came as one, in a list, or as the bare id."""
    if is_list(value):
        noted(Quirk.MANAGER_SHAPE)
        value = value[0] if value else None
    if isinstance(value, str):
        noted(Quirk.MANAGER_SHAPE)
        return {"value": value} if value else None
    return {name: part for name, part in value.items() if part is not None} if is_object(value) else None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a PATCH. `has_value` tells a null from nothing."""

    op: str
    path: str | None
    value: Any = None
    has_value: bool = False

    def payload(self) -> Payload:
        """The operation as RFC 7644 §3.5.2 spells it."""
        spelt: Payload = {"op": self.op}
        if self.path is not None:
            spelt["path"] = self.path
        if self.has_value:
            spelt["value"] = self.value
        return spelt


def operations(payload: Mapping[str, Any]) -> list[Operation]:
    """The operations of a PATCH, as they would be sent by the book; raises `invalid_syntax`."""
    _ensure_distinct(payload)
    _ensure_patch(payload)
    key = key_of(payload, "Operations")
    listed = payload[key] if key is not None else None
    if not is_list(listed) or not listed:
        raise invalid("invalid_syntax", "A PATCH has a list of Operations, each with op, path and value.")
    if len(listed) > MAX_OPERATIONS:
        raise DomainError(Kind.TOO_LARGE, "too_many_operations", f"Send at most {MAX_OPERATIONS} operations at a time.")
    return [mended for entry in listed for mended in _operation(entry)]


def _ensure_patch(payload: Mapping[str, Any]) -> None:
    """Refuse what says that it is another message: a search, or operations in bulk (RFC 7644 §3.5.2)."""
    key = key_of(payload, "schemas")
    schemas: Any = None if key is None else payload[key]
    named = [schemas] if isinstance(schemas, str) else ([] if schemas is None else schemas)
    if not is_list(named) or not all(isinstance(schema, str) for schema in named):
        raise invalid("invalid_syntax", f'schemas is a list: ["{PATCH_OP}"].')
    lowered = [str(schema).lower() for schema in named]
    if PATCH_OP.lower() in lowered and is_list(schemas):
        return
    if not all(schema == PATCH_OP.lower() or _OF_RESOURCES.match(schema) for schema in lowered):
        raise invalid("invalid_syntax", f"A PATCH is a message of the schema {PATCH_OP}: send it in schemas.")
    noted(Quirk.PATCH_WITHOUT_SCHEMA)


def _ensure_distinct(value: Any) -> None:
    """Refuse two spellings of one attribute: nobody could tell which of the values is meant (RFC 7643 §2.1)."""
    if is_list(value):
        for entry in value:
            _ensure_distinct(entry)
    elif is_object(value):
        spelt: dict[str, str] = {}
        for key, part in value.items():
            other = spelt.setdefault(key.lower(), key)
            if other != key:
                raise invalid("invalid_syntax", f"{other} and {key} are one attribute: names have no case. Send one.")
            _ensure_distinct(part)


def _operation(entry: Any) -> Iterator[Operation]:
    if not is_object(entry):
        raise invalid("invalid_syntax", "An operation is an object with op, path and value.")
    parts = {str(key).lower(): value for key, value in entry.items()}
    if str(parts.get("op", "")) != str(parts.get("op", "")).lower():
        noted(Quirk.OPERATION_CASE)
    op, path, has_value = str(parts.get("op", "")).lower(), parts.get("path") or None, "value" in parts
    value = parts.get("value")
    if path is not None and not isinstance(path, str):
        raise invalid("invalid_path", "The path of an operation is text.")
    if path is not None:
        yield _with_path(op, _spelt(path.strip()), value, has_value=has_value)
    elif is_object(value) and op in ("add", "replace"):
        yield from _without_path(op, value)
    else:
        yield Operation(op, None, value, has_value)


def _with_path(op: str, path: str, value: Any, *, has_value: bool) -> Operation:
    if path.lower() == "manager":
        noted(Quirk.MANAGER_SHAPE)
        path = f"{ENTERPRISE_URN}:manager"
    if path.lower() == f"{ENTERPRISE_URN}:manager".lower() and op != "remove":
        value = _manager(value) or ""
    if op in ("add", "replace") and value == "":
        noted(Quirk.EMPTY_TEXT_CLEARS)
        return Operation("remove", path)
    return Operation(op, path, _value(path, value), has_value)


def _without_path(op: str, value: Payload) -> Iterator[Operation]:
    """One operation for what is set, and one for each attribute that "" clears."""
    spelt = _mended(value)
    cleared = [key for key, item in spelt.items() if item == ""]
    if cleared:
        noted(Quirk.EMPTY_TEXT_CLEARS)
    kept = {key: item for key, item in spelt.items() if key not in cleared and key.lower() != "schemas"}
    for key in [key for key in kept if key.lower() == f"{ENTERPRISE_URN}:manager".lower()]:
        manager = _manager(kept.pop(key))
        yield Operation("replace", key, manager, has_value=True) if manager else Operation("remove", key)
    if kept or not cleared:
        yield Operation(op, None, kept, has_value=True)
    for key in cleared:
        yield Operation("remove", key)
