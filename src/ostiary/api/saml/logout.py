"""`/saml/{connection_id}/slo` and `/logout`: single logout through the browser."""

from typing import Annotated

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from ostiary.api.deps import ClientDep, Services, ServicesDep
from ostiary.api.pages import page
from ostiary.api.routing import Routes
from ostiary.api.saml.browser import NO_STORE, carry
from ostiary.domain.connection import Binding
from ostiary.domain.errors import DomainError, Kind
from ostiary.services.logout import LoggedOut
from ostiary.services.saml_ports import BrowserMessage, IncomingMessage

router = Routes(tags=["saml"])

_TITLE = "Signing you out"


@router.get("/saml/{connection_id}/logout", operation_id="carry_logout", include_in_schema=False)
async def carry_logout(
    connection_id: str, services: ServicesDep, flow: Annotated[str, Query(max_length=256)]
) -> Response:
    """The address `POST /v1/auth/sign-out` answered with: on to the identity provider."""
    return carry(await services.logout.carry(connection_id, flow), _TITLE)


@router.get("/saml/{connection_id}/slo", operation_id="single_logout_redirect", include_in_schema=False)
async def redirected(
    request: Request,
    connection_id: str,
    services: ServicesDep,
    client: ClientDep,
    relay_state: Annotated[str | None, Query(alias="RelayState", max_length=2048)] = None,
) -> Response:
    """The single logout service, HTTP-Redirect binding. What was signed is the query as it came."""
    query = request.scope["query_string"].decode("latin-1")
    message = IncomingMessage(Binding.REDIRECT, query)
    return _answer(services, await services.logout.receive(connection_id, message, relay_state, client))


@router.post("/saml/{connection_id}/slo", operation_id="single_logout_post", include_in_schema=False)
async def posted(
    connection_id: str,
    services: ServicesDep,
    client: ClientDep,
    saml_request: Annotated[str | None, Form(alias="SAMLRequest")] = None,
    saml_response: Annotated[str | None, Form(alias="SAMLResponse")] = None,
    relay_state: Annotated[str | None, Form(alias="RelayState", max_length=2048)] = None,
) -> Response:
    """The single logout service, HTTP-POST binding."""
    if (saml_request is None) == (saml_response is None):
        raise DomainError(Kind.INVALID, "invalid_request", "Post exactly one of SAMLRequest and SAMLResponse.")
    message = IncomingMessage(Binding.POST, saml_request or saml_response or "")
    return _answer(services, await services.logout.receive(connection_id, message, relay_state, client))


def _answer(services: Services, outcome: BrowserMessage | LoggedOut) -> Response:
    if not isinstance(outcome, LoggedOut):
        return carry(outcome, _TITLE, in_a_frame=True)
    if services.frontend_url is not None and outcome.everywhere:
        return RedirectResponse(services.frontend_url, status_code=303, headers=NO_STORE)
    if outcome.everywhere:
        return page("You are signed out", "<p>Here, and at your identity provider.</p>")
    return page(
        "You are signed out here",
        "<p>Your identity provider could not end all of its sessions. Close the browser to be sure.</p>",
    )
