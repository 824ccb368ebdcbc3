"""Sign-ins and logouts over HTTP with the development identity provider, in every shape it can answer."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx2
import pytest

from ostiary.devidp.app import create_app
from ostiary.devidp.settings import DevIdpSettings
from tests.e2e.saml.conftest import company, enable_sso
from tests.support.browser import Browser, SignInFailedError, forms_of, text_of
from tests.support.house import bearer
from tests.support.saml_reading import read
from tests.support.service import Company, Service, code_of
from tests.support.web import serve

PASSWORD = "password"


@pytest.fixture(scope="module")
def devidp(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    folder = tmp_path_factory.mktemp("devidp")
    with serve(lambda base_url: create_app(DevIdpSettings(base_url, folder))) as url:
        yield url


async def connected(acme: Company, devidp: str, **settings: Any) -> Company:
    """Acme signs in through the development identity provider."""
    await acme.connect({"metadata_url": f"{devidp}/metadata"}, **settings)
    await acme.activate()
    await enable_sso(acme)
    return acme


@pytest.fixture(scope="module")
async def acme(service: Service, devidp: str) -> AsyncGenerator[Company]:
    """One company for those that need no settings of their own."""
    async with company(service) as made:
        yield await connected(made, devidp, allow_idp_initiated=True)


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    async with Browser() as made:
        yield made


def sp_entity_id(acme: Company) -> str:
    return f"{acme.service.url}/saml/{acme.ids['connection']}/metadata"


async def sign_in(acme: Company, browser: Browser, who: str, **shape: str) -> dict[str, Any]:
    answer = await browser.sign_in(acme.sign_in_url, acme.email(who), PASSWORD, **shape)
    return await acme.exchange(who, await browser.submit(answer))


SIGNED = {"both": 2, "response": 1, "assertion": 1}


@pytest.mark.parametrize("sign", SIGNED)
async def test_each_shape_of_answer_signs_in(sign: str, acme: Company, browser: Browser) -> None:
    answer = await browser.sign_in(acme.sign_in_url, acme.email("Bo"), PASSWORD, sign=sign)
    assert len(read(answer.fields["SAMLResponse"]).all("//ds:Signature")) == SIGNED[sign]
    signed_in = await acme.exchange("Bo", await browser.submit(answer))
    assert signed_in["session"]["kind"] == "sso"


async def test_a_connection_that_wants_encryption_takes_each_shape_encrypted_and_none_plain(
    service: Service, devidp: str, browser: Browser
) -> None:
    async with company(service) as acme:
        await connected(acme, devidp, want_assertions_encrypted=True)
        for sign in SIGNED:
            answer = await browser.sign_in(acme.sign_in_url, acme.email("Bo"), PASSWORD, sign=sign, encrypt="yes")
            document = read(answer.fields["SAMLResponse"])
            assert document.all("//saml:EncryptedAssertion")
            assert not document.all("//saml:Assertion")
            assert len(document.all("//ds:Signature")) == (sign != "assertion")
            assert code_of(await browser.submit(answer))
        plain = await browser.sign_in(acme.sign_in_url, acme.email("Bo"), PASSWORD)
        _, trace = await acme.refusal(plain)
        assert "Switch encryption on" in trace["hint"]


async def test_the_identity_provider_says_where_it_has_no_certificate_to_encrypt_for(
    acme: Company, browser: Browser
) -> None:
    with pytest.raises(SignInFailedError, match="no certificate to encrypt for"):
        await browser.sign_in(acme.sign_in_url, acme.email("Bo"), PASSWORD, encrypt="yes")


async def test_the_request_goes_by_form_where_the_identity_provider_takes_forms(
    service: Service, devidp: str, browser: Browser
) -> None:
    async with company(service) as acme:
        certificate = read(httpx2.get(f"{devidp}/metadata").text).one(
            "//md:KeyDescriptor[@use='signing']//ds:X509Certificate"
        )
        idp = {"entity_id": f"{devidp}/metadata", "sso_url": f"{devidp}/sso", "sso_binding": "post"}
        await acme.connect({**idp, "certificates": [certificate]}, sign_requests=True)
        await acme.activate()
        await enable_sso(acme)
        start = await browser.client.get(acme.sign_in_url)
        [form] = forms_of(start)
        assert (start.status_code, form.url, form.method) == (200, f"{devidp}/sso", "POST")
        assert read(form.fields["SAMLRequest"]).all("/samlp:AuthnRequest/ds:Signature")
        assert form.fields["RelayState"].startswith("ost_rs_")
        assert "submit()" in start.text
        assert (await sign_in(acme, browser, "Bo"))["token"]


@pytest.mark.parametrize(("asked", "anew"), [("", False), ("&force_authn=true", True)])
async def test_a_sign_in_that_must_be_made_anew_says_so_to_the_identity_provider(
    asked: str, anew: bool, acme: Company, browser: Browser
) -> None:
    login = await browser.open(f"{acme.sign_in_url}{asked}")
    assert ("log in anew" in text_of(login)) is anew
    answer = await browser.sign_in(f"{acme.sign_in_url}{asked}", acme.email("Bo"), PASSWORD)
    assert code_of(await browser.submit(answer))


async def test_R26_a_sign_in_begins_at_the_identity_provider_where_that_is_allowed(
    acme: Company, devidp: str, browser: Browser
) -> None:
    start = f"{devidp}/start?sp={sp_entity_id(acme)}"
    answer = await browser.sign_in(start, acme.email("Cy"), PASSWORD)
    assert "RelayState" not in answer.fields
    asked = await browser.submit(answer, follow=True)
    assert "Is this you?" in text_of(asked)
    [form] = forms_of(asked)
    done = await browser.client.post(form.url, data=form.fields, headers={"Origin": acme.service.url})
    assert acme.email("Cy") in text_of(done)
    assert (await browser.client.get(f"{acme.service.url}/v1/me")).json()["email"] == acme.email("Cy")


async def test_R26_a_sign_in_that_begins_at_the_identity_provider_is_refused_where_it_is_not_allowed(
    service: Service, devidp: str, browser: Browser
) -> None:
    async with company(service) as acme:
        await connected(acme, devidp)
        answer = await browser.sign_in(f"{devidp}/start?sp={sp_entity_id(acme)}", acme.email("Cy"), PASSWORD)
        _, trace = await acme.refusal(answer)
        assert trace["code"] == "unsolicited_response"


async def carried(browser: Browser, page: httpx2.Response) -> httpx2.Response:
    """The page at the end of the way, forms submitted as the script in them would."""
    for _ in range(6):
        messages = [form for form in forms_of(page) if {"SAMLRequest", "SAMLResponse"} & set(form.fields)]
        if not messages:
            return page
        page = await browser.submit(messages[0], follow=True)
    raise AssertionError(f"Still on the way: {page.url}")


async def is_living(acme: Company, token: str) -> bool:
    return (await acme.http.get("/v1/me", headers=bearer(token))).status_code == 200


async def logout_forms(devidp: str, browser: Browser, email: str) -> list[str]:
    """The sessions of a person that the identity provider's page offers to end."""
    home = await browser.open(devidp)
    rows = home.text.split("<tr>")
    return [row.split('name="session" value="')[1].split('"')[0] for row in rows if email in row and "session" in row]


async def test_a_sign_out_here_ends_the_session_there(acme: Company, devidp: str, browser: Browser) -> None:
    token = (await sign_in(acme, browser, "Dee"))["token"]
    assert len(await logout_forms(devidp, browser, acme.email("Dee"))) == 1
    out = await acme.http.post("/v1/auth/sign-out", headers=bearer(token))
    assert not await is_living(acme, token)
    page = await carried(browser, await browser.open(out.json()["single_logout_url"]))
    assert "at your identity provider" in text_of(page)
    assert await logout_forms(devidp, browser, acme.email("Dee")) == []


async def test_a_logout_there_ends_that_session_here_and_no_other(acme: Company, devidp: str, browser: Browser) -> None:
    first = (await sign_in(acme, browser, "Eve"))["token"]
    async with Browser() as elsewhere:
        second = (await sign_in(acme, elsewhere, "Eve"))["token"]
    session = (await logout_forms(devidp, browser, acme.email("Eve")))[0]
    start = await browser.client.post(f"{devidp}/logout", data={"session": session})
    page = await carried(browser, start)
    assert "ended its sessions" in text_of(page)
    assert not await is_living(acme, first)
    assert await is_living(acme, second)
    again = await browser.client.post(f"{devidp}/logout", data={"session": session})
    assert (again.status_code, "ended already" in text_of(again)) == (400, True)
