"""The whole service on a socket of its own, with a DNS zone beside it, and a company that uses it over HTTP."""

import asyncio
import base64
import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from ostiary.bootstrap import make_app
from ostiary.dev.dns import DevelopmentZone
from tests.support.browser import Browser, Form
from tests.support.dns import running_dns
from tests.support.house import OPERATOR_TOKEN, PASSWORD, TurnableClock, bearer, settings_for
from tests.support.web import serve

REDIRECT_URI = "http://localhost:3000/callback"
VERIFIER = "a-code-verifier-of-more-than-forty-three-characters"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Service:
    """Where it runs, the zone its resolver asks, and the clock it goes by."""

    url: str
    zone: DevelopmentZone
    clock: TurnableClock


@contextmanager
def running_service(database_url: str, **changed: object) -> Generator[Service]:
    """The service over a migrated database, until the block ends; `changed` are settings of its own."""
    clock = TurnableClock()
    with running_dns() as dns:

        def make(url: str) -> object:
            settings = settings_for(database_url).model_copy(
                update={"base_url": url, "dns_resolvers": dns.resolver, "cookie_origins": (url,), **changed}
            )
            return make_app(settings, clock=clock)

        with serve(make) as url:
            yield Service(url, dns.zone, clock)


@dataclass(slots=True)
class Company:
    """An organization, its people's sessions, and the calls they make. `ids` remembers what was made."""

    service: Service
    http: httpx2.AsyncClient
    slug: str
    domain: str
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    ids: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def org(self) -> str:
        """The organization's address."""
        return f"/v1/organizations/{self.slug}"

    def email(self, who: str) -> str:
        """Somebody's address in the company."""
        return f"{who.lower()}@{self.domain}"

    async def call(
        self, who: str | None, method: str, path: str, body: object = None, *, expect: int = 200
    ) -> dict[str, Any]:
        """A call by somebody, which must be answered with the status; the JSON of the answer."""
        token = OPERATOR_TOKEN if who == "operator" else self.tokens[who] if who else None
        headers = dict(bearer(token)) if token else None
        response = await self.http.request(method, path, json=body, headers=headers)
        assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else {}

    async def found(self) -> None:
        """Ada signs up, founds the organization, and the operator gives it the enterprise plan."""
        await self.sign_up("Ada")
        await self.call("Ada", "POST", "/v1/organizations", {"name": "Acme", "slug": self.slug}, expect=201)
        plan = {"plan": "enterprise"}
        await self.call("operator", "PUT", f"/v1/operator/organizations/{self.slug}/entitlements", plan)

    async def sign_up(self, who: str) -> None:
        """Somebody makes an account."""
        body = {"email": self.email(who), "password": PASSWORD, "name": who}
        self.tokens[who] = (await self.call(None, "POST", "/v1/auth/sign-up", body, expect=201))["token"]

    async def mailed_token(self, folder: Path, to: str, prefix: str) -> str:
        """The secret in a mail to the address, once the worker has sent it."""
        for _ in range(200):
            if found := await asyncio.to_thread(_word_in_mail, folder, to, prefix):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"No mail to {to} with a {prefix} in {folder} within 20 seconds.")

    async def verify_domain(self) -> str:
        """Ada adds the domain, publishes its record, verifies it; its id."""
        domain = await self.call("Ada", "POST", f"{self.org}/domains", {"name": self.domain}, expect=201)
        self.service.zone.set_txt(domain["txt_record"]["name"], [domain["txt_record"]["value"]])
        verified = await self.call("Ada", "POST", f"{self.org}/domains/{domain['id']}/verify")
        assert verified["status"] == "verified"
        self.ids["domain"] = domain["id"]
        return str(domain["id"])

    async def connect(self, idp: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """Ada makes a connection on the verified domain; it is not active yet."""
        body = {"name": "IdP", "domain_ids": [self.ids["domain"]], "idp": idp, **settings}
        connection = await self.call("Ada", "POST", f"{self.org}/connections", body, expect=201)
        self.ids["connection"] = connection["id"]
        return connection

    async def activate(self) -> None:
        """Ada activates the connection."""
        await self.call("Ada", "POST", f"{self.org}/connections/{self.ids['connection']}/activate")

    async def sp_metadata(self) -> str:
        """What the identity provider is given."""
        response = await self.http.get(f"/saml/{self.ids['connection']}/metadata")
        return response.raise_for_status().text

    @property
    def sign_in_url(self) -> str:
        """The sign-in URL, as a frontend opens it."""
        query = {"redirect_uri": REDIRECT_URI, "state": "s-1", "code_challenge": CHALLENGE}
        return f"{self.service.url}/sso/{self.slug}?{urlencode(query)}"

    async def exchange(self, who: str, back: httpx2.Response) -> dict[str, Any]:
        """The code in a redirect becomes somebody's session."""
        signed_in = await self.call(None, "POST", "/v1/auth/token", {"code": code_of(back), "code_verifier": VERIFIER})
        self.tokens[who] = signed_in["token"]
        return signed_in

    async def sign_in(self, who: str, password: str) -> dict[str, Any]:
        """Somebody follows the sign-in URL, logs in at the identity provider and comes back with a session."""
        async with Browser() as browser:
            answer = await browser.sign_in(self.sign_in_url, self.email(who), password)
            return await self.exchange(who, await browser.submit(answer))

    async def refusal(self, answer: Form) -> tuple[dict[str, Any], dict[str, Any]]:
        """Hand in an answer that must be refused: the problem, and the trace Ada finds."""
        response = await self.http.post(answer.url, data=answer.fields)
        assert response.status_code >= 400, response.headers.get("location")
        problem: dict[str, Any] = response.json()
        return problem, await self.call("Ada", "GET", f"{self.org}/sign-ins/{problem['trace_id']}")


def code_of(back: httpx2.Response) -> str:
    """The one-time code in the redirect to the client."""
    assert back.status_code == 303, back.text
    location = urlsplit(back.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == REDIRECT_URI
    query = parse_qs(location.query)
    assert query["state"] == ["s-1"]
    return query["code"][0]


def _word_in_mail(folder: Path, to: str, prefix: str) -> str | None:
    for path in sorted(folder.glob("*.eml"), reverse=True):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        words = str(mail.get_content()).split() if to in str(mail["To"]) else []
        if found := [word for word in words if word.startswith(prefix)]:
            return found[0]
    return None
