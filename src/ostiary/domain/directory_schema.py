"""Which attributes of a pushed resource anybody announced: RFC 7643 §4 and the directory's settings (R46, R47)."""

from collections.abc import Mapping, Sequence
from typing import cast

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import Directory, UnknownAttributes
from ostiary.domain.directory_document import GROUP_SCHEMA, USER_SCHEMA, Document
from ostiary.domain.errors import invalid

ENTERPRISE_SCHEMA = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# Attributes in lower case, each with its sub-attributes; None for one that has none.
Attributes = Mapping[str, frozenset[str] | None]

_NO_SUB = frozenset({"schemas", "id", "externalid", "meta"})
_MULTI = frozenset({"value", "display", "type", "primary"})

USER_ATTRIBUTES: Attributes = {
    **dict.fromkeys(_NO_SUB),
    **dict.fromkeys(
        ("username", "displayname", "nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale")
    ),
    **dict.fromkeys(("timezone", "active", "password")),
    "name": frozenset({"formatted", "familyname", "givenname", "middlename", "honorificprefix", "honorificsuffix"}),
    **dict.fromkeys(("emails", "phonenumbers", "ims", "photos", "entitlements", "roles", "x509certificates"), _MULTI),
    "addresses": frozenset(
        {"formatted", "streetaddress", "locality", "region", "postalcode", "country", "type", "primary"}
    ),
    "groups": frozenset({"value", "$ref", "display", "type"}),
}
ENTERPRISE_ATTRIBUTES: Attributes = {
    **dict.fromkeys(("employeenumber", "costcenter", "organization", "division", "department")),
    "manager": frozenset({"value", "$ref", "displayname"}),
}
GROUP_ATTRIBUTES: Attributes = {
    **dict.fromkeys(_NO_SUB),
    "displayname": None,
    "members": frozenset({"value", "$ref", "type", "display"}),
}


def unknown_in_user(document: Document, directory: Directory) -> Mapping[str, JsonValue]:
    """The attributes of a user that no schema declares and no setting of the directory names, by their paths."""
    announced = [name.lower() for name in (directory.role_attribute, *directory.attribute_map)]
    return _unknown(document, {USER_SCHEMA: USER_ATTRIBUTES, ENTERPRISE_SCHEMA: ENTERPRISE_ATTRIBUTES}, announced)


def unknown_in_group(document: Document) -> Mapping[str, JsonValue]:
    """The attributes of a group that no schema declares."""
    return _unknown(document, {GROUP_SCHEMA: GROUP_ATTRIBUTES}, [])


def newly_unknown(
    directory: Directory, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> tuple[str, ...]:
    """Which unknown attributes a write brought; raises `unknown_attribute` where the directory is strict."""
    names = tuple(name for name, value in after.items() if name not in before or before[name] != value)
    if names and directory.unknown_attributes is UnknownAttributes.STRICT:
        raise invalid(
            "unknown_attribute",
            f"{names[0]} is no attribute of the schema, and this directory takes no others. Take it out of the mapping "
            "at your identity provider, or have an administrator name it in the directory's attribute map or set "
            "unknown_attributes to lenient.",
        )
    return names


def _unknown(
    document: Document, schemas: Mapping[str, Attributes], announced: Sequence[str]
) -> Mapping[str, JsonValue]:
    core, *_ = schemas
    by_urn = {urn.lower(): attributes for urn, attributes in schemas.items()}
    found: dict[str, JsonValue] = {}
    own = _with_announced(schemas[core], core, announced)
    for name, value in document.items():
        if not name.lower().startswith("urn:"):
            found.update(_unknown_at(name, value, own))
        elif isinstance(value, Mapping):
            declared = _with_announced(by_urn.get(name.lower(), {}), name, announced)
            for part, inner in cast("Document", value).items():
                found.update({f"{name}:{path}": each for path, each in _unknown_at(part, inner, declared).items()})
        elif name.lower() not in announced:
            found[name] = value
    return found


def _with_announced(declared: Attributes, urn: str, announced: Sequence[str]) -> Attributes:
    """What the settings name, by the whole URN or by the name alone, is declared in the schema they find it in."""
    known = dict(declared)
    for path in announced:
        name, _, sub = path.removeprefix(f"{urn.lower()}:").partition(".")
        if not name.startswith("urn:"):
            subs = known.get(name, frozenset())
            known[name] = subs | {sub} if sub and subs is not None else None
    return known


def _unknown_at(name: str, value: JsonValue, declared: Attributes) -> Mapping[str, JsonValue]:
    if name.lower() not in declared:
        return {name: value}
    subs = declared[name.lower()]
    entries = value if isinstance(value, list) else [value]
    return {
        f"{name}.{key}": inner
        for entry in entries
        if subs is not None and isinstance(entry, Mapping)
        for key, inner in cast("Document", entry).items()
        if key.lower() not in subs
    }
