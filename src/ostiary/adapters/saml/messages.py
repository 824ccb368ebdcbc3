"""The messages we write, from pysaml2's typed elements: AuthnRequests and our metadata; and keys to sign them with."""
# pysaml2 declares no types of parameters.
# pyright: reportUnknownVariableType=false

import base64
import hashlib
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, md, saml, samlp
from saml2 import xmldsig as ds
from saml2.pack import http_redirect_message

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.crypto_backend import (
    QuerySigner,
    certificate_base64,
    signature_template,
    to_signed_xml,
    to_xml,
)
from ostiary.adapters.saml.decryption import AES_GCM_BYTES, RSA_OAEP, RSA_OAEP_MGF1P
from ostiary.adapters.saml.values import instant
from ostiary.adapters.saml.xml import SAMLP
from ostiary.domain.connection import Binding, LoginHint, NameIdFormat
from ostiary.services.saml_ports import AuthnRequest, BrowserMessage, ServiceProvider, SpKeyPair

_KEY_BITS = 2048
_KEY_LIFETIME = timedelta(days=3653)
# A certificate that is not valid yet on a machine whose clock is a little behind would stop the first sign-in.
_BACKDATED = timedelta(hours=1)
_MAX_COMMON_NAME = 64


class Pysaml2Messages:
    """The `SamlMessages` port; messages are built and signed in a worker thread."""

    def __init__(self, threads: BoundedThreads) -> None:
        self._threads = threads

    async def authn_request(self, request: AuthnRequest) -> BrowserMessage:
        """The AuthnRequest for the browser to carry (SAML profiles §4.1.4.1, bindings §3.4 and §3.5)."""
        return await self._threads.run(_authn_request, request)

    async def sp_metadata(
        self,
        sp: ServiceProvider,
        *,
        valid_until: datetime,
        name_id_format: NameIdFormat | None,
        want_assertions_encrypted: bool,
        requests_signed: bool,
    ) -> bytes:
        """Our signed metadata for one connection, as an EntityDescriptor (SAML metadata §2.4.4).

        It has a certificate for encryption only where encryption is wanted: some identity providers encrypt as soon
        as they see one, with algorithms of their own choice.
        """
        return await self._threads.run(
            _sp_metadata, sp, valid_until, name_id_format, want_assertions_encrypted, requests_signed
        )

    async def new_key(self, common_name: str, now: datetime) -> SpKeyPair:
        """A new RSA-2048 key and a self-signed certificate of ten years; the name is cut to X.509's 64 characters."""
        return await self._threads.run(_new_key, common_name, now)


def _authn_request(request: AuthnRequest) -> BrowserMessage:
    posted = request.idp.sso_binding is Binding.POST
    message = samlp.AuthnRequest(
        id=request.id,
        version="2.0",
        issue_instant=instant(request.issued_at),
        destination=request.idp.sso_url,
        protocol_binding=BINDING_HTTP_POST,
        assertion_consumer_service_url=request.sp.acs_url,
        force_authn="true" if request.force_authn else None,
        issuer=saml.Issuer(text=request.sp.entity_id),
        # A redirect signs the query instead (SAML bindings §3.4.4.1).
        signature=signature_template(request.id, request.sp.key) if posted and request.signed else None,
        subject=_hinted(request),
        name_id_policy=_name_id_policy(request.name_id_format),
    )
    if posted:
        document = to_signed_xml(message, request.sp.key) if request.signed else to_xml(message)
        form = {"SAMLRequest": base64.b64encode(document).decode("ascii"), "RelayState": request.relay_state}
        return BrowserMessage(Binding.POST, _hinting(request.idp.sso_url, request), tuple(form.items()))
    packed = http_redirect_message(
        to_xml(message).decode("utf-8"),
        request.idp.sso_url,
        relay_state=request.relay_state,
        sigalg=ds.SIG_RSA_SHA256,
        sign=request.signed,
        backend=QuerySigner(request.sp.key) if request.signed else None,
    )
    headers = cast("list[tuple[str, str]]", packed["headers"])
    return BrowserMessage(Binding.REDIRECT, _hinting(dict(headers)["Location"], request))


def _hinted(request: AuthnRequest) -> saml.Subject | None:
    """Whom the person says to be, for the identity provider to fill in its form (SAML core §3.4.1)."""
    if request.login_hint is None or request.login_hint_by is not LoginHint.SUBJECT:
        return None
    return saml.Subject(name_id=saml.NameID(text=request.login_hint, format=NameIdFormat.UNSPECIFIED))


def _hinting(url: str, request: AuthnRequest) -> str:
    """The address with the hint, where that is how it is given; no signature of a query covers it."""
    if request.login_hint is None or request.login_hint_by is not LoginHint.QUERY:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'login_hint': request.login_hint})}"


def _name_id_policy(name_id_format: NameIdFormat | None) -> samlp.NameIDPolicy | None:
    if name_id_format is None:
        return None
    # AllowCreate has no meaning for an id that is new every time (SAML errata E14).
    allow_create = None if name_id_format is NameIdFormat.TRANSIENT else "true"
    return samlp.NameIDPolicy(format=name_id_format.value, allow_create=allow_create)


def _sp_metadata(
    sp: ServiceProvider,
    valid_until: datetime,
    name_id_format: NameIdFormat | None,
    want_assertions_encrypted: bool,
    requests_signed: bool,
) -> bytes:
    certificates = [sp.key.certificate_pem, *([sp.next_certificate_pem] if sp.next_certificate_pem else [])]
    keys = [_key_descriptor(certificate, "signing") for certificate in certificates]
    if want_assertions_encrypted:
        # The newest alone: whoever reads this encrypts for the key that stays.
        keys.append(_key_descriptor(certificates[-1], "encryption"))
    descriptor = md.SPSSODescriptor(
        protocol_support_enumeration=SAMLP,
        authn_requests_signed=str(requests_signed).lower(),
        want_assertions_signed="true",
        key_descriptor=keys,
        single_logout_service=[
            md.SingleLogoutService(binding=binding, location=sp.slo_url)
            for binding in (BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)
        ],
        name_id_format=[md.NameIDFormat(text=name_id_format.value)] if name_id_format else [],
        assertion_consumer_service=[
            md.AssertionConsumerService(binding=BINDING_HTTP_POST, location=sp.acs_url, index="0", is_default="true")
        ],
    )
    until = instant(valid_until)
    # An id for the signature to refer to; the same content has the same.
    digest = hashlib.sha256(f"{sp.entity_id}\n{until}".encode()).hexdigest()
    element_id = f"_{digest[:32]}"
    entity = md.EntityDescriptor(
        entity_id=sp.entity_id,
        id=element_id,
        valid_until=until,
        signature=signature_template(element_id, sp.key),
        spsso_descriptor=descriptor,
    )
    return to_signed_xml(entity, sp.key)


def _key_descriptor(certificate_pem: str, use: str) -> md.KeyDescriptor:
    certificate = ds.X509Certificate(text=certificate_base64(certificate_pem))
    methods = [*AES_GCM_BYTES, RSA_OAEP, RSA_OAEP_MGF1P] if use == "encryption" else []
    return md.KeyDescriptor(
        use=use,
        key_info=ds.KeyInfo(x509_data=[ds.X509Data(x509_certificate=[certificate])]),
        encryption_method=[md.EncryptionMethod(algorithm=method) for method in methods],
    )


def _new_key(common_name: str, now: datetime) -> SpKeyPair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_MAX_COMMON_NAME])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _KEY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return SpKeyPair(
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate_pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
    )
