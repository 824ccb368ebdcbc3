"""`/sso` and `/saml`: the browser's way to the identity provider and back."""

from html import escape
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import Form, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from ostiary.api.deps import ClientDep, ServicesDep
from ostiary.api.pages import page
from ostiary.api.problems import problems
from ostiary.api.routing import Routes
from ostiary.api.saml.browser import NO_STORE, carry, form_policy, origin_of
from ostiary.api.traces import render_trace
from ostiary.domain.errors import forbidden
from ostiary.services.ports.sign_in import Trace
from ostiary.services.sign_in_arrival import Next
from ostiary.services.sign_in_finish import Confirmation
from ostiary.services.sign_in_start import FLOW_LIFETIME, SignInWish

router = Routes(tags=["saml"])

FLOW_COOKIE = "ostiary_flow"


@router.get("/sso/finish", operation_id="finish_sign_in", include_in_schema=False)
async def finish(request: Request, services: ServicesDep, code: Annotated[str, Query(max_length=256)]) -> Response:
    """The browser's own end of a sign-in: sets the session cookie where the flow cookie comes along."""
    return await _finish(request, services, code, confirmed=False)


@router.post("/sso/finish", operation_id="confirm_sign_in", include_in_schema=False)
async def confirm(request: Request, services: ServicesDep, code: Annotated[str, Form(max_length=256)]) -> Response:
    """The person confirmed the account of a sign-in that began at the identity provider."""
    if request.headers.get("origin") != origin_of(services.urls.base_url):
        raise forbidden("origin_not_allowed", "Confirm on the page this service showed you.")
    return await _finish(request, services, code, confirmed=True)


async def _finish(request: Request, services: ServicesDep, code: str, *, confirmed: bool) -> Response:
    finished = await services.sign_in_finish.finish(code, request.cookies.get(FLOW_COOKIE), confirmed=confirmed)
    if isinstance(finished, Confirmation):
        form = (
            f"<p>Sign in to {escape(finished.organization_name)} as <strong>{escape(finished.email)}</strong>?</p>"
            f'<form method="post" action="/sso/finish"><input type="hidden" name="code" value="{escape(code)}">'
            "<button>Sign in</button></form><p>If that is not you, close this page.</p>"
        )
        # A browser holds a form to the policy also where its answer redirects; and it tells the origin `confirm` asks
        # for only where the page's referrer policy lets it.
        targets = "'self'" if services.frontend_url is None else f"'self' {origin_of(services.frontend_url)}"
        return page("Is this you?", form, csp=form_policy(targets), headers={"Referrer-Policy": "same-origin"})
    response: Response
    if services.frontend_url is not None:
        response = RedirectResponse(services.frontend_url, status_code=303, headers=NO_STORE)
    else:
        response = page("You are signed in", f"<p>Signed in as {escape(finished.account.email)}.</p>")
    services.cookies.set_session(response, finished.token, finished.session.expires_at)
    response.delete_cookie(FLOW_COOKIE, path="/sso")
    return response


@router.get(
    "/sso/{org}",
    operation_id="start_sign_in",
    responses={302: {"description": "To the identity provider."}, **problems(404, 409, 422, 429)},
)
async def start(
    request: Request,
    org: str,
    services: ServicesDep,
    client: ClientDep,
    redirect_uri: Annotated[
        str | None, Query(max_length=2048, description="Where the code goes; on the allow-list.")
    ] = None,
    state: Annotated[str | None, Query(max_length=2048, description="Yours; comes back with the code.")] = None,
    code_challenge: Annotated[str | None, Query(max_length=128, description="RFC 7636 S256.")] = None,
    login_hint: Annotated[
        str | None, Query(max_length=320, description="The person's e-mail address, if known.")
    ] = None,
    connection: Annotated[
        str | None, Query(max_length=64, description="Which connection, where there are several.")
    ] = None,
    force_authn: Annotated[bool, Query(description="Ask the identity provider to authenticate again.")] = False,
) -> Response:
    """The organization's sign-in URL: open it in a browser."""
    wish = SignInWish(redirect_uri, state, code_challenge, login_hint, connection, force_authn)
    departed = await services.sign_in_start.start(org, wish, client)
    response = carry(departed.message, "Signing you in")
    response.set_cookie(
        FLOW_COOKIE,
        departed.browser_secret,
        max_age=int(FLOW_LIFETIME.total_seconds()),
        path="/sso",
        secure=request.url.scheme == "https" or services.cookies.secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/sso/{org}/test", operation_id="carry_test_sign_in", include_in_schema=False)
async def carry_test(org: str, services: ServicesDep, flow: Annotated[str, Query(max_length=256)]) -> Response:
    """The address `POST …/test` answered with."""
    return carry(await services.sign_in_start.carry_test(org, flow), "Signing you in")


@router.get(
    "/saml/{connection_id}/metadata",
    operation_id="get_sp_metadata",
    response_class=Response,
    responses={
        200: {"content": {"application/samlmetadata+xml": {}}, "description": "Signed metadata."},
        **problems(404),
    },
)
async def metadata(connection_id: str, services: ServicesDep) -> Response:
    """Our metadata for one connection: what the identity provider is given."""
    xml = await services.sign_in_start.sp_metadata(connection_id)
    return Response(xml, media_type="application/samlmetadata+xml")


@router.post("/saml/{connection_id}/acs", operation_id="assertion_consumer_service", include_in_schema=False)
async def acs(
    request: Request,
    connection_id: str,
    services: ServicesDep,
    client: ClientDep,
    saml_response: Annotated[str, Form(alias="SAMLResponse")],
    relay_state: Annotated[str | None, Form(alias="RelayState", max_length=2048)] = None,
) -> Response:
    """The assertion consumer service: takes the identity provider's answer from the browser."""
    arrived = await services.sign_in_arrival.receive(connection_id, saml_response, relay_state, client)
    if arrived.next is Next.TEST_RESULT:
        return _test_result(request, arrived.trace)
    if arrived.next is Next.CLIENT and arrived.redirect_uri is not None:
        separator = "&" if urlsplit(arrived.redirect_uri).query else "?"
        query = urlencode({"code": arrived.code or "", "state": arrived.state or ""})
        return RedirectResponse(f"{arrived.redirect_uri}{separator}{query}", status_code=303, headers=NO_STORE)
    finish_url = f"/sso/finish?{urlencode({'code': arrived.code or ''})}"
    return RedirectResponse(finish_url, status_code=303, headers=NO_STORE)


def _test_result(request: Request, trace: Trace) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(render_trace(trace).model_dump(mode="json"), headers=NO_STORE)
    steps = "".join(f"<li>{escape(step.name)}: {escape(step.detail)}</li>" for step in trace.steps)
    return page(
        "The test sign-in passed",
        f"<p>Signed in as {escape(trace.email or '')}. Nothing was changed.</p><ol>{steps}</ol>"
        f"<p><small>Trace: <code>{escape(trace.id)}</code></small></p>",
    )
