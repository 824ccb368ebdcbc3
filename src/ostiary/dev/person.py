"""A person's browser in the demo: follows redirects and fills in the development identity provider's form."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2

from ostiary.dev.narrator import StoryBrokenError

REDIRECT_URI = "http://localhost:3000/callback"
_PASSWORD = "password"


@dataclass(frozen=True, slots=True)
class Pkce:
    """A client's secret and what it shows of it (RFC 7636)."""

    verifier: str
    challenge: str

    @classmethod
    def new(cls) -> "Pkce":
        """A new pair."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        return cls(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def sign_in_url(url: str, pkce: Pkce, state: str) -> str:
    """The organization's sign-in URL, as a frontend opens it."""
    query = {"redirect_uri": REDIRECT_URI, "state": state, "code_challenge": pkce.challenge}
    return f"{url}?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Carried:
    """The identity provider's answer, as the person's browser carries it to the service."""

    acs_url: str
    fields: dict[str, str]

    def post(self) -> httpx2.Response:
        """Hand it in; answers what the service says."""
        return httpx2.post(self.acs_url, data=self.fields, timeout=20, trust_env=False)

    def tampered(self, old: str, new: str) -> "Carried":
        """The answer with a text in it replaced, as an attacker would."""
        document = base64.b64decode(self.fields["SAMLResponse"]).decode().replace(old, new)
        return Carried(self.acs_url, self.fields | {"SAMLResponse": base64.b64encode(document.encode()).decode()})


def log_in(url: str, email: str) -> Carried:
    """Open the sign-in URL and log in at the identity provider, up to its answer."""
    with httpx2.Client(timeout=20, trust_env=False) as browser:
        login = browser.get(url, follow_redirects=True)
        filled = {**_Form(login.text).fields, "username": email, "password": _PASSWORD}
        answer = browser.post(urljoin(str(login.url), "/login"), data=filled)
    form = _Form(answer.text)
    if "SAMLResponse" not in form.fields:
        raise StoryBrokenError(f"The identity provider did not sign {email} in: {answer.status_code} at {answer.url}")
    return Carried(form.action, form.fields)


def code_in(response: httpx2.Response, state: str) -> str:
    """The one-time code in the redirect back to the frontend."""
    query = parse_qs(urlsplit(response.headers.get("location", "")).query)
    if query.get("state") != [state] or "code" not in query:
        raise StoryBrokenError(
            f"The sign-in did not come back with a code: {response.status_code} {response.text[:300]}"
        )
    return query["code"][0]


class _Form(HTMLParser):
    """The first form of a page: its action and its named fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the action and each input that a browser would send."""
        said = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = said.get("action", "")
        elif tag == "input" and "name" in said and (said.get("type") != "checkbox" or "checked" in said):
            self.fields[said["name"]] = said.get("value", "")
