"""The HTML of the development identity provider."""

import base64
import hashlib
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

_SUBMIT = "document.forms[0].submit()"
_SUBMIT_HASH = base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    # The one script is the line that submits the answer, known by its hash.
    "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_SUBMIT_HASH}';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_templates = Environment(
    loader=PackageLoader("ostiary.devidp"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_SUBMIT_MARKUP = Markup(_SUBMIT)  # noqa: S704 (the constant above)


def page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> HTMLResponse:
    """The template filled in; every value is escaped."""
    return HTMLResponse(
        _templates.get_template(template).render(submit_script=_SUBMIT_MARKUP, **values), status, HEADERS
    )
