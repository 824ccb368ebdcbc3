"""Comparable software, where it is installed: `make bench` installs it, nothing else needs it."""
# Most of it declares no types, and where it is not installed there is nothing to look at.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import base64
import contextlib
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import xmlsec
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree
from saml2 import BINDING_HTTP_POST
from saml2.client import Saml2Client
from saml2.config import SPConfig
from tests.support.saml_factory import ACS_URL, IDP_ENTITY_ID, NOW, REQUEST_ID, SP_ENTITY_ID, Party

Verify = Callable[[bytes], object]
_DSIG = "{http://www.w3.org/2000/09/xmldsig#}Signature"


def raw_xmlsec(signer: Party) -> Verify:
    """The limit: lxml parses, xmlsec verifies one signature, and nobody asks what was signed."""
    key = xmlsec.Key.from_memory(signer.certificate_pem, xmlsec.constants.KeyDataFormatCertPem)

    def verify(document: bytes) -> object:
        root = etree.fromstring(document)
        signature = next(root.iter(_DSIG))
        parent = signature.getparent()
        assert parent is not None
        context = xmlsec.SignatureContext()
        context.key = key
        context.register_id(parent, "ID")
        context.verify(signature)
        return root

    return verify


def verifiers(signer: Party) -> Mapping[str, Verify]:
    """Every peer that is here, by name."""
    found: dict[str, Verify] = {}
    for name, make in (
        ("minisaml", _minisaml),
        ("signxml", _signxml),
        ("python3-saml", _python3_saml),
        ("pysaml2 and xmlsec1", _pysaml2),
    ):
        with contextlib.suppress(ImportError, FileNotFoundError):
            found[name] = make(signer)
    return found


def _minisaml(signer: Party) -> Verify:
    from minisaml.response import validate_response  # noqa: PLC0415 -- a peer may be missing

    certificate = load_pem_x509_certificate(signer.certificate_pem.encode())

    def verify(document: bytes) -> object:
        return validate_response(
            data=base64.b64encode(document).decode(),
            certificate=certificate,
            expected_audience=SP_ENTITY_ID,
            idp_issuer=IDP_ENTITY_ID,
        )

    return verify


def _signxml(signer: Party) -> Verify:
    from signxml.verifier import XMLVerifier  # noqa: PLC0415 -- a peer may be missing

    def verify(document: bytes) -> object:
        return XMLVerifier().verify(etree.fromstring(document), x509_cert=signer.certificate_pem, id_attribute="ID")

    return verify


def _python3_saml(signer: Party) -> Verify:
    from onelogin.saml2.response import OneLogin_Saml2_Response  # noqa: PLC0415 -- a peer may be missing
    from onelogin.saml2.settings import OneLogin_Saml2_Settings  # noqa: PLC0415 -- a peer may be missing

    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {"entityId": SP_ENTITY_ID, "assertionConsumerService": {"url": ACS_URL}},
            "idp": {
                "entityId": IDP_ENTITY_ID,
                "singleSignOnService": {"url": "https://idp.example/sso"},
                "x509cert": signer.certificate_pem,
            },
            "security": {"wantAssertionsSigned": True},
        },
        sp_validation_only=False,
    )
    host, _, path = ACS_URL.partition("://")[2].partition("/")
    asked = {"https": "on", "http_host": host, "script_name": f"/{path}"}

    def verify(document: bytes) -> object:
        response = OneLogin_Saml2_Response(settings, base64.b64encode(document).decode())
        if not response.is_valid({**asked, "post_data": {}}, REQUEST_ID):
            raise AssertionError(response.get_error())
        return response.get_attributes()

    return verify


def _pysaml2(signer: Party) -> Verify:
    xmlsec1 = shutil.which("xmlsec1")
    if xmlsec1 is None:
        raise FileNotFoundError("xmlsec1")
    body = "".join(line for line in signer.certificate_pem.splitlines() if not line.startswith("-----"))
    metadata = (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{IDP_ENTITY_ID}"><md:IDPSSODescriptor'
        ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">'
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        '</md:KeyDescriptor><md:SingleSignOnService Location="https://idp.example/sso"'
        ' Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"/></md:IDPSSODescriptor></md:EntityDescriptor>'
    )
    service = {
        "endpoints": {"assertion_consumer_service": [(ACS_URL, BINDING_HTTP_POST)]},
        "want_response_signed": False,
        "want_assertions_signed": True,
    }
    config: Any = SPConfig()
    config.load(
        {
            "entityid": SP_ENTITY_ID,
            "xmlsec_binary": xmlsec1,
            # The factory's responses were issued a while ago; what else they say of time is of today.
            "accepted_time_diff": int((datetime.now(UTC) - NOW).total_seconds()) + 86_400,
            "allow_unknown_attributes": True,
            "metadata": {"inline": [metadata]},
            "service": {"sp": service},
        }
    )
    client: Any = Saml2Client(config)

    def verify(document: bytes) -> object:
        encoded = base64.b64encode(document).decode()
        found = client.parse_authn_request_response(encoded, BINDING_HTTP_POST, {REQUEST_ID: "/"})
        # Failures of its own it logs, and answers without attributes.
        assert found.ava, "no attributes"
        return found.ava

    return verify
