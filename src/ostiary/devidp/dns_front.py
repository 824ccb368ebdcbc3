"""Edits the development DNS zone over HTTP: JSON for programs, a form for people."""

from http import HTTPStatus
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ostiary.dev.dns import DevelopmentZone
from ostiary.devidp.pages import page


def dns_routes(zone: DevelopmentZone) -> list[Route]:
    """`GET /dns`, `PUT` and `DELETE /dns/{name}`, and the form's `POST /dns`."""
    front = _DnsFront(zone)
    return [
        Route("/dns", front.show, methods=["GET"]),
        Route("/dns", front.publish_by_form, methods=["POST"]),
        Route("/dns/{name}", front.publish, methods=["PUT"]),
        Route("/dns/{name}", front.withdraw, methods=["DELETE"]),
    ]


class _DnsFront:
    def __init__(self, zone: DevelopmentZone) -> None:
        self._zone = zone

    async def show(self, request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return self._page()
        return JSONResponse({"records": self._zone.records()})

    async def publish(self, request: Request) -> Response:
        try:
            values = _values(await request.json())
            self._zone.set_txt(request.path_params["name"], values)
        except ValueError as error:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def withdraw(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            found = self._zone.remove(name)
        except ValueError as error:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        if not found:
            return _problem(HTTPStatus.NOT_FOUND, f"{name} has no record: GET /dns lists those that are published.")
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def publish_by_form(self, request: Request) -> Response:
        async with request.form(max_files=0, max_fields=10) as form:
            name, value = str(form.get("name", "")).strip(), str(form.get("value", "")).strip()
            withdraw = "withdraw" in form
        try:
            if withdraw:
                self._zone.remove(name)
            else:
                self._zone.set_txt(name, [value])
        except ValueError as error:
            return self._page(HTTPStatus.UNPROCESSABLE_ENTITY, name, value, str(error))
        return RedirectResponse("/dns", HTTPStatus.SEE_OTHER)

    def _page(self, status: HTTPStatus = HTTPStatus.OK, name: str = "", value: str = "", error: str = "") -> Response:
        return page("dns.html", status, records=self._zone.records(), name=name, value=value, error=error)


def _values(body: object) -> list[str]:
    values = cast("dict[str, object]", body).get("txt") if isinstance(body, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in cast("list[object]", values)):
        raise ValueError('Send a JSON object such as {"txt": ["the value to publish"]}.')
    return cast("list[str]", values)


def _problem(status: HTTPStatus, detail: str) -> Response:
    return JSONResponse(
        {"title": status.phrase, "status": status, "detail": detail}, status, media_type="application/problem+json"
    )
