# pysaml2 carries no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A service provider that is not ours: pysaml2's SP half, to try identity providers without the service."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lxml.html
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.sigver import RSACrypto, import_rsa_key_from_file
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ostiary.devidp.crypto import XmlsecBackend
from tests.support.browser import Form
from tests.support.certificates import KeyPair, key_pair
from tests.support.web import serve


class ServiceProvider:
    """Serves its metadata at its entity id and remembers what is posted to its assertion consumer service."""

    def __init__(self, base_url: str, folder: Path, *, signs: bool = True) -> None:
        self.entity_id = f"{base_url}/metadata"
        self.acs_url = f"{base_url}/acs"
        self.keys: KeyPair = key_pair("Test service provider")
        self.received: list[dict[str, str]] = []
        self._signs = signs
        self._key_file, self._certificate_file = self.keys.write(folder, "sp")

    @property
    def metadata(self) -> str:
        """Its metadata, with one certificate for signing and encryption."""
        return str(entity_descriptor(self._config()))

    def redirect_request(
        self, idp_metadata: str, relay_state: str = "", algorithm: str = SIG_RSA_SHA256, **options: object
    ) -> tuple[str, str]:
        """An AuthnRequest by HTTP-Redirect: its id, and the URL to follow. `options` are pysaml2's."""
        request_id, message = self._request(
            idp_metadata, BINDING_HTTP_REDIRECT, relay_state, sigalg=algorithm, digest_alg=DIGEST_SHA256, **options
        )
        return request_id, dict(message["headers"])["Location"]

    def post_request(
        self, idp_metadata: str, relay_state: str = "", algorithm: str = SIG_RSA_SHA256, **options: object
    ) -> tuple[str, Form]:
        """An AuthnRequest by HTTP-POST: its id, and the form to submit. `options` are pysaml2's."""
        request_id, message = self._request(
            idp_metadata, BINDING_HTTP_POST, relay_state, sigalg=algorithm, digest_alg=DIGEST_SHA256, **options
        )
        (form,) = lxml.html.document_fromstring(message["data"]).forms
        return request_id, Form(str(form.action), "POST", {name: value or "" for name, value in form.form_values()})

    def _request(self, idp_metadata: str, binding: str, relay_state: str, **options: object) -> tuple[str, Any]:
        client: Any = Saml2Client(config=self._config(idp_metadata))
        client.sec.crypto = XmlsecBackend(self.keys.key)
        client.sec.sec_backend = RSACrypto(import_rsa_key_from_file(str(self._key_file)))
        return client.prepare_for_authenticate(
            binding=binding, relay_state=relay_state, **({"sign": self._signs} | options)
        )

    def app(self) -> Starlette:
        """Its web side."""
        return Starlette(
            routes=[Route("/metadata", self._metadata), Route("/acs", self._acs, methods=["POST"])],
        )

    async def _metadata(self, _: Request) -> Response:
        return Response(self.metadata, media_type="application/samlmetadata+xml")

    async def _acs(self, request: Request) -> Response:
        form = await request.form()
        self.received.append({name: str(value) for name, value in form.items()})
        return HTMLResponse("<!doctype html><title>Signed in</title><p>Welcome</p>")

    def _config(self, idp_metadata: str | None = None) -> SPConfig:
        return SPConfig().load(
            {
                "entityid": self.entity_id,
                "key_file": str(self._key_file),
                "cert_file": str(self._certificate_file),
                "encryption_keypairs": [{"key_file": str(self._key_file), "cert_file": str(self._certificate_file)}],
                "crypto_backend": "XMLSecurity",
                "metadata": {"inline": [idp_metadata] if idp_metadata else []},
                "service": {
                    "sp": {
                        "endpoints": {"assertion_consumer_service": [(self.acs_url, BINDING_HTTP_POST)]},
                        "authn_requests_signed": self._signs,
                        "want_assertions_signed": True,
                    }
                },
            }
        )


@contextmanager
def running_service_provider(folder: Path, *, signs: bool = True) -> Generator[ServiceProvider]:
    """A service provider on loopback until the block ends."""
    made: list[ServiceProvider] = []

    def make_app(base_url: str) -> Starlette:
        made.append(ServiceProvider(base_url, folder, signs=signs))
        return made[0].app()

    with serve(make_app):
        yield made[0]
