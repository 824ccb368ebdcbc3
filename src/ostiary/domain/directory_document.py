"""Reading a pushed user: what its SCIM document says about the person we know (R42, R46, R47).

The document stays as the directory wrote it. Attribute names are matched without their case (RFC 7643 §2.1), in the
core schema first and then in every extension, because identity providers send custom attributes in either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ostiary.domain.account import MAX_NAME_LENGTH, checked_email
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import Directory, DirectoryUser
from ostiary.domain.errors import DomainError, invalid

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"

# Indexed, and an index entry has a limit of its own; no identity provider comes near.
MAX_IDENTIFIER_LENGTH = 512

# What an attribute map may fill beside the role attribute (R47).
EMAIL = "email"
NAME = "name"
ROLE = "role"

Document = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class UserFacts:
    """What a document says. `active` is None where it is silent; `email` is in its one spelling if it is an address."""

    user_name: str
    external_id: str | None
    email: str | None
    display_name: str
    active: bool | None
    role_value: str | None


def contact_of(user: DirectoryUser) -> str:
    """The member's address: the primary e-mail, else the userName, whatever it looks like (R41)."""
    return user.email or one_spelling(user.user_name)


def read_user(document: Document, directory: Directory) -> UserFacts:
    """The facts of a user's document under a directory's settings; raises `invalid_value`."""
    user_name = text_of(found(document, "userName"))
    if not user_name:
        raise invalid(
            "invalid_value", "A user needs a userName. Map it at your identity provider.", pointer="/userName"
        )
    external_id = text_of(found(document, "externalId"))
    for attribute_name, value in (("userName", user_name), ("externalId", external_id)):
        ensure_indexable(attribute_name, value)
    email = _mapped(document, directory, EMAIL) or _primary_email(document)
    active = found(document, "active")
    return UserFacts(
        user_name=user_name,
        external_id=external_id,
        email=one_spelling(email) if email and len(email) <= MAX_IDENTIFIER_LENGTH else None,
        display_name=(_mapped(document, directory, NAME) or _display_name(document) or user_name)[:MAX_NAME_LENGTH],
        active=active if isinstance(active, bool) else None,
        role_value=_role_value(document, directory),
    )


def ensure_indexable(attribute_name: str, value: str | None) -> None:
    """Refuse an identifier too long to be looked up by; raises `invalid_value`."""
    if value is not None and len(value) > MAX_IDENTIFIER_LENGTH:
        raise invalid(
            "invalid_value",
            f"{attribute_name} has at most {MAX_IDENTIFIER_LENGTH} characters.",
            pointer=f"/{attribute_name}",
        )


def one_spelling(email: str) -> str:
    """An address as accounts spell it, so that sign-in finds it; anything else as it was sent (R41)."""
    try:
        return checked_email(email)
    except DomainError:
        return email.strip()


def found(holder: Document, name: str) -> JsonValue:
    """The value of an attribute, its name matched without case; None where there is none."""
    if name in holder:
        return holder[name]
    lowered = name.lower()
    return next((value for key, value in holder.items() if key.lower() == lowered), None)


def attribute(document: Document, path: str) -> JsonValue:
    """The value at `name`, `name.sub` or `urn:…:name`; an unqualified name is sought in extensions as well."""
    if path.lower().startswith("urn:"):
        urn, _, path = path.rpartition(":")
        holders = [document] if urn.lower() == USER_SCHEMA.lower() else [found(document, urn)]
    else:
        holders = [document, *(value for key, value in document.items() if key.lower().startswith("urn:"))]
    name, _, sub = path.partition(".")
    for holder in holders:
        value = found(cast("Document", holder), name) if isinstance(holder, Mapping) else None
        if sub and isinstance(value, Mapping):
            value = found(cast("Document", value), sub)
        if value is not None:
            return value
    return None


def text_of(value: JsonValue) -> str | None:
    """The text in a value: itself, its `value`, or that of the primary (else the first) of several."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list):
        entries = sorted(value, key=lambda entry: not _is_primary(entry))
        return next((text for entry in entries if (text := text_of(entry))), None)
    if isinstance(value, Mapping):
        return text_of(found(cast("Document", value), "value"))
    return None


def _is_primary(entry: JsonValue) -> bool:
    return isinstance(entry, Mapping) and found(cast("Document", entry), "primary") is True


def _mapped(document: Document, directory: Directory, ours: str) -> str | None:
    """The value of the attributes the map names for one of ours (R47)."""
    sources = (theirs for theirs, target in directory.attribute_map.items() if target == ours)
    return next((text for theirs in sources if (text := text_of(attribute(document, theirs)))), None)


def _role_value(document: Document, directory: Directory) -> str | None:
    return (
        _mapped(document, directory, directory.role_attribute)
        or _mapped(document, directory, ROLE)
        or text_of(attribute(document, directory.role_attribute))
    )


def _primary_email(document: Document) -> str | None:
    """The primary address, else the one of type work, else the first."""
    emails = found(document, "emails")
    if not isinstance(emails, list):
        return None
    working = sorted(emails, key=lambda entry: not _is_work(entry))
    return text_of(working)


def _is_work(entry: JsonValue) -> bool:
    return isinstance(entry, Mapping) and text_of(found(cast("Document", entry), "type")) == "work"


def _display_name(document: Document) -> str | None:
    whole = text_of(found(document, "displayName"))
    if whole:
        return whole
    name = found(document, "name")
    if not isinstance(name, Mapping):
        return None
    parts = cast("Document", name)
    formatted = text_of(found(parts, "formatted"))
    given = (text_of(found(parts, "givenName")), text_of(found(parts, "familyName")))
    return formatted or " ".join(part for part in given if part) or None


def group_name(document: Document) -> tuple[str, str | None]:
    """A group's displayName and externalId; raises `invalid_value`."""
    name = text_of(found(document, "displayName"))
    if not name:
        raise invalid("invalid_value", "A group needs a displayName.", pointer="/displayName")
    external_id = text_of(found(document, "externalId"))
    for attribute_name, value in (("displayName", name), ("externalId", external_id)):
        ensure_indexable(attribute_name, value)
    return name, external_id
