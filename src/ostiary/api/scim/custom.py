"""Custom attributes, which no schema declares: where a PATCH finds them in a document, and what it makes of them.

They stand beside declared ones, inside complex ones and extensions, and in extensions of their own. The SCIM library
keeps what it does not know where it reads a whole resource, but a PATCH of it would come to nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import isclass
from typing import Any, TypeVar

from scim2_models import ComplexAttribute, InvalidPathException, Path, Resource
from scim2_models.path import AttrPath

from ostiary.api.scim.quirks import Operation, Payload, is_list, is_object, key_of
from ostiary.domain.errors import invalid

R = TypeVar("R", bound=Resource[Any])
Keys = tuple[str, ...]

_SETS = frozenset({"add", "replace"})


@dataclass(frozen=True, slots=True)
class CustomWrite:
    """What an operation does to one custom attribute, and where that is in the document.

    An extension as a whole reads like an attribute of a shorter URN: the document tells.
    """

    op: str
    keys: Keys
    value: Any = None

    def apply(self, document: Payload) -> None:
        """Set, merge or remove it, as RFC 7644 §3.5.2 has it for the others."""
        whole = ":".join(self.keys[:2])
        is_extension = len(self.keys) > 1 and key_of(document, whole) is not None
        _write(document, (whole, *self.keys[2:]) if is_extension else self.keys, self)


def told_apart(model: type[R], operation: Operation) -> Iterator[Operation | CustomWrite]:
    """What an operation does to attributes that a schema declares, and what it does to each custom one.

    Raises `invalid_path` for a place where there can be neither, and `invalid_value`.
    """
    if operation.path is None:
        if is_object(operation.value) and operation.op in _SETS:
            yield from _without_path(model, operation, operation.value)
        else:
            yield operation
        return
    keys = _custom(model, operation.path, whole=is_object(operation.value))
    if keys is None:
        known, custom = _split(model, operation.op, operation.path, operation.value)
        if known or not custom:
            yield Operation(operation.op, operation.path, known, operation.has_value)
        yield from custom
        return
    if operation.op not in (*_SETS, "remove"):
        raise invalid("invalid_value", f"{operation.op!r} is not a PATCH operation: add, remove or replace.")
    if operation.op in _SETS and (not operation.has_value or (operation.op == "add" and operation.value is None)):
        raise invalid("invalid_value", f"value is required for {operation.op} operations.")
    yield CustomWrite(operation.op, keys, operation.value)


def _without_path(model: type[R], operation: Operation, value: Payload) -> Iterator[Operation | CustomWrite]:
    known: Payload = {}
    custom: list[CustomWrite] = []
    for key, part in value.items():
        keys = _custom(model, key, whole=is_object(part))
        if keys is not None:
            custom.append(CustomWrite(operation.op, keys, part))
            continue
        kept, inner = _split(model, operation.op, key, part)
        if kept or not inner:
            known[key] = kept
        custom += inner
    if known or not value:
        yield Operation(operation.op, None, known, has_value=True)
    yield from custom


def _custom(model: type[R], text: str, *, whole: bool = False) -> Keys | None:
    """Where a custom attribute is in the document; None for what a schema declares or what is no path at all.

    `whole` says that the value is an object, so that an unknown URN names an extension rather than its attribute.
    """
    try:
        path = Path[model](text)
    except InvalidPathException:
        return (text,) if whole and text.lower().startswith("urn:") else None
    node = path.ast
    if path.model is not None or path.resolve() is not None:
        return None
    if not isinstance(node, AttrPath):
        raise _nowhere(text)
    if Path[model](str(AttrPath(node.attr, None, node.uri))).resolve() is not None:
        holder = _holder(model, str(AttrPath(node.attr, None, node.uri)))
        if holder is None or node.sub_attr is None:
            raise _nowhere(text)
        return (*holder[0], node.sub_attr)
    if node.uri is None or node.uri.lower() == str(model.__schema__).lower():
        return (node.attr,) if node.sub_attr is None else (node.attr, node.sub_attr)
    if whole:
        return (text,)
    return (node.uri, node.attr) if node.sub_attr is None else (node.uri, node.attr, node.sub_attr)


def _nowhere(text: str) -> Exception:
    return invalid("invalid_path", f"{text} names nothing that /Schemas declares, nor a plain attribute beside it.")


def _split(model: type[R], op: str, text: str, value: Any) -> tuple[Any, list[CustomWrite]]:
    """A value for a complex attribute or an extension: what it declares of it, and the custom rest."""
    holder = _holder(model, text) if is_object(value) and value and op in _SETS else None
    if holder is None:
        return value, []
    keys, prefix = holder
    known: Payload = {}
    custom: list[CustomWrite] = []
    for name, part in value.items():
        if _is_declared(model, f"{prefix}{name}"):
            known[name] = part
        else:
            custom.append(CustomWrite(op, (*keys, name), part))
    return known, custom


def _is_declared(model: type[R], text: str) -> bool:
    try:
        path = Path[model](text)
    except InvalidPathException:
        # The library says what is wrong with it.
        return True
    return path.resolve() is not None


def _holder(model: type[R], text: str) -> tuple[Keys, str] | None:
    """Where a declared extension or complex attribute is, and how the paths of what it holds begin."""
    try:
        path = Path[model](text)
    except InvalidPathException:
        return None
    if path.model is not None:
        schema = str(getattr(path.model, "__schema__", ""))
        return () if schema == str(model.__schema__) else (schema,), f"{schema}:"
    binding = path.resolve() if isinstance(path.ast, AttrPath) else None
    if binding is None or binding.is_multivalued:
        return None
    if not isclass(binding.target_type) or not issubclass(binding.target_type, ComplexAttribute):
        return None
    schema = str(getattr(binding.model, "__schema__", ""))
    keys = tuple(binding.urn.removeprefix(f"{schema}:").split("."))
    return keys if schema == str(model.__schema__) else (schema, *keys), f"{binding.urn}."


def _write(holder: Payload, keys: Keys, write: CustomWrite) -> None:
    key = key_of(holder, keys[0]) or keys[0]
    before = holder.get(key)
    if len(keys) > 1:
        if before is not None and not is_object(before):
            raise invalid("invalid_path", f"{key} holds no attributes.")
        # The document stored is nobody's to change.
        inner: Payload = {**before} if before else {}
        _write(inner, keys[1:], write)
        after: Any = inner or None
    else:
        after = _after(before, write)
    if after is None:
        holder.pop(key, None)
    else:
        holder[key] = after


def _after(before: Any, write: CustomWrite) -> Any:
    if write.op == "remove":
        return None
    if is_object(before) and is_object(write.value):
        return {**before, **write.value}
    if write.op == "add" and is_list(before) and is_list(write.value):
        return [*before, *(entry for entry in write.value if entry not in before)]
    return write.value
