"""The development identity provider over HTTP, asked by a service provider that is not ours."""

import base64
import stat
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from saml2.saml import Issuer, NameID, Subject
from saml2.xmldsig import SIG_RSA_SHA1

from ostiary.dev.dns import DevelopmentZone
from ostiary.devidp.app import create_app
from ostiary.devidp.pending import LIFETIME_SECONDS, MAX_WAITING, PendingSignIns
from ostiary.devidp.provider import SignInRequest
from ostiary.devidp.sessions import MAX_SESSIONS, IdpSession, IdpSessions
from ostiary.devidp.settings import DevIdpSettings
from tests.support.browser import Browser, Form, SignInFailedError, forms_of, text_of
from tests.support.saml_reading import is_signed, read
from tests.support.service_provider import ServiceProvider, running_service_provider
from tests.support.web import serve

EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
CERTIFICATE = "//md:IDPSSODescriptor/md:KeyDescriptor[@use='signing']//ds:X509Certificate"


@pytest.fixture(scope="module")
def zone() -> DevelopmentZone:
    return DevelopmentZone()


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory, zone: DevelopmentZone) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("devidp")
    with serve(lambda base_url: create_app(DevIdpSettings(base_url, folder), zone)) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def metadata(idp: str) -> str:
    return httpx2.get(f"{idp}/metadata").raise_for_status().text


@pytest.fixture(scope="module")
def sp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProvider]:
    with running_service_provider(tmp_path_factory.mktemp("sp")) as provider:
        yield provider


@pytest.fixture(scope="module")
def careless_sp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProvider]:
    """One whose metadata does not promise signed requests."""
    with running_service_provider(tmp_path_factory.mktemp("careless"), signs=False) as provider:
        yield provider


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as browser:
        yield browser


def test_the_metadata_names_certificate_endpoints_and_name_id_formats(idp: str, metadata: str) -> None:
    document = read(metadata)
    assert document.one("/md:EntityDescriptor/@entityID") == f"{idp}/metadata"
    assert document.one(CERTIFICATE)
    endpoints = dict(
        zip(
            document.all("//md:SingleSignOnService/@Binding"),
            document.all("//md:SingleSignOnService/@Location"),
            strict=True,
        )
    )
    assert endpoints == {
        "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect": f"{idp}/sso",
        "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST": f"{idp}/sso",
    }
    assert document.all("//md:NameIDFormat") == [EMAIL, PERSISTENT, TRANSIENT]


@pytest.mark.parametrize("binding", ["redirect", "post"])
async def test_a_sign_in_ends_with_a_response_signed_by_the_key_of_the_metadata(
    binding: str, idp: str, metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    ask = sp.redirect_request if binding == "redirect" else sp.post_request
    request_id, start = ask(metadata, relay_state="state & more/+%20")
    answer = await browser.sign_in(start, "ada@acme.test", "password")
    assert answer.url == sp.acs_url
    assert answer.fields["RelayState"] == "state & more/+%20"
    response = read(answer.fields["SAMLResponse"])
    certificate = read(metadata).one(CERTIFICATE)
    assert is_signed(response, "/samlp:Response", certificate)
    assert is_signed(response, "/samlp:Response/saml:Assertion", certificate)
    assert set(response.all("//ds:SignatureMethod/@Algorithm")) == {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}
    assert set(response.all("//ds:DigestMethod/@Algorithm")) == {"http://www.w3.org/2001/04/xmlenc#sha256"}
    assert response.all("//samlp:Response/@Destination") == [sp.acs_url]
    assert response.all("//@InResponseTo") == [request_id, request_id]
    assert response.one("//saml:SubjectConfirmationData/@Recipient") == sp.acs_url
    assert response.one("//saml:Audience") == sp.entity_id
    assert set(response.all("//saml:Issuer")) == {f"{idp}/metadata"}
    assert response.one("//saml:NameID") == "ada@acme.test"
    assert response.one("//saml:NameID/@Format") == EMAIL
    assert response.one("//saml:AuthnStatement/@SessionIndex")
    attributes = response.attributes()
    assert attributes.pop("id")
    assert attributes == {"email": "ada@acme.test", "firstName": "Ada", "lastName": "Lovelace"}


async def test_an_assertion_is_good_for_five_minutes(metadata: str, sp: ServiceProvider, browser: Browser) -> None:
    answer = await browser.sign_in(sp.redirect_request(metadata)[1], "bo@acme.test", "password")
    response = read(answer.fields["SAMLResponse"])
    begins = datetime.fromisoformat(response.one("//saml:Conditions/@NotBefore"))
    ends = datetime.fromisoformat(response.one("//saml:Conditions/@NotOnOrAfter"))
    assert timedelta(minutes=5) <= ends - begins <= timedelta(minutes=5, seconds=1)
    confirmed_until = datetime.fromisoformat(response.one("//saml:SubjectConfirmationData/@NotOnOrAfter"))
    assert abs(confirmed_until - ends) <= timedelta(seconds=1)


async def test_the_signed_bytes_reach_the_assertion_consumer_service_unchanged(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    answer = await browser.sign_in(sp.redirect_request(metadata, relay_state="r1")[1], "cy@acme.test", "password")
    response = await browser.submit(answer)
    assert response.status_code == HTTPStatus.OK
    assert sp.received[-1] == answer.fields
    assert sp.received[-1]["RelayState"] == "r1"


async def test_without_relay_state_none_is_sent_back(metadata: str, sp: ServiceProvider, browser: Browser) -> None:
    answer = await browser.sign_in(sp.redirect_request(metadata)[1], "ada@acme.test", "password")
    assert "RelayState" not in answer.fields


async def test_any_address_may_sign_in_and_keeps_its_id(metadata: str, sp: ServiceProvider, browser: Browser) -> None:
    ids: set[str] = set()
    for typed in ("dee.mills@other.test", "DEE.Mills@Other.test "):
        answer = await browser.sign_in(sp.redirect_request(metadata)[1], typed, "password")
        attributes = read(answer.fields["SAMLResponse"]).attributes()
        ids.add(attributes["id"])
        assert (attributes["firstName"], attributes["lastName"]) == ("Dee", "Mills")
        assert attributes["email"] == "dee.mills@other.test"
    assert len(ids) == 1


async def test_the_role_typed_at_the_login_is_sent_as_an_attribute(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    start = sp.redirect_request(metadata)[1]
    answer = await browser.sign_in(start, "bo@acme.test", "password", role="administrator")
    assert read(answer.fields["SAMLResponse"]).attributes()["role"] == "administrator"


@pytest.mark.parametrize("name_id_format", [PERSISTENT, TRANSIENT])
async def test_the_name_id_comes_in_the_format_asked_for(
    name_id_format: str, metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    seen: list[str] = []
    for _ in range(2):
        start = sp.redirect_request(metadata, nameid_format=name_id_format)[1]
        answer = await browser.sign_in(start, "ada@acme.test", "password")
        response = read(answer.fields["SAMLResponse"])
        assert response.one("//saml:NameID/@Format") == name_id_format
        seen.append(response.one("//saml:NameID"))
    assert "ada@acme.test" not in seen
    assert (seen[0] == seen[1]) == (name_id_format == PERSISTENT)


async def test_the_login_page_says_who_asks_and_lists_the_users(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    page = text_of(await browser.open(sp.redirect_request(metadata)[1]))
    for expected in (sp.entity_id, sp.acs_url, "ada@acme.test", "bo@acme.test", "cy@acme.test", "password"):
        assert expected in page


async def test_the_login_form_is_filled_in_with_the_subject_of_the_request(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    subject = Subject(name_id=NameID(text="bo@acme.test"))
    (form,) = forms_of(await browser.open(sp.redirect_request(metadata, subject=subject)[1]))
    assert form.fields["username"] == "bo@acme.test"


async def test_a_wrong_password_shows_the_form_again(metadata: str, sp: ServiceProvider, browser: Browser) -> None:
    with pytest.raises(SignInFailedError, match=r"The login was refused.*403.*as password the word"):
        await browser.sign_in(sp.redirect_request(metadata)[1], "ada@acme.test", "wrong")


async def test_a_login_form_works_once(idp: str, metadata: str, sp: ServiceProvider, browser: Browser) -> None:
    page = await browser.open(sp.redirect_request(metadata)[1])
    token = page.text.split('name="token" value="')[1].split('"')[0]
    login = Form(f"{idp}/login", "POST", {"token": token, "username": "ada@acme.test", "password": "password"})
    assert (await browser.submit(login)).status_code == HTTPStatus.OK
    again = await browser.submit(login)
    assert again.status_code == HTTPStatus.BAD_REQUEST
    assert "used already" in text_of(again)


async def test_the_answer_escapes_what_the_service_provider_sent(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    hostile = '"><script>alert(1)</script>'
    page = await browser.open(sp.redirect_request(metadata, relay_state=hostile)[1])
    token = page.text.split('name="token" value="')[1].split('"')[0]
    login = Form(str(page.url.join("/login")), "POST", {"token": token, "username": "a@b.test", "password": "password"})
    answer = await browser.submit(login)
    assert "<script>alert" not in answer.text
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]


async def test_a_request_that_should_be_signed_and_is_not_is_refused(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    for start in (sp.redirect_request(metadata, sign=False)[1], sp.post_request(metadata, sign=False)[1]):
        with pytest.raises(SignInFailedError, match=r"400.*AuthnRequestsSigned, but this request is not signed"):
            await browser.sign_in(start, "ada@acme.test", "password")


async def test_a_signed_redirect_that_was_changed_is_refused(
    metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    start = sp.redirect_request(metadata, relay_state="mine")[1]
    with pytest.raises(SignInFailedError, match=r"400.*is not signed by a key in it"):
        await browser.sign_in(start.replace("RelayState=mine", "RelayState=yours"), "ada@acme.test", "password")


async def test_a_signed_form_that_was_changed_is_refused(metadata: str, sp: ServiceProvider, browser: Browser) -> None:
    request_id, form = sp.post_request(metadata)
    changed = base64.b64decode(form.fields["SAMLRequest"]).replace(request_id.encode(), b"id-mine")
    with pytest.raises(SignInFailedError, match=r"400.*not signed"):
        await browser.sign_in(form.filled(SAMLRequest=base64.b64encode(changed).decode()), "ada@acme.test", "password")


@pytest.mark.parametrize("binding", ["redirect", "post"])
async def test_a_request_signed_with_sha1_is_refused(
    binding: str, metadata: str, sp: ServiceProvider, browser: Browser
) -> None:
    ask = sp.redirect_request if binding == "redirect" else sp.post_request
    with pytest.raises(SignInFailedError, match="400"):
        await browser.sign_in(ask(metadata, algorithm=SIG_RSA_SHA1)[1], "ada@acme.test", "password")


async def test_an_unsigned_request_is_served_where_the_metadata_promises_no_signature(
    metadata: str, careless_sp: ServiceProvider, browser: Browser
) -> None:
    answer = await browser.sign_in(careless_sp.redirect_request(metadata)[1], "ada@acme.test", "password")
    assert answer.url == careless_sp.acs_url


async def test_the_answer_goes_only_where_the_metadata_says(
    metadata: str, careless_sp: ServiceProvider, browser: Browser
) -> None:
    start = careless_sp.redirect_request(metadata, assertion_consumer_service_url="http://127.0.0.1:9/elsewhere")[1]
    with pytest.raises(SignInFailedError, match=r"400.*cannot be accepted"):
        await browser.sign_in(start, "ada@acme.test", "password")


@pytest.mark.parametrize(
    ("entity_id", "reason"),
    [
        ("https://sp.example/metadata", "no address on this machine"),
        ("http://10.0.0.1/metadata", "no address on this machine"),
        ("urn:some:sp", "no address on this machine"),
        ("http://127.0.0.1:9/metadata", "Is the service running"),
    ],
)
async def test_a_service_provider_that_cannot_be_looked_up_is_refused(
    entity_id: str, reason: str, metadata: str, careless_sp: ServiceProvider, browser: Browser
) -> None:
    start = careless_sp.redirect_request(metadata, issuer=Issuer(text=entity_id))[1]
    with pytest.raises(SignInFailedError, match=rf"400.*{reason}"):
        await browser.sign_in(start, "ada@acme.test", "password")


async def test_metadata_that_describes_somebody_else_is_refused(
    metadata: str, careless_sp: ServiceProvider, browser: Browser
) -> None:
    alias = careless_sp.entity_id.replace("127.0.0.1", "localhost")
    start = careless_sp.redirect_request(metadata, issuer=Issuer(text=alias))[1]
    with pytest.raises(SignInFailedError, match=rf"400.*describes {careless_sp.entity_id}"):
        await browser.sign_in(start, "ada@acme.test", "password")


@pytest.mark.parametrize(
    "saml_request", ["", "nonsense", base64.b64encode(b"<not-saml/>").decode(), "A" * 70_000], ids=lambda text: text[:9]
)
async def test_what_is_no_request_gets_a_page_that_says_so(saml_request: str, idp: str, browser: Browser) -> None:
    response = await browser.submit(Form(f"{idp}/sso", "POST", {"SAMLRequest": saml_request}))
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "This sign-in cannot go on" in text_of(response)


async def test_a_document_type_declaration_is_not_read(idp: str, browser: Browser) -> None:
    hostile = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'
    form = Form(f"{idp}/sso", "POST", {"SAMLRequest": base64.b64encode(hostile).decode()})
    response = await browser.submit(form)
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "root:" not in response.text


async def test_the_home_page_explains_and_links(idp: str, browser: Browser) -> None:
    response = await browser.open(idp)
    assert 'href="/metadata"' in response.text
    assert 'href="/dns"' in response.text
    page = text_of(response)
    assert f"{idp}/metadata" in page
    assert "ada@acme.test" in page


async def test_other_host_names_are_not_served(idp: str, browser: Browser) -> None:
    response = await browser.client.get(f"{idp}/metadata", headers={"host": "evil.example"})
    assert response.status_code == HTTPStatus.BAD_REQUEST


def test_key_and_certificate_are_private_and_outlive_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "idp"
    certificates: set[str] = set()
    for _ in range(2):
        with serve(lambda base_url: create_app(DevIdpSettings(base_url, folder))) as base_url:
            certificates.add(read(httpx2.get(f"{base_url}/metadata").text).one(CERTIFICATE))
    assert len(certificates) == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_login_form_is_good_for_ten_minutes_and_the_oldest_give_way() -> None:
    now = 0.0
    pending = PendingSignIns(lambda: now)
    request = SignInRequest("_1", "http://sp/metadata", "http://sp/acs", None, EMAIL)
    token = pending.add(request)
    now = LIFETIME_SECONDS - 1
    assert pending.get(token) == request
    now = LIFETIME_SECONDS
    assert pending.get(token) is None
    first = pending.add(request)
    for _ in range(MAX_WAITING):
        pending.add(request)
    assert pending.get(first) is None


async def test_dns_records_are_published_read_and_withdrawn_as_json(
    idp: str, zone: DevelopmentZone, browser: Browser
) -> None:
    url = f"{idp}/dns/_check.acme.test"
    assert (await browser.client.put(url, json={"txt": ["one", "two"]})).status_code == HTTPStatus.NO_CONTENT
    assert zone.records()["_check.acme.test"] == ("one", "two")
    assert (await browser.client.get(f"{idp}/dns")).json() == {"records": {"_check.acme.test": ["one", "two"]}}
    assert (await browser.client.delete(url)).status_code == HTTPStatus.NO_CONTENT
    missing = await browser.client.delete(url)
    assert missing.status_code == HTTPStatus.NOT_FOUND
    assert "has no record" in missing.json()["detail"]


@pytest.mark.parametrize(
    ("name", "body", "detail"),
    [
        ("acme.example", '{"txt": ["x"]}', "outside this zone"),
        ("acme.test", '{"txt": []}', "at least one"),
        ("acme.test", '{"txt": "x"}', "JSON object such as"),
        ("acme.test", "[1]", "JSON object such as"),
        ("acme.test", "no json", "Expecting value"),
        ("a..test", '{"txt": ["x"]}', "not a domain name"),
    ],
)
async def test_a_record_that_cannot_be_is_refused_with_the_reason(
    name: str, body: str, detail: str, idp: str, browser: Browser
) -> None:
    response = await browser.client.put(f"{idp}/dns/{name}", content=body)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert detail in response.json()["detail"]


async def test_a_person_publishes_and_withdraws_a_record_on_the_page(
    idp: str, zone: DevelopmentZone, browser: Browser
) -> None:
    publish = Form(f"{idp}/dns", "POST", {"name": "_by-hand.acme.test", "value": "<b>value</b>"})
    browser.client.headers["accept"] = "text/html"
    page = await browser.submit(publish, follow=True)
    assert "_by-hand.acme.test <b>value</b>" in text_of(page)
    withdraw = Form(f"{idp}/dns", "POST", {"name": "_by-hand.acme.test", "withdraw": "yes"})
    assert "_by-hand.acme.test" not in text_of(await browser.submit(withdraw, follow=True))
    assert zone.records() == {}
    refused = await browser.submit(publish.filled(name="acme.example"))
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "outside this zone" in text_of(refused)


def logout_request(idp: str, sp: ServiceProvider, **changes: str) -> str:
    said = {"destination": f"{idp}/slo", "issuer": sp.entity_id} | changes
    return (
        '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_logout" Version="2.0" '
        f'IssueInstant="2026-01-15T12:00:00Z" Destination="{said["destination"]}"><saml:Issuer>{said["issuer"]}'
        "</saml:Issuer><saml:NameID>ada@acme.test</saml:NameID></samlp:LogoutRequest>"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "carries no signature"),
        ({"destination": "http://127.0.0.1:1/slo"}, "is addressed to"),
        ({"issuer": "https://elsewhere.test/metadata"}, "is no address on this machine"),
    ],
    ids=["unsigned", "for somebody else", "by a stranger"],
)
async def test_a_logout_that_cannot_be_believed_is_refused(
    changes: dict[str, str], reason: str, idp: str, sp: ServiceProvider, browser: Browser
) -> None:
    message = base64.b64encode(logout_request(idp, sp, **changes).encode()).decode()
    page = await browser.submit(Form(f"{idp}/slo", "POST", {"SAMLRequest": message}))
    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert reason in text_of(page)


async def test_an_unsigned_logout_by_redirect_is_refused(idp: str, sp: ServiceProvider, browser: Browser) -> None:
    packed = zlib.compress(logout_request(idp, sp).encode())[2:-4]
    query = urlencode({"SAMLRequest": base64.b64encode(packed).decode()})
    page = await browser.open(f"{idp}/slo?{query}")
    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert "is not signed by a key in the metadata" in text_of(page)


@pytest.mark.parametrize("fields", [{}, {"SAMLRequest": "PHg+", "SAMLResponse": "PHg+"}], ids=["nothing", "both"])
async def test_a_logout_is_one_message(fields: dict[str, str], idp: str, browser: Browser) -> None:
    page = await browser.submit(Form(f"{idp}/slo", "POST", fields))
    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert "no logout message here" in text_of(page)


@pytest.mark.parametrize("start", ["", "https://elsewhere.test/metadata"])
async def test_a_sign_in_begins_here_only_for_service_providers_on_this_machine(
    start: str, idp: str, browser: Browser
) -> None:
    page = await browser.open(f"{idp}/start?sp={start}")
    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert "is no address on this machine" in text_of(page)


def test_a_thousand_newer_sessions_push_the_oldest_out() -> None:
    sessions = IdpSessions()
    for number in range(MAX_SESSIONS + 1):
        sessions.add(IdpSession("sp", f"name {number % 2}", EMAIL, str(number), "ada@acme.test"))
    kept = [session.session_index for _, session in sessions]
    assert (len(kept), kept[0]) == (MAX_SESSIONS, "1")
    assert sessions.end("sp", "name 1", ["3", "2", "no"]) == 1
    assert sessions.end("another", "name 1", []) == 0
    assert sessions.end("sp", "name 1", []) == MAX_SESSIONS // 2 - 1
