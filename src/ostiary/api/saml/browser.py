"""What a browser is handed: a message to carry, and the policies of the pages that do."""

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from fastapi import Response
from fastapi.responses import RedirectResponse

from ostiary.api.pages import page
from ostiary.domain.connection import Binding
from ostiary.services.saml_ports import BrowserMessage

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_SUBMIT = 'document.getElementById("carry").submit()'
_SUBMIT_DIGEST = "sha256-" + base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()


def carry(message: BrowserMessage, title: str, *, in_a_frame: bool = False) -> Response:
    """Let the browser carry a message: follow the URL, or post the form by a button a script presses.

    `in_a_frame`: identity providers log out of many services at once, each in a frame of their page.
    """
    if message.binding is Binding.REDIRECT:
        return RedirectResponse(message.url, status_code=302, headers=NO_STORE)
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in message.form
    )
    form = (
        f'<form method="post" action="{escape(message.url)}" id="carry">{fields}<button>Continue</button></form>'
        f"<script>{_SUBMIT}</script>"
    )
    # Identity providers redirect the form on to addresses of theirs that nobody tells us.
    targets = f"https: {origin_of(message.url)}"
    answer = page(title, form, csp=form_policy(targets, script=True, ancestors=targets if in_a_frame else "'none'"))
    if in_a_frame:
        # It knows no list, and the policy above stands in its place.
        del answer.headers["X-Frame-Options"]
    return answer


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def form_policy(target: str, *, script: bool = False, ancestors: str = "'none'") -> str:
    # The digest of the one script above; nothing else runs.
    scripts = f" script-src '{_SUBMIT_DIGEST}';" if script else ""
    return (
        f"default-src 'none'; style-src 'unsafe-inline';{scripts} form-action {target}; "
        f"frame-ancestors {ancestors}; base-uri 'none'"
    )
