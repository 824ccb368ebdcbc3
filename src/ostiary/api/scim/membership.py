"""Members of groups in requests: what is pushed becomes a change by the values named, never the whole list."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from scim2_models import Path
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from ostiary.api.scim.models import GROUP_URN, Group
from ostiary.api.scim.quirks import Operation, Payload, is_list, is_object, key_of, take
from ostiary.api.scim.requests import refusing
from ostiary.api.scim.sent import noted
from ostiary.domain.directory import GroupChange
from ostiary.domain.directory_document import MAX_IDENTIFIER_LENGTH
from ostiary.domain.errors import DomainError, Kind, invalid
from ostiary.domain.scim_quirks import Quirk

_MEMBERS = re.compile(rf"(?:{re.escape(GROUP_URN)}:)?members\b(.*)", re.IGNORECASE | re.DOTALL)
# What identity providers send, ten thousand of them in one request too: no grammar needed.
_ONE_BY_VALUE = re.compile(r'\[\s*value\s+eq\s+"([^"\\]+)"\s*\]', re.IGNORECASE)


def take_members(payload: Payload, *, replaces: bool) -> GroupChange:
    """Take the members out of a group that is sent whole; a group sent without keeps those it has."""
    if key_of(payload, "members") is None:
        return GroupChange()
    return GroupChange(added=tuple(_values(take(payload, "members"))), replaces=replaces)


def sort_out(operations: Iterable[Operation]) -> tuple[GroupChange, list[Operation]]:
    """What a PATCH does to the members, in the order it does it, and the operations on all else."""
    members = _Members()
    others: list[Operation] = []
    for operation in operations:
        if operation.path is not None:
            selected = _MEMBERS.fullmatch(operation.path)
            if selected is None:
                others.append(operation)
            else:
                members.apply(operation, selected.group(1).strip())
        elif is_object(operation.value) and (key := key_of(operation.value, "members")) is not None:
            members.apply(Operation(operation.op, "members", operation.value[key], has_value=True), "")
            rest = {name: value for name, value in operation.value.items() if name != key}
            if rest:
                others.append(Operation(operation.op, None, rest, has_value=True))
        else:
            others.append(operation)
    return members.change(), others


class _Members:
    """The change so far."""

    def __init__(self) -> None:
        # Each name, in the order of its last mention, and whether it comes.
        self._named: dict[str, bool] = {}
        self._replaces = False

    def change(self) -> GroupChange:
        """All of it."""
        added = tuple(name for name, comes in self._named.items() if comes)
        removed = tuple(name for name, comes in self._named.items() if not comes)
        return GroupChange(added, removed, self._replaces, order=tuple(self._named))

    def apply(self, operation: Operation, selection: str) -> None:
        """One operation on `members`, with what follows the word in its path."""
        selected = _selected(selection)
        match operation.op:
            case "remove" if selected is not None:
                self._remove(selected)
            case "remove" if operation.value is not None:
                noted(Quirk.MEMBERS_REMOVED_BY_VALUE)
                self._remove(_values(operation.value))
            case "remove":
                self._replace(())
            case "add" | "replace" if selected is not None:
                self._remove(selected)
                self._add(_values(operation.value))
            case "add":
                self._add(_values(operation.value))
            case "replace":
                self._replace(_values(operation.value))
            case _:
                raise invalid("invalid_value", f"{operation.op!r} is not a PATCH operation: add, remove or replace.")

    def _add(self, values: Iterable[str]) -> None:
        self._mention(values, comes=True)

    def _remove(self, values: Iterable[str]) -> None:
        self._mention(values, comes=False)

    def _mention(self, values: Iterable[str], *, comes: bool) -> None:
        for value in values:
            self._named.pop(value, None)
            self._named[value] = comes

    def _replace(self, values: Iterable[str]) -> None:
        self._replaces = True
        self._named = dict.fromkeys(values, True)


def _selected(selection: str) -> list[str] | None:
    """The members a path selects; None where it selects all."""
    if not selection:
        return None
    simple = _ONE_BY_VALUE.fullmatch(selection)
    if simple is not None:
        return [simple.group(1)]
    with refusing():
        path = Path[Group](f"members{selection}")
    if len(path.parts) > 1:
        raise DomainError(
            Kind.INVALID, "mutability", "A member is added or removed, never changed: its name is the user's."
        )
    node = path.value_filter
    if node is None:
        raise invalid("invalid_path", f"members{selection} is not a path.")
    return list(_named(node))


def _named(node: FilterNode) -> Iterable[str]:
    """The values in `value eq "a" or value eq "b"`."""
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.or_:
        return [value for term in node.terms for value in _named(term)]
    if (
        isinstance(node, Comparison)
        and node.attr_path.attr.lower() == "value"
        and node.op is CompareOperator.eq
        and isinstance(node.value, str)
    ):
        return [node.value]
    raise invalid("invalid_filter", 'Select members by their ids: members[value eq "…"].')


def _values(members: Any) -> Sequence[str]:
    """The values of members sent: objects with a value or, failing that, a $ref; or bare values."""
    if members is None:
        return ()
    entries = members if is_list(members) else [members]
    return list(dict.fromkeys(_value(entry) for entry in entries))


def _value(entry: Any) -> str:
    if is_object(entry):
        entry = entry.get(key_of(entry, "value") or "value") or _last_segment(
            entry.get(key_of(entry, "$ref") or "$ref")
        )
    if not isinstance(entry, str) or not entry.strip() or len(entry) > MAX_IDENTIFIER_LENGTH:
        raise invalid("invalid_value", 'Name members by their ids: {"value": "…"}.', pointer="/members")
    return entry.strip()


def _last_segment(reference: Any) -> Any:
    return reference.rstrip("/").rpartition("/")[2] if isinstance(reference, str) else None
