"""Payload → document: reading a resource, and what a PATCH makes of the one stored.

A document is the resource as it is sent back, without what is joined then (id, meta, groups, members), and without the
password, which is discarded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from scim2_models import Context, PatchOp, Path, Resource

from ostiary.api.scim import quirks
from ostiary.api.scim.custom import CustomWrite, told_apart
from ostiary.api.scim.models import POLICY, Group, UserResource
from ostiary.api.scim.plain import plain_user, plain_writes, written
from ostiary.api.scim.quirks import Operation, Payload
from ostiary.api.scim.requests import refusing
from ostiary.api.scim.sent import noted
from ostiary.domain.directory_document import Document
from ostiary.domain.scim_quirks import Quirk

_NEVER_STORED = ("id", "meta", "groups", "members", "password")

R = TypeVar("R", bound=Resource[Any])


def read_user(payload: Mapping[str, Any], context: Context) -> Document:
    """The document of a user sent to create or replace one."""
    plain = plain_user(payload)
    return read_thoroughly(payload, context) if plain is None else plain


def read_thoroughly(payload: Mapping[str, Any], context: Context) -> Document:
    """The document of a user, whatever it looks like, as the SCIM library reads it."""
    return _read(UserResource, payload, context)


def read_group(payload: Mapping[str, Any], context: Context) -> Document:
    """The document of a group; its members are read by `groups.members_in`."""
    return _read(Group, payload, context)


def revise_user(user_id: str, operations: Sequence[Operation]) -> Callable[[Document], Document]:
    """What a PATCH makes of a user's document; raises what RFC 7644 §3.5.2 says."""
    writes = plain_writes(operations)
    if writes is None:
        return revise_thoroughly(user_id, operations)
    return lambda document: _with_schemas(written(document, writes), UserResource)


def revise_thoroughly(user_id: str, operations: Sequence[Operation]) -> Callable[[Document], Document]:
    """What any PATCH makes of a user's document, as the SCIM library applies it."""
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
    steps = list(_steps(model, patch_model, operations))

    def revise(document: Document) -> Document:
        revised: Payload = {**document}
        for step in steps:
            if isinstance(step, CustomWrite):
                step.apply(revised)
                continue
            declared, patch = step
            with refusing():
                resource = model.model_validate({**revised, "id": resource_id}, scim_policy=POLICY)
                _note_created_elements(model, resource, declared)
                patch.patch(resource, scim_policy=POLICY)
                revised = {**_document(resource)}
        return _with_schemas(revised, model)

    return revise


def _steps(
    model: type[R], patch_model: type[PatchOp[R]], operations: Iterable[Operation]
) -> Iterator[CustomWrite | tuple[Sequence[Operation], PatchOp[R]]]:
    """A PATCH in its order: the library's share, as much of it as comes in a row, and each custom attribute's."""
    parts = [part for operation in operations for part in told_apart(model, operation)]
    for is_custom, group in groupby(parts, key=lambda part: isinstance(part, CustomWrite)):
        if is_custom:
            yield from (part for part in group if isinstance(part, CustomWrite))
            continue
        declared = [part for part in group if isinstance(part, Operation)]
        sent = {"schemas": [str(PatchOp.__schema__)], "Operations": [operation.payload() for operation in declared]}
        with refusing():
            patch = patch_model.model_validate(sent, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY)
        yield declared, patch


def _note_created_elements(model: type[R], resource: R, operations: Iterable[Operation]) -> None:
    """Remember where a filter that selects nothing is about to describe what to create (see `POLICY`)."""
    for operation in operations:
        selects = operation.path is not None and "[" in operation.path and operation.op in ("add", "replace")
        if selects and Path[model](operation.path).get(resource, strict=False) is None:
            noted(Quirk.ELEMENT_CREATED)
