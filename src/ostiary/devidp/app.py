"""The web front: metadata, single sign-on and logout, the login form, and a page to publish DNS records."""

from http import HTTPStatus
from secrets import compare_digest
from typing import cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.dev.dns import DevelopmentZone
from ostiary.devidp import users
from ostiary.devidp.dns_front import dns_routes
from ostiary.devidp.logout import IncomingLogout, LogoutDone, SingleLogout, incoming_of, parameters_of
from ostiary.devidp.pages import page
from ostiary.devidp.pending import PendingSignIns
from ostiary.devidp.provider import IdentityProvider, IncomingRequest, SignInRequest
from ostiary.devidp.refusal import RequestRefused
from ostiary.devidp.settings import DevIdpSettings
from ostiary.devidp.shapes import SIGNABLE, Shape


def create_app(settings: DevIdpSettings, zone: DevelopmentZone | None = None) -> Starlette:
    """The identity provider as an ASGI app; with a zone it also serves `/dns`, where its TXT records are edited."""
    front = _Front(settings, zone)
    routes = [
        Route("/", front.home),
        Route("/metadata", front.metadata),
        Route("/sso", front.sso_redirect, methods=["GET"]),
        Route("/sso", front.sso_post, methods=["POST"]),
        Route("/start", front.begin),
        Route("/login", front.login, methods=["POST"]),
        Route("/slo", front.slo_redirect, methods=["GET"]),
        Route("/slo", front.slo_post, methods=["POST"]),
        Route("/logout", front.logout, methods=["POST"]),
        *(dns_routes(zone) if zone else ()),
    ]
    # Names of this machine only, so that no web page elsewhere reaches it through a DNS name of its own.
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={RequestRefused: _refused})


class _Front:
    def __init__(self, settings: DevIdpSettings, zone: DevelopmentZone | None) -> None:
        self._settings = settings
        self._zone = zone
        self._idp = idp = IdentityProvider(settings)
        self._logout = SingleLogout(settings, idp.service_providers, idp.backend, idp.certificate)
        self._pending = PendingSignIns()

    async def home(self, _: Request) -> Response:
        return page(
            "home.html",
            settings=self._settings,
            users=users.LISTED,
            password=users.PASSWORD,
            has_dns=bool(self._zone),
            sessions=list(self._logout.sessions),
        )

    async def metadata(self, _: Request) -> Response:
        return Response(self._idp.metadata, media_type="application/samlmetadata+xml")

    async def sso_redirect(self, request: Request) -> Response:
        query = cast("bytes", request.scope["query_string"]).decode("ascii", "replace")
        parameters = request.query_params
        return await self._start(parameters.get("SAMLRequest"), parameters.get("RelayState"), query)

    async def sso_post(self, request: Request) -> Response:
        form = await _form(request)
        return await self._start(form.get("SAMLRequest"), form.get("RelayState"))

    async def login(self, request: Request) -> Response:
        form = await _form(request)
        token = form.get("token", "")
        sign_in = self._pending.get(token)
        if sign_in is None:
            raise RequestRefused("This login form was used already or is older than ten minutes. Sign in again.")
        username, role = form.get("username", ""), form.get("role", "")
        user = users.find(username, role)
        if user is None or not compare_digest(form.get("password", "").encode(), users.PASSWORD.encode()):
            error = f"Give an e-mail address, and as password the word “{users.PASSWORD}”."
            return _login_page(sign_in, token, HTTPStatus.FORBIDDEN, username, role, error)
        self._pending.remove(token)
        sign = form.get("sign", "both")
        shape = Shape(sign if sign in SIGNABLE else "both", form.get("encrypt") == "yes")
        answer, session = self._idp.answer(sign_in, user, shape)
        self._logout.sessions.add(session)
        return page("answer.html", answer=answer, user=user)

    async def begin(self, request: Request) -> Response:
        """A sign-in that begins here."""
        parameters = request.query_params
        sign_in = await self._idp.begin(parameters.get("sp", "").strip(), parameters.get("RelayState") or None)
        return _login_page(sign_in, self._pending.add(sign_in))

    async def slo_redirect(self, request: Request) -> Response:
        query = cast("bytes", request.scope["query_string"]).decode("ascii", "replace")
        return await self._log_out(incoming_of(parameters_of(query), query))

    async def slo_post(self, request: Request) -> Response:
        return await self._log_out(incoming_of(await _form(request)))

    async def _log_out(self, incoming: IncomingLogout) -> Response:
        outcome = await self._logout.receive(incoming)
        if isinstance(outcome, LogoutDone):
            return page("logged_out.html", outcome=outcome)
        return page("logout.html", message=outcome)

    async def logout(self, request: Request) -> Response:
        """A logout that begins here."""
        session = self._logout.sessions.take((await _form(request)).get("session", ""))
        if session is None:
            raise RequestRefused("This session ended already.")
        return page("logout.html", message=await self._logout.begin(session))

    async def _start(self, saml_request: str | None, relay_state: str | None, query: str | None = None) -> Response:
        if not saml_request:
            raise RequestRefused(
                "There is no SAMLRequest here: start at the service you want to sign in to, and it sends you here."
            )
        sign_in = await self._idp.receive(IncomingRequest(saml_request, relay_state, query))
        return _login_page(sign_in, self._pending.add(sign_in), username=sign_in.login_hint)


def _login_page(
    sign_in: SignInRequest,
    token: str,
    status: HTTPStatus = HTTPStatus.OK,
    username: str = "",
    role: str = "",
    error: str = "",
) -> Response:
    return page(
        "login.html",
        status,
        sign_in=sign_in,
        token=token,
        username=username,
        role=role,
        error=error,
        users=users.LISTED,
        password=users.PASSWORD,
    )


async def _form(request: Request) -> dict[str, str]:
    """The text fields of the posted form."""
    async with request.form(max_files=0, max_fields=20) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def _refused(_request: Request, error: Exception) -> Response:
    return page("refused.html", HTTPStatus.BAD_REQUEST, reason=str(error))
