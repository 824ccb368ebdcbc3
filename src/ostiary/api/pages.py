"""The few HTML answers: plain pages without scripts from elsewhere, every value escaped."""

from html import escape

from starlette.responses import HTMLResponse

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem}"
    "h1{font-size:1.4rem}code{background:#f1f3f5;padding:.1em .3em;border-radius:3px}"
    "button{font:inherit;padding:.5rem 1.2rem;border:0;border-radius:6px;background:#1f4fd8;color:#fff;cursor:pointer}"
    "@media(prefers-color-scheme:dark){body{color:#e8eaed;background:#14171c}code{background:#262b33}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_TITLES = {
    "user_not_provisioned": "You are not set up here yet",
    "email_domain_not_allowed": "This e-mail address cannot sign in here",
    "identity_conflict": "We could not tell whose account this is",
    "membership_suspended": "Your membership is suspended",
    "user_deactivated": "Your access has been switched off",
    "sign_in_refused": "The sign-in did not work",
    "logout_refused": "The sign-out was not completed",
    "flow_not_found": "This address was used already, or has expired",
}


def page(
    title: str, body: str, *, status: int = 200, headers: dict[str, str] | None = None, csp: str = _POLICY
) -> HTMLResponse:
    """A page; `body` is HTML whose values the caller escaped."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    protective = {
        "Content-Security-Policy": csp,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(html, status_code=status, headers={**protective, **(headers or {})})


def error_page(status: int, code: str, detail: str, *, trace_id: str, headers: dict[str, str]) -> HTMLResponse:
    """A refusal for a person: a sentence, the code, and the trace an administrator can look up."""
    trace = f"<p>Your administrator finds the details under <code>{escape(trace_id)}</code>.</p>" if trace_id else ""
    body = f"<p>{escape(detail)}</p>{trace}<p><small>Code: <code>{escape(code)}</code></small></p>"
    return page(_TITLES.get(code, "The sign-in did not work"), body, status=status, headers=headers)
