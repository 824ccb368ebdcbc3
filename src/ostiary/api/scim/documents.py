"""Payload → document: reading a resource, and what a PATCH makes of the one stored.

A document is the resource as it is sent back, without what is joined then (id, meta, groups, members), and without the
password, which is discarded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from scim2_models import Context, InvalidPathException, PatchOp, Path, Resource
from scim2_models.path import AttrPath

from ostiary.api.scim import quirks
from ostiary.api.scim.models import POLICY, Group, UserResource
from ostiary.api.scim.quirks import Operation, is_list, is_object, key_of
from ostiary.api.scim.requests import refusing
from ostiary.api.scim.sent import noted
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import invalid
from ostiary.domain.scim_quirks import Quirk

_NEVER_STORED = ("id", "meta", "groups", "members", "password")

R = TypeVar("R", bound=Resource[Any])
Keys = tuple[str, ...]


def read_user(payload: Mapping[str, Any], context: Context) -> Document:
    """The document of a user sent to create or replace one."""
    return _read(UserResource, payload, context)


def read_group(payload: Mapping[str, Any], context: Context) -> Document:
    """The document of a group; its members are read by `groups.members_in`."""
    return _read(Group, payload, context)


def revise_user(user_id: str, operations: Sequence[Operation]) -> Callable[[Document], Document]:
    """What a PATCH makes of a user's document; raises what RFC 7644 §3.5.2 says."""
    return _revision(UserResource, PatchOp[UserResource], user_id, operations)


def revise_group(group_id: str, operations: Sequence[Operation]) -> Callable[[Document], Document]:
    """What a PATCH makes of a group's document, its members aside."""
    return _revision(Group, PatchOp[Group], group_id, operations)


def _read(model: type[R], payload: Mapping[str, Any], context: Context) -> Document:
    with refusing():
        sent = quirks.resource(payload, str(model.__schema__))
        return _document(model.model_validate(sent, scim_ctx=context, scim_policy=POLICY))


def _document(resource: Resource[Any]) -> Document:
    dumped = resource.model_dump(scim_ctx=Context.DEFAULT, scim_policy=POLICY)
    document = {key: value for key, value in dumped.items() if value is not None}
    for name in _NEVER_STORED:
        quirks.take(document, name)
    return _with_schemas(document, type(resource))


def _with_schemas(document: dict[str, Any], model: type[Resource[Any]]) -> Document:
    """RFC 7643 §3: `schemas` names the schemas of what is there."""
    extensions = [key for key in document if key.lower().startswith("urn:")]
    return {**document, "schemas": [str(model.__schema__), *extensions]}


def _revision(
    model: type[R], patch_model: type[PatchOp[R]], resource_id: str, operations: Sequence[Operation]
) -> Callable[[Document], Document]:
    declared, custom = _sorted(model, operations)
    with refusing():
        patch = (
            patch_model.model_validate(
                {"schemas": [str(PatchOp.__schema__)], "Operations": [operation.payload() for operation in declared]},
                scim_ctx=Context.RESOURCE_PATCH_REQUEST,
                scim_policy=POLICY,
            )
            if declared
            else None
        )

    def revise(document: Document) -> Document:
        with refusing():
            resource = model.model_validate({**document, "id": resource_id}, scim_policy=POLICY)
            if patch is not None:
                _note_created_elements(model, resource, declared)
                patch.patch(resource, scim_policy=POLICY)
            revised = dict(_document(resource))
        for operation, keys in custom:
            _write_custom(revised, keys, operation)
        return _with_schemas(revised, model)

    return revise


def _note_created_elements(model: type[R], resource: R, operations: Iterable[Operation]) -> None:
    """Remember where a filter that selects nothing is about to describe what to create (see `POLICY`)."""
    for operation in operations:
        selects = operation.path is not None and "[" in operation.path and operation.op in ("add", "replace")
        if selects and Path[model](operation.path).get(resource, strict=False) is None:
            noted(Quirk.ELEMENT_CREATED)


def _sorted(model: type[R], operations: Iterable[Operation]) -> tuple[list[Operation], list[tuple[Operation, Keys]]]:
    """The operations on attributes a schema declares, and those on custom ones with where these are.

    The two kinds touch different attributes, so the order between them does not matter.
    """
    declared: list[Operation] = []
    custom: list[tuple[Operation, Keys]] = []
    for operation in operations:
        if operation.path is not None:
            keys = _custom(model, operation.path)
            if keys is None:
                declared.append(operation)
            else:
                custom.append((operation, keys))
        elif is_object(operation.value):
            known: dict[str, Any] = {}
            for key, value in operation.value.items():
                keys = _custom(model, key, whole=is_object(value))
                if keys is None:
                    known[key] = value
                else:
                    custom.append((Operation(operation.op, key, value, has_value=True), keys))
            if known or not operation.value:
                declared.append(Operation(operation.op, None, known, has_value=True))
        else:
            declared.append(operation)
    return declared, custom


def _custom(model: type[R], text: str, *, whole: bool = False) -> Keys | None:
    """Where a custom attribute is in the document; None for what a schema declares or what is no plain path.

    `whole` says that the value is an object, so that an unknown URN names an extension rather than its attribute.
    """
    try:
        path = Path[model](text)
    except InvalidPathException:
        return None
    node = path.ast
    if not isinstance(node, AttrPath) or path.model is not None:
        return None
    if Path[model](str(AttrPath(node.attr, None, node.uri))).resolve() is not None:
        return None
    if node.uri is None or node.uri.lower() == str(model.__schema__).lower():
        return (node.attr,) if node.sub_attr is None else (node.attr, node.sub_attr)
    if whole:
        return (text,)
    return (node.uri, node.attr) if node.sub_attr is None else (node.uri, node.attr, node.sub_attr)


def _write_custom(document: dict[str, Any], keys: Keys, operation: Operation) -> None:
    """Set, merge or remove an attribute no schema declares, as RFC 7644 §3.5.2 has it for the others."""
    *holders, name = keys
    holder = document
    for key in holders:
        inner: Any = holder.get(key_of(holder, key) or key)
        if inner is None and operation.op != "remove":
            inner = holder[key] = {}
        if inner is None:
            return
        if not is_object(inner):
            raise invalid("invalid_path", f"{key} holds no attributes.")
        holder = inner
    present = key_of(holder, name) or name
    before, value = holder.get(present), operation.value
    if operation.op == "remove" or value is None:
        holder.pop(present, None)
    elif is_object(before) and is_object(value):
        holder[present] = {**before, **value}
    elif operation.op == "add" and is_list(before) and is_list(value):
        holder[present] = [*before, *(entry for entry in value if entry not in before)]
    elif operation.op in ("add", "replace"):
        holder[present] = value
    else:
        raise invalid("invalid_value", f"{operation.op!r} is not a PATCH operation: add, remove or replace.")
