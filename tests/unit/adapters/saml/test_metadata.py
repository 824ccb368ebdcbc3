"""Identity providers' metadata, as they publish it."""

from datetime import timedelta

import pytest
from lxml import etree

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.metadata import MAX_METADATA_BYTES, SamlMetadataReader, is_acceptable_url, read_metadata
from ostiary.domain.connection import Binding
from ostiary.domain.errors import DomainError, Kind
from tests.support.saml_factory import DSIG, IDP_ENTITY_ID, NOW, SAMLP, Party, Signing, idp, party, sign

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
SSO_URL = "https://idp.example/sso"


def key(which: Party | str, use: str | None = "signing") -> str:
    text = which if isinstance(which, str) else which.certificate.der_base64
    attribute = "" if use is None else f' use="{use}"'
    return (
        f"<md:KeyDescriptor{attribute}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )


def service(name: str, binding: str, location: str) -> str:
    return f'<md:{name} Binding="{binding}" Location="{location}"/>'


def entity(
    *,
    entity_id: str = IDP_ENTITY_ID,
    keys: str | None = None,
    services: str | None = None,
    protocols: str = SAMLP,
    role: str = "IDPSSODescriptor",
) -> str:
    keys = key(idp()) if keys is None else keys
    services = service("SingleSignOnService", REDIRECT, SSO_URL) if services is None else services
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DSIG}" entityID="{entity_id}">'
        f'<md:{role} protocolSupportEnumeration="{protocols}">{keys}{services}</md:{role}></md:EntityDescriptor>'
    )


def entities(*inside: str) -> str:
    return f'<md:EntitiesDescriptor xmlns:md="{MD}">{"".join(inside)}</md:EntitiesDescriptor>'


def refused(xml: str | bytes, *, entity_id: str | None = None) -> DomainError:
    with pytest.raises(DomainError) as caught:
        read_metadata(xml.encode() if isinstance(xml, str) else xml, entity_id)
    assert caught.value.kind is Kind.INVALID
    return caught.value


async def test_metadata_of_one_identity_provider_is_read() -> None:
    provider = await SamlMetadataReader(BoundedThreads("saml")).read_metadata(entity().encode())
    assert (provider.entity_id, provider.sso_url, provider.sso_binding) == (IDP_ENTITY_ID, SSO_URL, Binding.REDIRECT)
    assert provider.slo_url is None
    assert provider.certificates == (idp().certificate,)


def test_redirect_is_preferred_and_post_is_taken_where_there_is_nothing_else() -> None:
    both = service("SingleSignOnService", POST, f"{SSO_URL}/post") + service("SingleSignOnService", REDIRECT, SSO_URL)
    assert read_metadata(entity(services=both).encode()).sso_binding is Binding.REDIRECT
    post = service("SingleSignOnService", SOAP, f"{SSO_URL}/soap") + service("SingleSignOnService", POST, SSO_URL)
    provider = read_metadata(entity(services=post).encode())
    assert (provider.sso_binding, provider.sso_url) == (Binding.POST, SSO_URL)


def test_the_logout_address_is_read_and_left_out_where_it_is_not_https() -> None:
    def slo(location: str) -> str | None:
        services = service("SingleLogoutService", REDIRECT, location) + service("SingleSignOnService", POST, SSO_URL)
        return read_metadata(entity(services=services).encode()).slo_url

    assert slo("https://idp.example/slo") == "https://idp.example/slo"
    assert slo("http://idp.example/slo") is None


def test_all_signing_certificates_are_read_expired_ones_and_those_without_use_too() -> None:
    expired = party("expired", valid=(timedelta(days=-60), timedelta(days=-30)))
    unnamed, encrypting = party("no use"), party("encrypting")
    keys = key(expired) + key(idp()) + key(unnamed, None) + key(encrypting, "encryption") + key(idp())
    certificates = read_metadata(entity(keys=keys).encode()).certificates
    assert certificates == (expired.certificate, idp().certificate, unnamed.certificate)
    assert [certificate.is_valid_at(NOW) for certificate in certificates] == [False, True, True]


def test_line_breaks_inside_a_certificate_are_accepted() -> None:
    lines = "\n      ".join(idp().certificate.der_base64[i : i + 64] for i in range(0, 5000, 64))
    assert read_metadata(entity(keys=key(f"\n      {lines}\n")).encode()).certificates == (idp().certificate,)


def test_one_certificate_that_cannot_be_used_does_not_spoil_the_others() -> None:
    keys = key("AAAA") + key(idp()) + key(party("weak", kind="rsa1024"))
    assert read_metadata(entity(keys=keys).encode()).certificates == (idp().certificate,)


@pytest.mark.parametrize("which", ["AAAA", "not base64!", party("weak", kind="rsa1024")])
def test_metadata_of_which_no_certificate_can_be_used_is_refused(which: Party | str) -> None:
    assert refused(entity(keys=key(which))).code == "certificate_validation_failed"


def test_a_byte_order_mark_a_declaration_comments_and_space_around_are_accepted() -> None:
    commented = entity().replace("<md:IDPSSODescriptor", "<!-- made by hand --><?x y?><md:IDPSSODescriptor")
    document = b"\xef\xbb\xbf" + f'<?xml version="1.0"?>\n{commented}\n'.encode()
    assert read_metadata(document).entity_id == IDP_ENTITY_ID
    assert read_metadata(f"\n  {entity()}\n".encode()).entity_id == IDP_ENTITY_ID


def test_a_comment_inside_a_value_does_not_cut_it() -> None:
    half = len(idp().certificate.der_base64) // 2
    text = f"{idp().certificate.der_base64[:half]}<!-- -->{idp().certificate.der_base64[half:]}"
    assert read_metadata(entity(keys=key(text)).encode()).certificates == (idp().certificate,)


def test_signed_metadata_is_read_like_unsigned() -> None:
    root = etree.fromstring(entity())
    root.set("ID", "_metadata1")
    sign(root, Signing())
    assert read_metadata(etree.tostring(root)) == read_metadata(entity().encode())


def test_a_single_identity_provider_is_found_however_it_is_wrapped() -> None:
    other = entity(entity_id="https://sp.example", role="SPSSODescriptor")
    wrapped = entities(other, entities(entity()))
    assert read_metadata(wrapped.encode()).entity_id == IDP_ENTITY_ID


def test_of_several_identity_providers_the_entity_id_chooses() -> None:
    several = entities(entity(), entity(entity_id="urn:other"))
    assert read_metadata(several.encode(), "urn:other").entity_id == "urn:other"
    unnamed = refused(several)
    assert unnamed.code == "invalid_metadata"
    assert IDP_ENTITY_ID in unnamed.detail
    assert "urn:other" in unnamed.detail
    assert IDP_ENTITY_ID in refused(several, entity_id="urn:absent").detail


def test_two_descriptions_of_one_entity_id_are_refused() -> None:
    assert refused(entities(entity(), entity()), entity_id=IDP_ENTITY_ID).code == "invalid_metadata"


def test_a_named_entity_must_be_the_one_described() -> None:
    assert read_metadata(entity().encode(), IDP_ENTITY_ID)
    assert refused(entity(), entity_id="urn:other").code == "invalid_metadata"


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ("<html><body>Sign in</body></html>", "not SAML 2.0 metadata"),
        ("", "not well-formed"),
        (entity()[:-1], "not well-formed"),
        (entity().encode("utf-16"), "UTF-8"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + entity(), "DOCTYPE"),
        (b" " * (MAX_METADATA_BYTES + 1), "federation"),
        (entity(role="SPSSODescriptor"), "service provider"),
        (entity(role="AttributeAuthorityDescriptor"), "no identity provider"),
        (entities(), "no identity provider"),
        (entity(protocols="urn:oasis:names:tc:SAML:1.1:protocol"), "SAML 2.0"),
        (entity(services=""), "SingleSignOnService"),
        (entity(services=service("SingleSignOnService", SOAP, SSO_URL)), "SingleSignOnService"),
        (entity(services=service("SingleSignOnService", REDIRECT, "http://idp.example/sso")), "https"),
        (entity(services=service("SingleSignOnService", REDIRECT, "javascript:alert(1)")), "https"),
        (entity(services=service("SingleSignOnService", REDIRECT, "")), "https"),
        (entity(keys=""), "signing certificate"),
        (entity(keys=key(idp(), "encryption")), "signing certificate"),
        (entity(keys=key(idp()) * 17), "certificates"),
        (entity(entity_id=" "), "entityID"),
        (entity(entity_id="a" * 1025), "entityID"),
    ],
)
def test_metadata_without_what_a_sign_in_needs_is_refused_saying_what_is_missing(xml: str | bytes, says: str) -> None:
    error = refused(xml)
    assert error.code == "invalid_metadata"
    assert says in error.detail


@pytest.mark.parametrize(
    ("url", "acceptable"),
    [
        ("https://idp.example/sso?x=1", True),
        ("https://idp.example:8443/", True),
        ("http://localhost:9000/sso", True),
        ("http://127.0.0.1:9000/sso", True),
        ("http://[::1]/sso", True),
        ("http://idp.localhost/sso", True),
        ("http://idp.example/sso", False),
        ("http://127.0.0.1.evil.example/sso", False),
        ("http://localhost.evil.example/", False),
        ("ftp://localhost/", False),
        ("//idp.example/sso", False),
        ("/sso", False),
        ("https:///sso", False),
        ("https://user@idp.example/", False),
        ("https://idp.example/#part", False),
        ("https://idp.example/\r\nSet-Cookie: x", False),
        ("https://idp.example/a b", False),
        ("https://idp.example:port/", False),
        ("https://[::1", False),
        (f"https://idp.example/{'a' * 2048}", False),
    ],
)
def test_a_browser_is_sent_only_to_https_or_to_this_machine(url: str, acceptable: bool) -> None:
    assert is_acceptable_url(url) is acceptable
