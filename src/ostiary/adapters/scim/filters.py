"""RFC 7644 filters → SQL conditions.

An attribute is a column where the row has one for it, rows of another table for what is joined (`members`, `groups`),
and otherwise a place in the JSON document. Which of several values, which case and which type an attribute has is read
from the models of `scim2_models`; a custom attribute, which no model knows, compares as text without its case.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeGuard

from scim2_models import EnterpriseUser, InvalidFilterException, InvalidPathException, Path, Resource, ScimFilter, User
from scim2_models.attributes import ComplexAttribute
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    Select,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from ostiary.adapters.db.tables.base import TypeId
from ostiary.domain.errors import DomainError, invalid

_EQUALITY = frozenset({CompareOperator.eq, CompareOperator.ne})
_SUBSTRING = frozenset({CompareOperator.co, CompareOperator.sw, CompareOperator.ew})
_ENTERPRISE = str(EnterpriseUser.__schema__)

USER_MODEL = User[EnterpriseUser]


@dataclass(frozen=True, slots=True)
class Relation:
    """What is joined: the rows that belong to a resource, and the columns of their sub-attributes (lower case)."""

    rows: Select[Any]
    columns: Mapping[str, ColumnElement[Any]]


Lookup: TypeAlias = Callable[[ColumnElement[str]], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the attributes of one kind of row are. The names of `columns` and `relations` are in lower case.

    `lookups` say what an index knows of every row with a value: it narrows the search, and decides nothing.
    """

    model: type[Resource[Any]]
    document: ColumnElement[Any]
    columns: Mapping[str, ColumnElement[Any]]
    relations: Mapping[str, Relation] = field(default_factory=dict[str, Relation])
    lookups: Mapping[str, Lookup] = field(default_factory=dict[str, Lookup])


def condition(expression: str, source: Source) -> ColumnElement[bool]:
    """The condition a filter stands for; raises `invalid_filter`."""
    try:
        return _OnResource(source).visit(ScimFilter(expression).ast)
    except (InvalidFilterException, InvalidPathException) as error:
        raise _refusal(f"The filter cannot be read: {error}") from error


def _refusal(detail: str) -> DomainError:
    return invalid("invalid_filter", f'{detail}. Write it like: userName eq "name@company.com".')


@dataclass(frozen=True, slots=True)
class _Attribute:
    """Where an attribute is in a document, and how its values compare."""

    keys: tuple[str, ...]
    case_exact: bool = False
    is_boolean: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.keys)


class _Visitor(FilterVisitor[ColumnElement[bool]]):
    """What comparisons on a resource and on one of its several values have in common."""

    def visit_not(self, node: Not) -> ColumnElement[bool]:
        # What is unknown to SQL does not match, and so its negation does.
        return not_(func.coalesce(self.visit(node.expr), false()))

    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        terms = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op is LogicalOperator.and_ else or_(*terms)

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        raise _refusal(f"{node.attr_path} holds no values to select from")


class _OnResource(_Visitor):
    """Conditions on a row."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        related = self._related(node.attr_path)
        if related is not None:
            relation, sub = related
            if node.op is CompareOperator.ne:
                return not_(_any(relation, _compare_column(sub, CompareOperator.eq, node.value, case_exact=False)))
            return _any(relation, _compare_column(sub, node.op, node.value, case_exact=False))
        attribute = self._attribute(node.attr_path)
        column = self._column(attribute)
        if column is not None:
            return _compare_column(column, node.op, node.value, case_exact=attribute.case_exact)
        if node.value is None:
            present = self._present(attribute)
            return present if node.op is CompareOperator.ne else not_(present)
        value = _values(self._source.document, attribute.keys)
        if node.op is CompareOperator.ne:
            return not_(_among(value, _compare_text(_whole(value), attribute, CompareOperator.eq, node.value)))
        found = _among(value, _compare_text(_whole(value), attribute, node.op, node.value))
        return and_(*self._narrowed(attribute.name, node), found)

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        name = node.attr_path.attr.lower()
        if name in self._source.relations:
            return exists(self._source.relations[name].rows)
        attribute = self._attribute(node.attr_path, comparing=False)
        column = self._column(attribute)
        if column is None:
            return self._present(attribute)
        return and_(column.is_not(None), column != "") if isinstance(column.type, Text) else column.is_not(None)

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        relation = self._source.relations.get(node.attr_path.attr.lower())
        if relation is not None:
            return _any(relation, _OnRelated(relation).visit(node.val_filter))
        attribute = self._attribute(node.attr_path, comparing=False)
        value = _values(self._source.document, attribute.keys)
        found = _among(value, _OnValue(self, node.attr_path, value).visit(node.val_filter))
        every = node.val_filter.terms if _is_conjunction(node.val_filter) else [node.val_filter]
        named = [one for one in every if isinstance(one, Comparison)]
        narrowed = [self._narrowed(f"{attribute.name}.{one.attr_path.attr.lower()}", one) for one in named]
        return and_(*(lookup for found_by in narrowed for lookup in found_by), found)

    def _narrowed(self, name: str, node: Comparison) -> list[ColumnElement[bool]]:
        """What an index can say of rows that match an equality."""
        lookup = self._source.lookups.get(name)
        if lookup is None or node.op is not CompareOperator.eq or not isinstance(node.value, str):
            return []
        return [lookup(literal(node.value))]

    def resolve(self, path: AttrPath, *, comparing: bool = True) -> _Attribute:
        """The attribute at a path; a custom one where no model knows the path."""
        candidates = [path] if path.uri else [path, AttrPath(path.attr, path.sub_attr, _ENTERPRISE)]
        for candidate in candidates:
            binding = Path[self._source.model](str(candidate)).resolve()
            if binding is None:
                continue
            schema = str(getattr(binding.model, "__schema__", ""))
            keys = binding.urn.removeprefix(f"{schema}:").split(".")
            target = binding.target_type
            if comparing and isinstance(target, type) and issubclass(target, ComplexAttribute):
                # RFC 7644 §3.4.2.2: a comparison of a complex attribute is one of its `value`.
                return self.resolve(AttrPath(candidate.attr, "value", candidate.uri))
            extension = [schema] if issubclass(binding.model, EnterpriseUser) else []
            return _Attribute(tuple(extension + keys), binding.case_exact, is_boolean=target is bool)
        keys = [key for key in (path.uri, path.attr, path.sub_attr) if key is not None]
        return _Attribute(tuple(keys))

    def _attribute(self, path: AttrPath, *, comparing: bool = True) -> _Attribute:
        attribute = self.resolve(path, comparing=comparing)
        if attribute.keys[0] == "meta" and self._column(attribute) is None:
            raise _refusal(f"{attribute.name} cannot be filtered by")
        return attribute

    def _column(self, attribute: _Attribute) -> ColumnElement[Any] | None:
        return self._source.columns.get(attribute.name.lower())

    def _related(self, path: AttrPath) -> tuple[Relation, ColumnElement[Any]] | None:
        relation = self._source.relations.get(path.attr.lower())
        return None if relation is None else (relation, _related_column(relation, path.sub_attr or "value"))

    def _present(self, attribute: _Attribute) -> ColumnElement[bool]:
        value = _values(self._source.document, attribute.keys)
        return _among(value, (_whole(value) != "") & (_whole(value) != "{}"))


class _OnValue(_Visitor):
    """Conditions on one of the values of an attribute: inside the brackets of `emails[…]`."""

    def __init__(self, resource: _OnResource, holder: AttrPath, value: Any) -> None:
        self._resource = resource
        self._holder = holder
        self._value = value

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        attribute = self._attribute(node.attr_path)
        text = self._text(attribute)
        if node.value is None:
            return text.is_(None) if node.op is CompareOperator.eq else text.is_not(None)
        return _compare_text(text, attribute, node.op, node.value)

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        text = self._text(self._attribute(node.attr_path))
        return and_(text.is_not(None), text != "")

    def _attribute(self, path: AttrPath) -> _Attribute:
        return self._resource.resolve(AttrPath(self._holder.attr, path.attr, self._holder.uri), comparing=False)

    def _text(self, attribute: _Attribute) -> ColumnElement[str]:
        return self._value[attribute.keys[-1]].astext


class _OnRelated(_Visitor):
    """Conditions on a joined row: inside the brackets of `members[…]`."""

    def __init__(self, relation: Relation) -> None:
        self._relation = relation

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        column = _related_column(self._relation, node.attr_path.attr)
        return _compare_column(column, node.op, node.value, case_exact=False)

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        return _related_column(self._relation, node.attr_path.attr).is_not(None)


def _is_conjunction(node: FilterNode) -> TypeGuard[LogicalExpr]:
    return isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_


def _related_column(relation: Relation, sub: str) -> ColumnElement[Any]:
    column = relation.columns.get(sub.lower())
    if column is None:
        raise _refusal(f"{sub} cannot be filtered by here; use {' or '.join(relation.columns)}")
    return column


def _any(relation: Relation, matching: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(relation.rows.where(matching))


def _values(document: ColumnElement[Any], keys: tuple[str, ...]) -> Any:
    """Every value at a place in a document: none, the one there is, or each of several.

    The keys are attribute names and URNs of the filter's grammar, which knows no quotes.
    """
    path = "$" + "".join(f'."{key}"[*]' for key in keys)
    return func.jsonb_path_query(document, cast(path, JSONPATH), type_=JSONB).column_valued("value")


def _among(value: Any, matching: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(literal(1)).select_from(value.scalar_alias).where(matching))


def _whole(value: Any) -> ColumnElement[str]:
    """A JSON scalar as its text."""
    return value.op("#>>", return_type=Text())(cast([], ARRAY(Text)))


def _compare_text(
    text: ColumnElement[str], attribute: _Attribute, op: CompareOperator, value: Any
) -> ColumnElement[bool]:
    """A comparison of a value of the document; booleans and numbers compare by their JSON text."""
    if attribute.is_boolean:
        _ensure(op in _EQUALITY, attribute.name, op)
        return _compare(func.lower(text), op, "true" if _as_boolean(value) else "false")
    wanted = str(value).lower() if isinstance(value, bool) else str(value)
    if attribute.case_exact:
        return _compare(text, op, wanted)
    return _compare(func.lower(text), op, func.lower(literal(wanted)))


def _compare_column(
    column: ColumnElement[Any], op: CompareOperator, value: Any, *, case_exact: bool
) -> ColumnElement[bool]:
    """A comparison of a column, by the type the column has."""
    if value is None:
        _ensure(op in _EQUALITY, str(column.key), op)
        return column.is_(None) if op is CompareOperator.eq else column.is_not(None)
    if isinstance(column.type, TypeId):
        _ensure(op in _EQUALITY, "an id", op)
        return _compare(column, op, str(value))
    if isinstance(column.type, Boolean):
        _ensure(op in _EQUALITY, "a boolean", op)
        return _compare(column, op, _as_boolean(value))
    if isinstance(column.type, DateTime):
        _ensure(op not in _SUBSTRING, "a time", op)
        return _compare(column, op, _as_moment(value))
    if case_exact:
        return _compare(column, op, str(value))
    return _compare(func.lower(column), op, func.lower(literal(str(value))))


def _compare(left: ColumnElement[Any], op: CompareOperator, right: Any) -> ColumnElement[bool]:
    return _OPERATORS[op](left, right)


_OPERATORS: Mapping[CompareOperator, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    CompareOperator.eq: operator.eq,
    CompareOperator.ne: lambda left, right: left.is_distinct_from(right),
    CompareOperator.gt: operator.gt,
    CompareOperator.ge: operator.ge,
    CompareOperator.lt: operator.lt,
    CompareOperator.le: operator.le,
    CompareOperator.co: lambda left, right: func.strpos(left, right) > 0,
    CompareOperator.sw: func.starts_with,
    CompareOperator.ew: lambda left, right: func.starts_with(func.reverse(left), func.reverse(right)),
}


def _ensure(fits: bool, name: str, op: CompareOperator) -> None:
    if not fits:
        raise _refusal(f"{name} cannot be compared with {op.value}")


def _as_boolean(value: Any) -> bool:
    # Entra sends booleans as text.
    lowered = str(value).lower()
    if lowered not in ("true", "false"):
        raise _refusal(f"{value} is neither true nor false")
    return lowered == "true"


def _as_moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise _refusal(f"{value} is not a time such as 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
