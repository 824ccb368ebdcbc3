"""What a list is asked for, in a query string (RFC 7644 §3.4.2) or in a search's body (§3.4.3)."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Request
from scim2_models import Group, ResponseParameters
from scim2_models.path import AttrPath

from ostiary.api.scim import quirks
from ostiary.api.scim.models import UserResource
from ostiary.api.scim.quirks import is_list, key_of
from ostiary.api.scim.rendering import Projection
from ostiary.api.scim.requests import refusing
from ostiary.domain.errors import invalid
from ostiary.services.ports.provisioning import ListQuery, Sorting

MAX_COUNT = 200
DEFAULT_COUNT = 100
SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

_MAX_FILTER = 8192
# The longest userName stands in the cursors of lists sorted by it.
_MAX_CURSOR = 8192
_MAX_ATTRIBUTES = 4096
_LARGEST_INDEX = 2**31
_DESCENDING = {"ascending": False, "descending": True}


def query_of(request: Request) -> ListQuery:
    """What a list is asked for by GET."""
    return _read_query(request.query_params)


def projection_of(request: Request) -> Projection:
    """Which attributes are asked for, by any method."""
    if not request.scope["query_string"]:
        return Projection()
    asked = request.query_params
    return _read_projection({name: ",".join(asked.getlist(name)) for name in asked})


def search_of(body: Mapping[str, Any]) -> tuple[ListQuery, Projection]:
    """A SearchRequest; raises `invalid_syntax` for any other message."""
    schemas = body.get(key_of(body, "schemas") or "schemas")
    if schemas is not None and (not is_list(schemas) or SEARCH_REQUEST not in schemas):
        raise invalid("invalid_syntax", f"A search is a message of the schema {SEARCH_REQUEST}.")
    names = ("filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes")
    asked = {name: body[key] for name in names if (key := key_of(body, name)) is not None and body[key] is not None}
    return _read_query(asked), _read_projection(asked)


def _read_query(asked: Mapping[str, Any]) -> ListQuery:
    """Out of range is the nearest in range (RFC 7644 §3.4.2.4)."""
    text = _text(asked, "filter", _MAX_FILTER)
    by, order = _text(asked, "sortBy", _MAX_ATTRIBUTES), _text(asked, "sortOrder", 16) or "ascending"
    if order.lower() not in _DESCENDING:
        raise invalid("invalid_value", "sortOrder is ascending or descending.")
    cursor = _text(asked, "cursor", _MAX_CURSOR)
    if cursor is not None and "startIndex" in asked:
        raise invalid("invalid_value", "Page by startIndex or by cursor, not by both.")
    return ListQuery(
        filter=quirks.filter_text(text) if text and text.strip() else None,
        start_index=min(max(_number(asked, "startIndex", 1), 1), _LARGEST_INDEX),
        count=min(max(_count(asked, by_cursor=cursor is not None), 0), MAX_COUNT),
        sorting=Sorting(by.strip(), _DESCENDING[order.lower()]) if by and by.strip() else None,
        cursor=cursor,
    )


def _count(asked: Mapping[str, Any], *, by_cursor: bool) -> int:
    if not by_cursor:
        return _number(asked, "count", DEFAULT_COUNT)
    # RFC 9865 §2.4 has a keyword of its own for it.
    count = _number(asked, "count", DEFAULT_COUNT, code="invalid_count")
    if count < 0:
        raise invalid("invalid_count", f"count is 0 to {MAX_COUNT}.")
    return count


def _number(asked: Mapping[str, Any], name: str, default: int, *, code: str = "invalid_syntax") -> int:
    value = asked.get(name, default)
    try:
        # A number of many digits is too expensive to read, and out of any range.
        return int(value) if not isinstance(value, bool | float) and len(str(value)) <= 20 else int("")
    except (TypeError, ValueError):
        raise invalid(code, f"{name} is a whole number.") from None


def _text(asked: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = asked.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("invalid_syntax", f"{name} is text.")
    if len(value) > longest:
        raise invalid(
            "invalid_filter" if name == "filter" else "invalid_value",
            f"{name} is too long: {longest} characters at most.",
        )
    if "\0" in value:
        raise invalid("invalid_filter" if name == "filter" else "invalid_value", f"{name} holds a character U+0000.")
    return value


def _read_projection(asked: Mapping[str, Any]) -> Projection:
    names = ("attributes", "excludedAttributes")
    given = {name: asked[name] for name in names if name in asked}
    if not given:
        return Projection()
    if any(len(str(value)) > _MAX_ATTRIBUTES for value in given.values()):
        raise invalid("invalid_value", f"Name attributes in {_MAX_ATTRIBUTES} characters at most.")
    with refusing():
        read = ResponseParameters[UserResource | Group].model_validate(given)
    return Projection(_paths(read.attributes), _paths(read.excluded_attributes))


def _paths(paths: Iterable[Any] | None) -> tuple[AttrPath, ...]:
    return tuple(path.ast for path in paths or () if isinstance(path.ast, AttrPath))
