"""OpenAPI links: where the id in an answer leads. Clients and stateful contract tests follow them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class _Target:
    """An operation an id leads to, and the parameters of its path."""

    method: str
    operation_id: str
    wanted: list[str]


_PARAMETER = re.compile(r"{(\w+)}")


def add_links(document: Json) -> None:
    """Link what a creating POST answers to everything that takes its id, a list to the reading of its first item."""
    paths: Mapping[str, Json] = document["paths"]
    for path, operations in paths.items():
        item = _item_parameter(path, paths)
        if item is None:
            continue
        targets = list(_operations_on(item, path, paths))
        if created := operations.get("post", {}).get("responses", {}).get("201"):
            _link(created, targets, {item: "$response.body#/id"})
        # What lists organizations does so in shapes of their own.
        listed = operations.get("get", {}).get("responses", {}).get("200")
        if listed and item.endswith("_id"):
            reading = [target for target in targets if target.method == "get"]
            _link(listed, reading, {item: "$response.body#/data/0/id"})


def _item_parameter(path: str, paths: Mapping[str, Json]) -> str | None:
    """The path parameter that names an item of the collection at the path; None where it is no collection."""
    below = re.compile(re.escape(path) + r"/{(\w+)}(?:/|$)")
    # Credentials are made under their database and revoked under the organization.
    elsewhere = re.compile(rf"/{path.rpartition('/')[2]}/{{(\w+_id)}}$")
    for pattern in (below, elsewhere):
        for other in paths:
            if found := pattern.search(other):
                return found[1]
    return None


def _operations_on(item: str, path: str, paths: Mapping[str, Json]) -> Iterator[_Target]:
    """The operations of the same part of the API that take the item, and nothing else that the caller cannot know."""
    known = {*_PARAMETER.findall(path), item}
    root = path.partition("/{")[0]
    for other, operations in paths.items():
        wanted = _PARAMETER.findall(other)
        if other.startswith(root) and item in wanted and known.issuperset(wanted):
            for method, operation in operations.items():
                yield _Target(method, operation["operationId"], wanted)


def _link(response: Json, targets: list[_Target], given: Mapping[str, str]) -> None:
    for target in targets:
        parameters = {name: given.get(name, f"$request.path.{name}") for name in target.wanted}
        response.setdefault("links", {})[target.operation_id] = {
            "operationId": target.operation_id,
            "parameters": parameters,
        }
