"""A browser without a screen: follows redirects, keeps cookies, fills in login forms. Runs no JavaScript."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx2
import lxml.html

MAX_PAGES = 10


class SignInFailedError(AssertionError):
    """The pages did not lead to a SAML response; the text says where it ended and what the page said."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page, filled in as the page came: where it goes, how, and its fields."""

    url: str
    method: str
    fields: dict[str, str] = field(default_factory=dict[str, str])

    def filled(self, **fields: str) -> "Form":
        """The form with these fields set."""
        return Form(self.url, self.method, self.fields | fields)


class Browser:
    """One person's browser. Use it as an async context manager."""

    def __init__(self, timeout: float = 20) -> None:
        self.client = httpx2.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def open(self, url: str) -> httpx2.Response:
        """The page at the end of the redirects."""
        return await self.client.get(url, follow_redirects=True)

    async def submit(self, form: Form, *, follow: bool = False) -> httpx2.Response:
        """What the form's target answers: the first answer, or with `follow` the page at the end of the redirects."""
        if form.method == "GET":
            return await self.client.get(form.url, params=form.fields or None, follow_redirects=follow)
        return await self.client.post(form.url, data=form.fields, follow_redirects=follow)

    async def sign_in(self, start: str | Form, username: str, password: str, **extra: str) -> Form:
        """Follow the service's sign-in URL (or submit its form) and log in at the identity provider, up to the answer.

        The form returned would carry `SAMLResponse` (and `RelayState`) to the assertion consumer service: hand it to
        `submit`, or tamper with it first. `extra` fills further fields of the login form. Raises SignInFailedError.
        """
        response = await (self.open(start) if isinstance(start, str) else self.submit(start, follow=True))
        logged_in = False
        for _ in range(MAX_PAGES):
            forms = forms_of(response)
            answer = _with_field(forms, "SAMLResponse")
            if answer:
                return answer
            login = _with_field(forms, "password")
            if login and logged_in:
                raise _failed("The login was refused", response)
            onward = login.filled(username=username, password=password, **extra) if login else None
            logged_in = logged_in or login is not None
            onward = onward or _with_field(forms, "SAMLRequest")
            if onward is None:
                raise _failed("There is neither a login form nor a SAML message", response)
            response = await self.submit(onward, follow=True)
        raise _failed(f"More than {MAX_PAGES} pages", response)


def forms_of(response: httpx2.Response) -> list[Form]:
    """The forms of an HTML page; none for another kind of answer."""
    if "html" not in response.headers.get("content-type", "") or not response.content.strip():
        return []
    page = lxml.html.document_fromstring(response.content)
    return [
        Form(
            url=urljoin(str(response.url), form.action or ""),
            method=form.method.upper(),
            fields={name: value or "" for name, value in dict(form.fields).items() if name},
        )
        for form in page.forms
    ]


def text_of(response: httpx2.Response) -> str:
    """What a person would read on the page."""
    page = lxml.html.document_fromstring(response.content)
    for hidden in page.xpath("//script|//style|//head"):
        hidden.drop_tree()
    return " ".join(page.text_content().split())


def _with_field(forms: list[Form], name: str) -> Form | None:
    return next((form for form in forms if name in form.fields), None)


def _failed(reason: str, response: httpx2.Response) -> SignInFailedError:
    text = text_of(response) if response.content.strip() else "nothing"
    return SignInFailedError(f"{reason}: {response.url} answered {response.status_code} and says: {text[:500]}")
