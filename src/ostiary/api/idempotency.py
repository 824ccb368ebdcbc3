"""The Idempotency-Key header of POSTs that create something."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from ostiary.api.deps import services_of
from ostiary.api.problems import problems
from ostiary.domain.errors import DomainError
from ostiary.domain.operation import Operation
from ostiary.services.idempotency import MAX_KEY_LENGTH, CreatingRequest, KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Sent again within 24 hours with the same key and body, the request is not carried out again: you "
    f"get the first answer, with `{REPLAYED}: true`. Another body with the same key is 422; a key whose first request "
    "still runs, or was cut off, 409. A refusal is not kept.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "example": "5f0c9b6a-d1f2-4f0f-8f3a-3c5d1f6f0b1e",
}


class CreatingRoute(APIRoute):
    """A route class for routers that create things: their POSTs that answer 201 are carried out once for one key."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        if settings.get("status_code") == HTTPStatus.CREATED:
            settings["openapi_extra"] = {"parameters": [_PARAMETER]}
            settings["responses"] = {**problems(409, 422), **(settings.get("responses") or {})}
        super().__init__(path, endpoint, **settings)

    def get_route_handler(self) -> _Handler:
        """Where a key came, look first whether its request was answered before."""
        carry_out = super().get_route_handler()
        if self.status_code != HTTPStatus.CREATED:
            return carry_out
        operation = Operation(str(self.operation_id))

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            services = services_of(request)
            caller = await services.authenticator.caller(request) if key is not None else None
            if key is None or caller is None or caller.principal is None:
                # Strangers have no keys of their own; the route says what it thinks of them.
                return await carry_out(request)
            asked = CreatingRequest(
                operation=operation,
                path=request.url.path,
                key=key,
                body=await request.body(),
                organization=request.path_params.get("org"),
                database_id=request.path_params.get("database_id"),
            )
            begun = await services.idempotency.begin(caller, caller.principal, asked)
            if isinstance(begun, KeptAnswer):
                return Response(begun.body, begun.status, {REPLAYED: "true"}, media_type="application/json")
            try:
                response = await carry_out(request)
            except (DomainError, RequestValidationError, HTTPException):
                # Refused, so nothing was created. Of any other error nobody knows: the claim stays.
                await services.idempotency.release(begun)
                raise
            await services.idempotency.keep(begun, KeptAnswer(response.status_code, bytes(response.body).decode()))
            return response

        return once
