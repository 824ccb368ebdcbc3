"""An identity provider whose every answer a test writes, for a company that is spoken to over HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx2

from tests.support.browser import Form
from tests.support.saml_factory import Element, Party, Said, Signing, form_value, signed_response
from tests.support.service import Company
from tests.support.sso import Addressed, good_answer, identity_provider, read_request


@dataclass(frozen=True, slots=True)
class Departure:
    """A sign-in on its way: what the identity provider got, and with it the way back."""

    request_id: str
    relay_state: str


@dataclass(slots=True)
class ScriptedIdp:
    """The identity provider of one connection of a company."""

    company: Company
    party: Party
    entity_id: str
    connection_id: str

    @classmethod
    async def connected(
        cls, company: Company, name: str = "acme idp", *, endpoints: dict[str, str] | None = None, **settings: Any
    ) -> "ScriptedIdp":
        """An identity provider, and an active connection to it on the company's verified domain.

        `endpoints` are further values of its side, as `slo_url`.
        """
        party, entity_id = identity_provider(name), f"https://{name.replace(' ', '-')}.test/metadata"
        idp = {"entity_id": entity_id, "sso_url": "https://idp.test/sso", "certificates": [party.certificate_pem]}
        idp |= endpoints or {}
        connection = await company.connect(idp, **settings)
        await company.activate()
        return cls(company, party, entity_id, connection["id"])

    @property
    def address(self) -> str:
        """The connection's address in the org-management API."""
        return f"{self.company.org}/connections/{self.connection_id}"

    async def depart(self, browser: httpx2.AsyncClient, **query: str) -> Departure:
        """Follow the company's sign-in URL, by default as a frontend without a `redirect_uri`."""
        start = await browser.get(f"{self.company.service.url}/sso/{self.company.slug}", params=query)
        assert start.status_code == 302, start.text
        return Departure(*read_request(start.headers["location"]))

    def says(self, request_id: str | None, email: str | None = None) -> Said:
        """A good answer about a person, by default Bo."""
        saml = f"{self.company.service.url}/saml/{self.connection_id}"
        addressed = Addressed(self.entity_id, f"{saml}/metadata", f"{saml}/acs")
        return good_answer(addressed, self.company.service.clock.now(), request_id, email or self.company.email("Bo"))

    def signed(self, said: Said) -> Element:
        """The response that says so, its assertion signed by this identity provider."""
        return signed_response(said, what="assertion", how=Signing(by=self.party))

    def form(self, response: Element | Said, relay_state: str | None) -> Form:
        """What the browser posts to the assertion consumer service."""
        document = self.signed(response) if isinstance(response, Said) else response
        fields = {"SAMLResponse": form_value(document)} | ({"RelayState": relay_state} if relay_state else {})
        return Form(f"{self.company.service.url}/saml/{self.connection_id}/acs", "POST", fields)
