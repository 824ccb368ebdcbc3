"""RFC 7644 §3.4.2.3 sorting → SQL: what resources are ordered by, and which come after a place in that order.

Text compares without its case unless the attribute is case-exact; of several values the primary, else the first,
counts; who has no value comes last, and first in descending order. Equal ones are in the order of their ids.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from scim2_models import EnterpriseUser, SearchRequest
from scim2_models.path import AttributeBinding
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONPATH

from ostiary.adapters.db.tables.base import TypeId
from ostiary.adapters.scim.filters import Source
from ostiary.domain.errors import DomainError, Kind
from ostiary.services.ports.provisioning import Position, Sorting

# The parameter for the id of the resource a page comes after.
AFTER = "after"

_ENTERPRISE = str(EnterpriseUser.__schema__)


@dataclass(frozen=True, slots=True)
class SortKey:
    """What rows are ordered by: their ids are none of it, and decide between equal ones."""

    value: ColumnElement[Any]
    descending: bool
    nullable: bool


def sort_key(sorting: Sorting, source: Source) -> SortKey | None:
    """What a source's rows are sorted by; None where its model has no such attribute, which counts as no value.

    Raises `invalid_path` for what cannot be sorted by.
    """
    binding = _binding(sorting.by, source)
    if binding is None:
        return None
    schema = str(getattr(binding.model, "__schema__", ""))
    name, *sub = binding.urn.removeprefix(f"{schema}:").split(".")
    if name.lower() in source.relations:
        raise _refusal(f"{name} are joined when they are sent, and cannot be sorted by")
    column = source.columns.get(".".join((name, *sub)).lower())
    if column is not None:
        return _by_column(column, sorting.descending, case_exact=binding.case_exact)
    if name == "meta":
        raise _refusal(f"{sorting.by} cannot be sorted by; meta.created and meta.lastModified can")
    extension = [schema] if issubclass(binding.model, EnterpriseUser) else []
    text = _text(source.document, [*extension, name], sub, several=binding.is_multivalued)
    return SortKey(text if binding.case_exact else func.lower(text), sorting.descending, nullable=True)


def no_value(sorting: Sorting) -> SortKey:
    """The key of rows that have no such attribute."""
    return SortKey(cast(None, Text), sorting.descending, nullable=True)


def unsortable(sorting: Sorting) -> DomainError:
    """No schema knows the attribute."""
    return _refusal(f"No schema here has an attribute {sorting.by[:64]!r} to sort by")


def beyond(key: SortKey | None, row_id: ColumnElement[str], position: Position) -> ColumnElement[bool]:
    """Whether a row comes after a place in the order, whose id comes with each execution; raises `invalid_cursor`."""
    later = type_coerce(row_id, Uuid()) > bindparam(AFTER, type_=Uuid())
    if key is None:
        return later
    value = _bound(key.value, position.value)
    if value is None:
        same = and_(key.value.is_(None), later)
        return or_(key.value.is_not(None), same) if key.descending else same
    if key.descending:
        return and_(key.value <= value, or_(key.value < value, later))
    # Said twice, so that an index on the key gives where to begin.
    after = and_(key.value >= value, or_(key.value > value, later))
    return or_(key.value.is_(None), after) if key.nullable else after


def _binding(path: str, source: Source) -> AttributeBinding | None:
    refused: ValidationError | None = None
    for candidate in (path, f"{_ENTERPRISE}:{path}"):
        try:
            request = SearchRequest[source.model].model_validate({"sortBy": candidate})
        except ValidationError as error:
            refused = refused or error
            continue
        return request.sort_binding(source.model)
    assert refused is not None
    detail = str(refused.errors()[0]["msg"])
    # The one refusal that other kinds of resources may not share.
    if detail.startswith("Cannot sort on"):
        return None
    raise _refusal(detail)


def _refusal(detail: str) -> DomainError:
    example = "Sort by userName, displayName, name.familyName, externalId or meta.lastModified, for instance."
    return DomainError(Kind.INVALID, "invalid_path", f"{detail}. {example}", parameter="sortBy")


def _by_column(column: ColumnElement[Any], descending: bool, *, case_exact: bool) -> SortKey:
    nullable = not (isinstance(column, Column) and not column.nullable)
    value = column
    if isinstance(column.type, TypeId):
        value = type_coerce(column, Uuid())
    elif isinstance(column.type, Boolean):
        value = cast(column, Text)
    elif not isinstance(column.type, DateTime) and not case_exact:
        value = func.lower(column)
    return SortKey(value, descending, nullable)


def _text(document: ColumnElement[Any], keys: list[str], sub: list[str], *, several: bool) -> ColumnElement[str]:
    """The text at a place in a document; of several values that of the primary, or else of the first."""
    holder = _first(document, "".join(f'."{key}"' for key in keys))
    if several:
        place = "".join(f'."{key}"' for key in keys)
        # Where there is one value, it is the first of several: jsonpath in lax mode takes it so.
        primary = _first(document, f'{place}[*] ? (@."primary" == true)')
        holder = func.coalesce(primary, _first(document, f"{place}[0]"))
    for key in sub:
        holder = func.jsonb_extract_path(holder, key)
    return func.jsonb_extract_path_text(func.jsonb_build_array(holder), "0", type_=Text())


def _first(document: ColumnElement[Any], path: str) -> ColumnElement[Any]:
    return func.jsonb_path_query_first(document, cast(f"${path}", JSONPATH))


def _bound(key: ColumnElement[Any], value: str | None) -> ColumnElement[Any] | None:
    """A cursor's value as its column compares it."""
    if value is None:
        return None
    try:
        if isinstance(key.type, DateTime):
            return literal(datetime.fromisoformat(value), key.type)
        if isinstance(key.type, Uuid):
            return literal(uuid_of(value), key.type)
    except ValueError:
        raise _invalid_cursor() from None
    return literal(value, Text())


def uuid_of(text: str) -> UUID:
    """The id a cursor names; raises `invalid_cursor`."""
    try:
        return UUID(text)
    except ValueError:
        raise _invalid_cursor() from None


def _invalid_cursor() -> DomainError:
    return DomainError(Kind.INVALID, "invalid_cursor", "This cursor is none of this list's.", parameter="cursor")
