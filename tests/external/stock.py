# pysaml2 carries no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Another service provider: pysaml2 as it comes, with the program xmlsec1, told the same as the connection under test.

It shares no line with ours where responses are read: it verifies in another process, parses with another parser, and
reads what it parsed. What it is known to let pass is why ours reads for itself.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from saml2 import BINDING_HTTP_POST, time_util
from saml2.client import Saml2Client
from saml2.config import SPConfig

from tests.external.packages import require_xmlsec1
from tests.support.saml_corpus.case import Case
from tests.support.saml_factory import ACS_URL, IDP_ENTITY_ID, NOW, SP_ENTITY_ID, party

SSO_URL = "https://idp.example/sso"


@dataclass(frozen=True)
class Identity:
    """Whom a service provider takes the person for."""

    issuer: str
    name_id: str
    name_id_format: str | None
    attributes: Mapping[str, tuple[str, ...]]


class StockRefused(Exception):
    """The stock service provider signs nobody in; says why."""


class StockServiceProvider:
    """pysaml2's client, one for each case: what a connection trusts is fixed when it is made."""

    def __init__(self, folder: Path) -> None:
        self._program = str(require_xmlsec1())
        self._key, self._certificate = folder / "sp.key", folder / "sp.crt"
        self._key.write_bytes(party("sp").key_pem)
        self._certificate.write_text(party("sp").certificate_pem)

    def decide(self, case: Case) -> Identity:
        """Whom it signs in; raises `StockRefused`."""
        client = Saml2Client(config=self._config(case))
        outstanding = {} if case.request_id is None else {case.request_id: "/"}
        try:
            response: Any = client.parse_authn_request_response(case.form_value(), BINDING_HTTP_POST, outstanding)
        except Exception as error:
            # pysaml2 raises whatever its parts raise; each of them is a refusal.
            raise StockRefused(f"{type(error).__name__}: {error}"[:300]) from error
        if response is None or response.assertion is None or response.name_id is None:
            raise StockRefused("it found no response, or nobody in it")
        return _identity(response)

    def _config(self, case: Case) -> Any:
        certificates = "".join(
            '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
            f"{certificate.der_base64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for certificate in case.trust().certificates
        )
        metadata = (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
            f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{IDP_ENTITY_ID}">'
            '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            f'{certificates}<md:SingleSignOnService Binding="{BINDING_HTTP_POST}" Location="{SSO_URL}"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        )
        return SPConfig().load(
            {
                "entityid": SP_ENTITY_ID,
                "xmlsec_binary": self._program,
                "key_file": str(self._key),
                "cert_file": str(self._certificate),
                "encryption_keypairs": [{"key_file": str(self._key), "cert_file": str(self._certificate)}],
                "metadata": {"inline": [metadata]},
                "accepted_time_diff": 60,
                "allow_unknown_attributes": True,
                "service": {
                    "sp": {
                        "endpoints": {"assertion_consumer_service": [(ACS_URL, BINDING_HTTP_POST)]},
                        "want_response_signed": False,
                        "want_assertions_signed": False,
                        "want_assertions_or_response_signed": True,
                        "allow_unsolicited": case.allow_unsolicited,
                    }
                },
            }
        )


def _identity(response: Any) -> Identity:
    attributes: dict[str, tuple[str, ...]] = {}
    for statement in response.assertion.attribute_statement:
        for attribute in statement.attribute:
            values = (str(value.text or "").strip() for value in attribute.attribute_value)
            attributes[attribute.name] = attributes.get(attribute.name, ()) + tuple(value for value in values if value)
    name_id = response.name_id
    issuer = str(response.assertion.issuer.text or "").strip()
    return Identity(issuer, str(name_id.text or "").strip(), name_id.format, attributes)


def stop_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pysaml2 believe that it is the corpus's NOW."""

    def ahead(days: int) -> datetime:
        return NOW + timedelta(days=days)

    def back(days: int) -> datetime:
        return NOW - timedelta(days=days)

    monkeypatch.setattr(time_util, "utc_now", lambda: calendar.timegm(NOW.timetuple()))
    monkeypatch.setattr(time_util, "time_in_a_while", ahead)
    monkeypatch.setattr(time_util, "time_a_while_ago", back)
