"""Our AuthnRequests and metadata, checked by means that did not write them."""
# pysaml2 declares no types of parameters.
# pyright: reportUnknownVariableType=false

import asyncio
import base64
import shutil
import subprocess
import tempfile
import zlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import xmlsec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from saml2.xml.schema import validate

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.messages import Pysaml2Messages
from ostiary.adapters.saml.verifier import verify
from ostiary.domain.connection import Binding, IdentityProvider, LoginHint, NameIdFormat
from ostiary.services.saml_ports import AuthnRequest, BrowserMessage, ServiceProvider, SpKeyPair
from tests.support.logout_factory import SLO_URL
from tests.support.saml_factory import (
    ACS_URL,
    DSIG,
    IDP_ENTITY_ID,
    NOW,
    RSA_SHA256,
    SHA256,
    SP_ENTITY_ID,
    Element,
    Encrypting,
    encrypt,
    form_value,
    party,
    signed_response,
    trust,
)

SSO_URL = "https://idp.example/sso"
NAMES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": DSIG,
}
messages = Pysaml2Messages(BoundedThreads("saml"))


def service_provider(key: SpKeyPair | None = None) -> ServiceProvider:
    return ServiceProvider(
        entity_id=SP_ENTITY_ID,
        acs_url=ACS_URL,
        slo_url=SLO_URL,
        metadata_url=SP_ENTITY_ID,
        key=key or party("sp").as_sp_key(),
    )


def authn_request(*, binding: Binding = Binding.REDIRECT, sso_url: str = SSO_URL) -> AuthnRequest:
    return AuthnRequest(
        id="_request1",
        issued_at=NOW,
        relay_state="rs_01&=?",
        idp=IdentityProvider(IDP_ENTITY_ID, sso_url, (), sso_binding=binding),
        sp=service_provider(),
        name_id_format=NameIdFormat.EMAIL,
        force_authn=False,
        signed=True,
    )


def query_of(message: BrowserMessage) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(message.url).query, strict_parsing=True))


def redirected(message: BrowserMessage) -> Element:
    """The request inside a redirect: base64 of raw deflate."""
    return etree.fromstring(zlib.decompress(base64.b64decode(query_of(message)["SAMLRequest"]), wbits=-15))


def posted(message: BrowserMessage) -> Element:
    return etree.fromstring(base64.b64decode(dict(message.form)["SAMLRequest"]))


def public_key(key: SpKeyPair) -> rsa.RSAPublicKey:
    public = x509.load_pem_x509_certificate(key.certificate_pem.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return public


def check_query(message: BrowserMessage, key: SpKeyPair) -> None:
    """What an identity provider does: the signature is over the parameters exactly as they stand in the URL."""
    query = urlsplit(message.url).query
    signed, _, signature = query[query.index("SAMLRequest=") :].rpartition("&Signature=")
    assert [part.partition("=")[0] for part in signed.split("&")] == ["SAMLRequest", "RelayState", "SigAlg"]
    public_key(key).verify(base64.b64decode(unquote(signature)), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def check_enveloped(root: Element, key: SpKeyPair) -> None:
    """The root's own signature, by RSA-SHA256, behind the Issuer or at the beginning."""
    signature = root.find("ds:Signature", NAMES)
    assert signature is not None
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.certificate_pem, xmlsec.constants.KeyDataFormatCertPem)
    context.register_id(root, "ID")
    context.verify(signature)
    info = "ds:SignedInfo"
    assert [node.get("Algorithm") for node in signature.findall(f"{info}/ds:SignatureMethod", NAMES)] == [RSA_SHA256]
    assert [node.get("Algorithm") for node in signature.iterfind(".//ds:DigestMethod", NAMES)] == [SHA256]
    assert [node.get("URI") for node in signature.findall(f"{info}/ds:Reference", NAMES)] == [f"#{root.get('ID')}"]


async def test_a_redirected_request_carries_a_signature_that_the_certificate_verifies() -> None:
    message = await messages.authn_request(authn_request())
    assert message.binding is Binding.REDIRECT
    assert message.form == ()
    assert message.url.startswith(f"{SSO_URL}?SAMLRequest=")
    check_query(message, service_provider().key)
    query = query_of(message)
    assert query["RelayState"] == "rs_01&=?"
    assert query["SigAlg"] == RSA_SHA256
    # Signed twice it would not fit into URLs, and a receiver may refuse it (SAML bindings §3.4.4.1).
    assert redirected(message).find("ds:Signature", NAMES) is None


async def test_the_signature_of_a_redirect_covers_the_relay_state() -> None:
    message = await messages.authn_request(authn_request())
    with pytest.raises(InvalidSignature):
        check_query(
            replace(message, url=message.url.replace("RelayState=rs_01", "RelayState=rs_02")), service_provider().key
        )


async def test_a_redirect_keeps_the_query_of_the_sign_in_address() -> None:
    message = await messages.authn_request(authn_request(sso_url=f"{SSO_URL}?idpid=C01"))
    assert message.url.startswith(f"{SSO_URL}?idpid=C01&SAMLRequest=")
    check_query(message, service_provider().key)


async def test_an_unsigned_redirect_has_no_signature() -> None:
    message = await messages.authn_request(replace(authn_request(), signed=False))
    assert list(query_of(message)) == ["SAMLRequest", "RelayState"]


async def test_a_posted_request_carries_an_enveloped_signature_that_the_certificate_verifies() -> None:
    message = await messages.authn_request(authn_request(binding=Binding.POST))
    assert (message.binding, message.url) == (Binding.POST, SSO_URL)
    assert [name for name, _ in message.form] == ["SAMLRequest", "RelayState"]
    assert dict(message.form)["RelayState"] == "rs_01&=?"
    check_enveloped(posted(message), service_provider().key)


async def test_an_unsigned_posted_request_has_no_signature() -> None:
    message = await messages.authn_request(replace(authn_request(binding=Binding.POST), signed=False))
    assert posted(message).find("ds:Signature", NAMES) is None


@pytest.mark.parametrize("binding", [Binding.REDIRECT, Binding.POST])
async def test_a_request_says_who_asks_and_where_the_answer_goes(binding: Binding) -> None:
    message = await messages.authn_request(authn_request(binding=binding))
    root = redirected(message) if binding is Binding.REDIRECT else posted(message)
    assert dict(root.attrib) == {
        "ID": "_request1",
        "Version": "2.0",
        "IssueInstant": "2026-01-15T12:00:00Z",
        "Destination": SSO_URL,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        "AssertionConsumerServiceURL": ACS_URL,
    }
    assert root.findtext("saml:Issuer", namespaces=NAMES) == SP_ENTITY_ID
    policy = root.find("samlp:NameIDPolicy", NAMES)
    assert policy is not None
    assert dict(policy.attrib) == {"Format": NameIdFormat.EMAIL, "AllowCreate": "true"}
    assert root.prefix == "samlp"


@pytest.mark.parametrize("name_id_format", [None, *NameIdFormat])
@pytest.mark.parametrize("login_hint", [None, "bo+<&>@acme.test"])
@pytest.mark.parametrize("binding", [Binding.REDIRECT, Binding.POST])
async def test_every_request_is_valid_by_the_schema(
    name_id_format: NameIdFormat | None, login_hint: str | None, binding: Binding
) -> None:
    request = replace(
        authn_request(binding=binding),
        name_id_format=name_id_format,
        login_hint=login_hint,
        login_hint_by=LoginHint.SUBJECT,
        force_authn=True,
    )
    message = await messages.authn_request(request)
    root = redirected(message) if binding is Binding.REDIRECT else posted(message)
    validate(etree.tostring(root).decode())
    assert root.get("ForceAuthn") == "true"
    assert root.findtext("saml:Subject/saml:NameID", namespaces=NAMES) == login_hint
    policies = [policy.get("Format") for policy in root.findall("samlp:NameIDPolicy", NAMES)]
    assert policies == ([] if name_id_format is None else [name_id_format])


@pytest.mark.parametrize("sso_url", [SSO_URL, f"{SSO_URL}?tenant=1"])
@pytest.mark.parametrize("binding", [Binding.REDIRECT, Binding.POST])
async def test_a_hint_in_the_address_leaves_request_and_signature_as_they_are(binding: Binding, sso_url: str) -> None:
    request = authn_request(binding=binding, sso_url=sso_url)
    plain = await messages.authn_request(request)
    hinted = await messages.authn_request(
        replace(request, login_hint="bo+<&>@acme.test", login_hint_by=LoginHint.QUERY)
    )
    mark = "&" if "?" in plain.url else "?"
    assert hinted.url == f"{plain.url}{mark}login_hint=bo%2B%3C%26%3E%40acme.test"
    assert hinted.form == plain.form


async def test_a_hint_is_not_sent_where_nobody_knows_what_becomes_of_it() -> None:
    request = authn_request()
    assert await messages.authn_request(replace(request, login_hint="bo@acme.test")) == (
        await messages.authn_request(request)
    )


async def test_no_id_is_asked_to_be_created_that_is_new_every_time() -> None:
    message = await messages.authn_request(replace(authn_request(), name_id_format=NameIdFormat.TRANSIENT))
    policy = redirected(message).find("samlp:NameIDPolicy", NAMES)
    assert policy is not None
    assert policy.get("AllowCreate") is None


async def test_requests_made_at_the_same_moment_are_each_signed_with_their_own_key() -> None:
    keys = [party(f"sp of tenant {number}").as_sp_key() for number in range(4)]
    requests = [replace(authn_request(), sp=service_provider(key)) for key in keys * 10]
    made = await asyncio.gather(*(messages.authn_request(request) for request in requests))
    for message, key in zip(made, keys * 10, strict=True):
        check_query(message, key)


async def sp_metadata(*, encrypted: bool = False, signed: bool = True) -> Element:
    document = await messages.sp_metadata(
        service_provider(),
        valid_until=NOW + timedelta(days=7),
        name_id_format=NameIdFormat.PERSISTENT,
        want_assertions_encrypted=encrypted,
        requests_signed=signed,
    )
    return etree.fromstring(document)


@pytest.mark.parametrize("encrypted", [False, True])
async def test_our_metadata_is_signed_and_valid_by_the_schema(encrypted: bool) -> None:
    root = await sp_metadata(encrypted=encrypted)
    check_enveloped(root, service_provider().key)
    validate(etree.tostring(root).decode())
    assert (root.get("entityID"), root.get("validUntil")) == (SP_ENTITY_ID, "2026-01-22T12:00:00Z")


async def test_our_metadata_says_where_to_post_and_what_we_want() -> None:
    root = await sp_metadata()
    descriptor = root.find("md:SPSSODescriptor", NAMES)
    assert descriptor is not None
    assert descriptor.get("WantAssertionsSigned") == "true"
    assert descriptor.get("AuthnRequestsSigned") == "true"
    assert [dict(acs.attrib) for acs in descriptor.findall("md:AssertionConsumerService", NAMES)] == [
        {
            "Binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
            "Location": ACS_URL,
            "index": "0",
            "isDefault": "true",
        }
    ]
    assert [node.text for node in descriptor.findall("md:NameIDFormat", NAMES)] == [NameIdFormat.PERSISTENT]
    assert [dict(slo.attrib) for slo in descriptor.findall("md:SingleLogoutService", NAMES)] == [
        {"Binding": f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{binding}", "Location": SLO_URL}
        for binding in ("Redirect", "POST")
    ]
    unsigned = (await sp_metadata(signed=False)).find("md:SPSSODescriptor", NAMES)
    assert unsigned is not None
    assert unsigned.get("AuthnRequestsSigned") == "false"


async def test_our_metadata_names_an_encryption_key_and_its_methods_only_where_encryption_is_wanted() -> None:
    uses = [key.get("use") for key in (await sp_metadata()).iterfind(".//md:KeyDescriptor", NAMES)]
    assert uses == ["signing"]
    signing, encryption = (await sp_metadata(encrypted=True)).iterfind(".//md:KeyDescriptor", NAMES)
    assert signing.findall("md:EncryptionMethod", NAMES) == []
    methods = [str(method.get("Algorithm")) for method in encryption.findall("md:EncryptionMethod", NAMES)]
    assert [method for method in methods if "cbc" in method or "rsa-1_5" in method] == []
    assert len(methods) == 5
    certificate = encryption.findtext(".//ds:X509Certificate", namespaces=NAMES) or ""
    assert certificate in "".join(service_provider().key.certificate_pem.split())


async def test_a_new_key_signs_and_decrypts_and_its_certificate_lasts_ten_years() -> None:
    key = await messages.new_key("acme", NOW)
    certificate = x509.load_pem_x509_certificate(key.certificate_pem.encode())
    private_key = load_pem_private_key(key.private_key_pem, None)
    assert isinstance(private_key, rsa.RSAPrivateKey)
    assert private_key.key_size == 2048
    assert private_key.public_key() == certificate.public_key()
    assert certificate.not_valid_before_utc <= NOW
    assert timedelta(days=3652) <= certificate.not_valid_after_utc - NOW <= timedelta(days=3654)
    assert certificate.subject.rfc4514_string() == "CN=acme"
    certificate.verify_directly_issued_by(certificate)

    check_query(await messages.authn_request(replace(authn_request(), sp=service_provider(key))), key)
    sealed = signed_response()
    encrypt(sealed, Encrypting(replace(party("sp"), certificate_pem=key.certificate_pem)))
    assert verify(form_value(sealed), trust(decryption_keys=(key,)))


async def test_a_long_name_is_cut_to_what_a_certificate_holds() -> None:
    key = await messages.new_key("a" * 100, NOW)
    subject = x509.load_pem_x509_certificate(key.certificate_pem.encode()).subject
    assert subject.rfc4514_string() == f"CN={'a' * 64}"


async def test_no_program_is_started_and_no_file_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("everything happens in this process and in memory")

    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("xmlsec1") is None
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("saml2.sigver.Popen", refuse)
    monkeypatch.setattr("saml2.sigver.make_temp", refuse)
    monkeypatch.setattr("saml2.sigver.NamedTemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    key = await messages.new_key("acme", NOW)
    request = replace(authn_request(), sp=service_provider(key))
    check_query(await messages.authn_request(request), key)
    post = replace(request, idp=replace(request.idp, sso_binding=Binding.POST))
    check_enveloped(posted(await messages.authn_request(post)), key)
    check_enveloped(await sp_metadata(), service_provider().key)
    assert verify(form_value(signed_response(what="both")), trust())
