"""Single logout over HTTP: what a scripted identity provider sends, and what it reads of ours."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from urllib.parse import parse_qs, urlsplit

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ostiary.adapters.saml.logout import read_logout
from ostiary.domain.connection import Binding, Certificate
from ostiary.domain.logout import LogoutRequest, LogoutResponse
from ostiary.services.saml_ports import IncomingMessage, Trust
from tests.support.browser import forms_of
from tests.support.logout_factory import Wish, answer, posted, redirected, request
from tests.support.saml_factory import Element, Party, Said, authn_statement
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import CHALLENGE, REDIRECT_URI

SLO = "https://idp.test/slo"
_numbers = count(1)
FRONTEND = {"redirect_uri": REDIRECT_URI, "state": "s-1", "code_challenge": CHALLENGE}


@dataclass(frozen=True, slots=True)
class Sent:
    """A logout message of ours as the identity provider got it: where, what, and with which relay state."""

    url: str
    message: LogoutRequest | LogoutResponse
    relay_state: str | None


@dataclass(frozen=True, slots=True)
class LogoutIdp:
    """The identity provider of a connection with single logout, by one of the bindings."""

    idp: ScriptedIdp
    binding: Binding
    sp_certificate: Certificate

    @classmethod
    async def of(cls, idp: ScriptedIdp, binding: Binding) -> "LogoutIdp":
        """With the certificate it finds in the connection."""
        connection = await idp.company.call("Ada", "GET", idp.address)
        pem = connection["sp"]["certificate"]
        known = x509.load_pem_x509_certificate(pem.encode())
        body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
        fingerprint = known.fingerprint(hashes.SHA256()).hex()
        certificate = Certificate(fingerprint, known.not_valid_before_utc, known.not_valid_after_utc, body)
        return cls(idp, binding, certificate)

    @property
    def url(self) -> str:
        """Our single logout service."""
        return f"{self.idp.company.service.url}/saml/{self.idp.connection_id}/slo"

    def wish(self, who: str, *session_indexes: str) -> Wish:
        """What a good LogoutRequest about somebody says."""
        now = self.idp.company.service.clock.now()
        return Wish(
            id=f"_logout{next(_numbers)}",
            issuer=self.idp.entity_id,
            destination=self.url,
            issued_at=now,
            not_on_or_after=now + timedelta(minutes=5),
            name_id=self.idp.company.email(who),
            session_indexes=session_indexes,
        )

    def answers(self, sent: Sent, **changes: str) -> Element:
        """A good LogoutResponse to a request of ours."""
        about = {"destination": self.url, "issuer": self.idp.entity_id} | changes
        return answer(
            about.pop("in_response_to", sent.message.id), issued_at=self.idp.company.service.clock.now(), **about
        )

    async def send(
        self,
        browser: httpx2.AsyncClient,
        message: Wish | Element,
        relay_state: str | None = None,
        by: Party | None = None,
    ) -> httpx2.Response:
        """Let the browser carry a message to us; signed by this identity provider, or by another party."""
        document = request(message) if isinstance(message, Wish) else message
        signer = by or self.idp.party
        if self.binding is Binding.REDIRECT:
            query = redirected(document, by=signer, relay_state=relay_state)
            return await browser.get(f"{self.url}?{query}")
        name = "SAMLRequest" if str(document.tag).endswith("Request") else "SAMLResponse"
        fields = {name: posted(document, by=signer)} | ({} if relay_state is None else {"RelayState": relay_state})
        return await browser.post(self.url, data=fields)

    def read(self, response: httpx2.Response) -> Sent:
        """The message of ours that a browser is handed, once its signature was checked with our certificate."""
        trust = Trust((self.sp_certificate,), allow_sha1=False, now=self.idp.company.service.clock.now())
        if self.binding is Binding.REDIRECT:
            assert response.status_code == 302, response.text
            parts = urlsplit(response.headers["location"])
            message = read_logout(IncomingMessage(Binding.REDIRECT, parts.query), trust)
            return Sent(
                f"{parts.scheme}://{parts.netloc}{parts.path}",
                message,
                parse_qs(parts.query).get("RelayState", [None])[0],
            )
        assert response.status_code == 200, response.text
        [form] = forms_of(response)
        value = form.fields.get("SAMLRequest") or form.fields["SAMLResponse"]
        message = read_logout(IncomingMessage(Binding.POST, value), trust)
        return Sent(form.url, message, form.fields.get("RelayState"))

    async def sign_in(self, browser: httpx2.AsyncClient, who: str, session_index: str, **changes: object) -> str:
        """Somebody signs in, in a session that this identity provider calls so; their token."""
        company = self.idp.company
        departed = await self.idp.depart(browser, **FRONTEND, connection=self.idp.connection_id)
        said: Said = replace(
            self.idp.says(departed.request_id, company.email(who)),
            authn_statements=authn_statement(session_index),
            **changes,  # pyright: ignore[reportArgumentType]
        )
        form = self.idp.form(said, departed.relay_state)
        back = await browser.post(form.url, data=form.fields)
        return str((await company.exchange(who, back))["token"])
