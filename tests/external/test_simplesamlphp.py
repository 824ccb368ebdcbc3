"""That SimpleSAMLphp does for us what the tests of the service will rely on, asked by pysaml2's SP half."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from saml2.saml import NAMEID_FORMAT_PERSISTENT

from tests.external.simplesamlphp import PASSWORD, PEOPLE, SimpleSamlPhp
from tests.support.browser import Browser, SignInFailedError
from tests.support.saml_reading import decrypt, is_signed, read
from tests.support.service_provider import ServiceProvider, running_service_provider

pytestmark = pytest.mark.external

CERTIFICATE = "//md:IDPSSODescriptor/md:KeyDescriptor[@use='signing']//ds:X509Certificate"


@pytest.fixture(scope="module")
def sp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProvider]:
    with running_service_provider(tmp_path_factory.mktemp("sp")) as provider:
        yield provider


def test_its_metadata_is_at_its_entity_id_with_certificate_and_endpoints(simplesamlphp: SimpleSamlPhp) -> None:
    metadata = read(simplesamlphp.metadata())
    assert metadata.one("/md:EntityDescriptor/@entityID") == simplesamlphp.metadata_url
    assert metadata.one(CERTIFICATE)
    locations = metadata.all("//md:SingleSignOnService/@Location")
    assert [urlsplit(location).path for location in locations] == ["/saml2/idp/SSOService.php"] * 2


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize(
    ("sign_response", "sign_assertion"),
    [(True, True), (True, False), (False, True)],
    ids=["both-signed", "response-signed", "assertion-signed"],
)
async def test_a_sign_in_ends_with_the_signatures_asked_for(
    sign_response: bool,
    sign_assertion: bool,
    binding: str,
    simplesamlphp: SimpleSamlPhp,
    sp: ServiceProvider,
    browser: Browser,
) -> None:
    simplesamlphp.trust(sp.metadata, sign_response=sign_response, sign_assertion=sign_assertion)
    ask = sp.redirect_request if binding == "redirect" else sp.post_request
    request_id, start = ask(simplesamlphp.metadata(), relay_state="r-1")
    answer = await browser.sign_in(start, "ada@acme.test", PASSWORD)
    assert answer.url == sp.acs_url
    assert answer.fields["RelayState"] == "r-1"
    response = read(answer.fields["SAMLResponse"])
    certificate = read(simplesamlphp.metadata()).one(CERTIFICATE)
    assert is_signed(response, "/samlp:Response", certificate) == sign_response
    assert is_signed(response, "/samlp:Response/saml:Assertion", certificate) == sign_assertion
    assert response.one("/samlp:Response/@InResponseTo") == request_id
    assert response.one("//saml:Audience") == sp.entity_id
    assert response.one("//saml:NameID") == "ada@acme.test"
    assert response.one("//saml:AuthnStatement/@SessionIndex")
    assert response.attributes() == PEOPLE[0].attributes
    await browser.submit(answer)
    assert sp.received[-1] == answer.fields


async def test_an_encrypted_assertion_opens_with_the_key_of_the_service_provider(
    simplesamlphp: SimpleSamlPhp, sp: ServiceProvider, browser: Browser
) -> None:
    simplesamlphp.trust(sp.metadata, encrypt_assertion=True)
    answer = await browser.sign_in(sp.redirect_request(simplesamlphp.metadata())[1], "bo@acme.test", PASSWORD)
    sealed = read(answer.fields["SAMLResponse"])
    assert sealed.all("//saml:Assertion") == []
    assert set(sealed.all("//xenc:EncryptionMethod/@Algorithm")) == {
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
    }
    certificate = read(simplesamlphp.metadata()).one(CERTIFICATE)
    assert is_signed(sealed, "/samlp:Response", certificate)
    opened = decrypt(sealed, sp.keys.key)
    assert is_signed(opened, "//saml:Assertion", certificate)
    assert opened.attributes() == PEOPLE[1].attributes


async def test_a_sign_in_may_begin_at_the_identity_provider(
    simplesamlphp: SimpleSamlPhp, sp: ServiceProvider, browser: Browser
) -> None:
    simplesamlphp.trust(sp.metadata)
    start = simplesamlphp.idp_initiated_url(sp.entity_id, relay_state="https://app.acme.test/")
    answer = await browser.sign_in(start, "cy@acme.test", PASSWORD)
    assert answer.url == sp.acs_url
    assert answer.fields["RelayState"] == "https://app.acme.test/"
    response = read(answer.fields["SAMLResponse"])
    assert response.all("//@InResponseTo") == []
    assert response.one("//saml:NameID") == "cy@acme.test"


async def test_the_name_id_is_persistent_where_that_is_asked_for(
    simplesamlphp: SimpleSamlPhp, sp: ServiceProvider, browser: Browser
) -> None:
    simplesamlphp.trust(sp.metadata)
    start = sp.redirect_request(simplesamlphp.metadata(), nameid_format=NAMEID_FORMAT_PERSISTENT)[1]
    answer = await browser.sign_in(start, "dee@acme.test", PASSWORD)
    response = read(answer.fields["SAMLResponse"])
    assert response.one("//saml:NameID/@Format") == NAMEID_FORMAT_PERSISTENT
    assert response.one("//saml:NameID") == PEOPLE[3].uid


async def test_a_second_sign_in_in_the_same_browser_asks_for_no_password(
    simplesamlphp: SimpleSamlPhp, sp: ServiceProvider, browser: Browser
) -> None:
    simplesamlphp.trust(sp.metadata)
    await browser.sign_in(sp.redirect_request(simplesamlphp.metadata())[1], "ada@acme.test", PASSWORD)
    again = await browser.sign_in(sp.redirect_request(simplesamlphp.metadata())[1], "nobody", "nothing")
    assert read(again.fields["SAMLResponse"]).one("//saml:NameID") == "ada@acme.test"


async def test_a_wrong_password_is_refused(simplesamlphp: SimpleSamlPhp, sp: ServiceProvider, browser: Browser) -> None:
    simplesamlphp.trust(sp.metadata)
    with pytest.raises(SignInFailedError, match="The login was refused"):
        await browser.sign_in(sp.redirect_request(simplesamlphp.metadata())[1], "ada@acme.test", "wrong")


async def test_an_unsigned_request_is_refused_where_the_metadata_promises_a_signature(
    simplesamlphp: SimpleSamlPhp, sp: ServiceProvider, browser: Browser
) -> None:
    simplesamlphp.trust(sp.metadata)
    start = sp.redirect_request(simplesamlphp.metadata(), sign=False)[1]
    with pytest.raises(SignInFailedError, match="neither a login form nor a SAML message"):
        await browser.sign_in(start, "ada@acme.test", PASSWORD)
