"""Stored → sent: documents with what is joined at sending, cut to the attributes asked for, as SCIM answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from fastapi import Response
from scim2_models.path import AttrPath

from ostiary.api.errors import SCIM_JSON
from ostiary.api.scim.models import GROUP_URN, USER_URN
from ostiary.api.scim.quirks import is_list, is_object, key_of
from ostiary.api.scim.requests import names
from ostiary.api.scim.sent import noted_found
from ostiary.services.ports.provisioning import Listing, ListQuery, StoredGroup, StoredUser

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
# Of SHA-256, in hexadecimal digits.
_DIGEST_LENGTH = 16
_ALWAYS = ("schemas", "id")
_CORE = (f"{USER_URN}:".lower(), f"{GROUP_URN}:".lower())

T = TypeVar("T")
Rendered = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Projection:
    """Which attributes to send (RFC 7644 §3.9): those named, or all but those named. `id` is always sent."""

    attributes: tuple[AttrPath, ...] = ()
    excluded: tuple[AttrPath, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether anything of a core attribute is sent."""
        lowered = name.lower()
        if self.attributes:
            return any(path.attr.lower() == lowered for path in self.attributes)
        return not any(path.attr.lower() == lowered and path.sub_attr is None for path in self.excluded)

    def apply(self, document: Rendered) -> Rendered:
        """The attributes of a resource that are sent."""
        if self.attributes:
            kept: Rendered = {name: document[name] for name in _ALWAYS if name in document}
            for path in self.attributes:
                _include(kept, document, path)
            return kept
        for path in self.excluded:
            document = _exclude(document, path)
        return document


def _keys(document: Mapping[str, Any], path: AttrPath) -> tuple[str, ...]:
    """Where a path leads: an extension as a whole reads like an attribute of a shorter URN."""
    names = [name for name in (path.attr, path.sub_attr) if name is not None]
    if path.uri is None or f"{path.uri}:".lower() in _CORE:
        return tuple(names)
    whole = f"{path.uri}:{'.'.join(names)}"
    return (whole,) if key_of(document, whole) is not None else (path.uri, *names)


def _include(kept: Rendered, document: Rendered, path: AttrPath) -> None:
    part = _only(document, _keys(document, path))
    for key, value in part.items():
        kept[key] = _merged(kept.get(key), value)


def _only(holder: Rendered, keys: Sequence[str]) -> Rendered:
    key = key_of(holder, keys[0])
    if key is None:
        return {}
    value = holder[key]
    if len(keys) == 1:
        return {key: value}
    if is_object(value):
        inner = _only(value, keys[1:])
        return {key: inner} if inner else {}
    if is_list(value):
        return {key: [_only(entry, keys[1:]) for entry in value if is_object(entry)]}
    return {}


def _merged(first: Any, second: Any) -> Any:
    """What two paths into the same attribute keep of it."""
    if is_object(first) and is_object(second):
        return {**first, **{key: _merged(first.get(key), value) for key, value in second.items()}}
    if is_list(first) and is_list(second) and len(first) == len(second):
        return [_merged(one, other) for one, other in zip(first, second, strict=True)]
    return second


def _exclude(document: Rendered, path: AttrPath) -> Rendered:
    keys = _keys(document, path)
    return document if keys[0].lower() in _ALWAYS else _without(document, keys)


def _without(holder: Rendered, keys: Sequence[str]) -> Rendered:
    key = key_of(holder, keys[0])
    if key is None:
        return holder
    rest = {name: value for name, value in holder.items() if name != key}
    value = holder[key]
    if len(keys) == 1:
        return rest
    if is_object(value):
        return {**rest, key: _without(value, keys[1:])}
    if is_list(value):
        return {**rest, key: [_without(entry, keys[1:]) if is_object(entry) else entry for entry in value]}
    return holder


def user(stored: StoredUser, base_url: str) -> Rendered:
    """A user as it is sent."""
    groups = [
        {
            "value": group.id,
            "$ref": f"{base_url}/Groups/{group.id}",
            "display": group.name,
            "type": "direct",
        }
        for group in stored.groups
    ]
    return {
        "schemas": [USER_URN],
        "id": stored.id,
        **stored.document,
        **({"groups": groups} if groups else {}),
        # A member whom no directory ever wrote has no versions (R49).
        "meta": _meta(stored, "User", f"{base_url}/Users", groups if stored.version else (stored.document, groups)),
    }


def group(stored: StoredGroup, base_url: str) -> Rendered:
    """A group as it is sent; without members where they were not read."""
    members = [
        {"value": member_id, "$ref": f"{base_url}/Users/{member_id}", "type": "User"}
        for member_id in stored.members or ()
    ]
    return {
        "schemas": [GROUP_URN],
        "id": stored.id,
        **stored.document,
        **({} if stored.members is None else {"members": members}),
        "meta": _meta(stored, "Group", f"{base_url}/Groups", stored.members),
    }


def _meta(stored: StoredUser | StoredGroup, resource_type: str, base_url: str, joined: Any) -> Rendered:
    return {
        "resourceType": resource_type,
        "created": stored.created_at,
        "lastModified": stored.modified_at,
        "location": f"{base_url}/{stored.id}",
        "version": etag(stored.version, joined),
    }


def etag(version: int, joined: Any = None) -> str:
    """The entity tag of a version, with what is joined to it where there is any.

    What is joined changes without a new version, and must not be taken for what a client has (`If-None-Match`); but it
    is no part of what a client writes, so that `If-Match` looks at the version alone (`requests.versions`).
    """
    digest = f"-{sha256(orjson.dumps(joined)).hexdigest()[:_DIGEST_LENGTH]}" if joined else ""
    return f'W/"{version}{digest}"'


def answer(body: Any, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """A SCIM answer; moments become texts here, where it costs least."""
    text = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(text, status_code=status, media_type=SCIM_JSON, headers=dict(headers or {}))


def resource(rendered: Rendered, projection: Projection, *, status: int = HTTPStatus.OK) -> Response:
    """One resource, with its version, and its address where it is new."""
    headers = {"ETag": rendered["meta"]["version"]}
    if status == HTTPStatus.CREATED:
        headers["Location"] = rendered["meta"]["location"]
    return answer(projection.apply(rendered), status=status, headers=headers)


def unless_known(rendered: Rendered, projection: Projection, known: str | None) -> Response:
    """One resource, or 304 where the caller has it (`If-None-Match`)."""
    tag = rendered["meta"]["version"]
    if not names(known, tag):
        return resource(rendered, projection)
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})


def listing(found: Listing[T], query: ListQuery, render: Callable[[T], Rendered], projection: Projection) -> Response:
    """A page of what a query found; by cursor, it says where the next begins (RFC 9865 §2)."""
    noted_found(found.total)
    resources = [projection.apply(render(item)) for item in found.items]
    if not query.by_cursor:
        return page(resources, found.total, query.start_index)
    return _page(resources, found.total, {"nextCursor": found.next_cursor} if found.next_cursor else {})


def page(resources: Sequence[Rendered], total: int, start_index: int) -> Response:
    """A ListResponse (RFC 7644 §3.4.2)."""
    return _page(resources, total, {"startIndex": start_index})


def _page(resources: Sequence[Rendered], total: int, place: Rendered) -> Response:
    return answer(
        {
            "schemas": [LIST_RESPONSE],
            "totalResults": total,
            **place,
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )
