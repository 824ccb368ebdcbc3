"""The published contract: what FastAPI derives from the routes, completed with what it cannot know."""

import json
from collections.abc import Iterator
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ostiary.api import etags
from ostiary.api.links import add_links
from ostiary.api.problems import PROBLEM_EXAMPLES, problems
from ostiary.domain.access import PERMISSIONS, Standing
from ostiary.domain.operation import Operation

Json = dict[str, Any]

_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_BEARER = "bearer"
_COOKIE = "cookie"


def install(app: FastAPI) -> None:
    """Make the application publish the completed contract, computed once."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    webhooks=app.webhooks.routes,
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # pyright: ignore[reportAttributeAccessIssue] -- FastAPI's documented way to extend the document


def openapi_yaml(app: FastAPI) -> str:
    """The contract as the committed file has it."""
    # Through JSON, so that what stands in several places is written out in each: anchors are hard to read.
    document = json.loads(json.dumps(app.openapi()))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _complete(document: Json) -> Json:
    schemas = document["components"]["schemas"]
    document["components"]["securitySchemes"] = {
        _BEARER: {"type": "http", "scheme": "bearer", "description": "A session, a directory token, the operator's."},
        _COOKIE: {"type": "apiKey", "in": "cookie", "name": "__Host-ostiary", "description": "A browser's session."},
    }
    for told in document["webhooks"].values():
        # What we send, and what any receiver may answer: none of the service's own refusals.
        told["post"]["responses"].pop("422", None)
        _give_example(told["post"]["requestBody"], schemas)
    _tell_of_concurrency(document)
    for operation in _operations(document):
        _secure(operation)
        if "requestBody" in operation:
            # Bytes that are no JSON, and too many of them.
            operation["responses"].setdefault("400", {})
            operation["responses"].setdefault("413", {})
            _give_example(operation["requestBody"], schemas)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        for status, response in operation["responses"].items():
            if status.isdigit() and int(status) >= 400:
                _as_problem(status, response)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    add_links(document)
    return document


def _tell_of_concurrency(document: Json) -> None:
    for path, operations in document["paths"].items():
        if not path.startswith("/v1"):
            continue
        for method, operation in operations.items():
            etags.document(operation)
            if method != "get":
                # Who meets another change of the same thing is asked to try again.
                operation["responses"].setdefault("503", {})


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        yield from path.values()


def _secure(operation: Json) -> None:
    """What must come along is the permission table's to say."""
    known = {item.value: item for item in Operation}.get(operation["operationId"])
    standings = PERMISSIONS.get(known, frozenset()) if known else frozenset({Standing.ANYONE})
    if Standing.ANYONE in standings:
        operation["security"] = []
    elif standings & {Standing.OPERATOR, Standing.DIRECTORY}:
        operation["security"] = [{_BEARER: []}]
    else:
        operation["security"] = [{_BEARER: []}, {_COOKIE: []}]


def _as_problem(status: str, response: Json) -> None:
    content = response.get("content", {})
    if any("scim" in kind for kind in content):
        return
    complete = problems(int(status))[int(status)]
    response["description"] = complete["description"]
    response["content"] = {
        "application/problem+json": {"schema": _PROBLEM_SCHEMA, "example": PROBLEM_EXAMPLES[int(status)]}
    }


def _give_example(body: Json, schemas: Json) -> None:
    """An example of the whole body, from the examples of its fields."""
    for content in body.get("content", {}).values():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name in schemas:
            content["example"] = _example_of(schemas[name])


def _example_of(schema: Json) -> Json:
    required = schema.get("required", [])
    return {
        name: field["examples"][0]
        for name, field in schema.get("properties", {}).items()
        if field.get("examples") and (name in required or not required)
    }
