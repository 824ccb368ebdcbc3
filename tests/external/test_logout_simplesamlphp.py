"""Single logout, and what is encrypted with AES-CBC, with an identity provider nobody here wrote."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest

from ostiary.domain.assertion import Reason
from tests.external.simplesamlphp import PASSWORD, SimpleSamlPhp
from tests.support.browser import Browser, SignInFailedError, forms_of, text_of
from tests.support.database import Broom
from tests.support.house import bearer
from tests.support.saml_reading import read
from tests.support.service import Company, running_service

pytestmark = pytest.mark.external

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@pytest.fixture
async def acme(worker_database: str, broom: Broom) -> AsyncGenerator[Company]:
    """A company with a verified domain."""
    await broom.sweep()
    with running_service(worker_database) as service:
        async with httpx2.AsyncClient(base_url=service.url, timeout=30) as http:
            company = Company(service, http, "acme", "acme.test")
            await company.found()
            await company.verify_domain()
            yield company


async def connect(acme: Company, idp: SimpleSamlPhp, *, binding: str = "redirect", **settings: Any) -> dict[str, Any]:
    """Acme signs in through SimpleSAMLphp, and both log out by the binding."""
    connection = await acme.connect({"metadata_url": idp.metadata_url}, **settings)
    assert (connection["idp"]["slo_url"], connection["idp"]["slo_binding"]) == (idp.slo_url, "redirect")
    if binding == "post":
        certificate = read(idp.metadata()).one("//md:KeyDescriptor[@use='signing']//ds:X509Certificate")
        by_hand = {
            "entity_id": connection["idp"]["entity_id"],
            "sso_url": connection["idp"]["sso_url"],
            "slo_url": idp.slo_url,
            "slo_binding": "post",
            "certificates": [certificate],
        }
        await acme.call("Ada", "PATCH", f"{acme.org}/connections/{connection['id']}", {"idp": by_hand})
    await acme.activate()
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable", {"acknowledge_untested": True})
    return connection


def slo_by(binding: str, connection: dict[str, Any]) -> dict[str, Any]:
    """Options of SimpleSAMLphp for our side: by itself it takes the redirect where our metadata offers both."""
    if binding == "redirect":
        return {}
    return {"SingleLogoutService": [{"Binding": POST, "Location": connection["sp"]["slo_url"]}]}


async def sign_in(acme: Company, browser: Browser, who: str) -> str:
    """Somebody's session, in a browser that stays logged in at the identity provider."""
    answer = await browser.sign_in(acme.sign_in_url, acme.email(who), PASSWORD)
    return str((await acme.exchange(who, await browser.submit(answer)))["token"])


async def carried(browser: Browser, url: str) -> httpx2.Response:
    """The page at the end of the way, forms submitted as the script in them would."""
    page = await browser.open(url)
    for _ in range(6):
        messages = [form for form in forms_of(page) if {"SAMLRequest", "SAMLResponse"} & set(form.fields)]
        if not messages:
            return page
        page = await browser.submit(messages[0], follow=True)
    raise AssertionError(f"Still on the way: {page.url}")


async def is_living(acme: Company, token: str) -> bool:
    return (await acme.http.get("/v1/me", headers=bearer(token))).status_code == 200


async def assert_logged_out_there(acme: Company, browser: Browser) -> None:
    """The identity provider asks for the password again."""
    with pytest.raises(SignInFailedError, match="The login was refused"):
        await browser.sign_in(acme.sign_in_url, acme.email("Bo"), "wrong")


@pytest.mark.parametrize("binding", ["redirect", "post"])
async def test_a_sign_out_here_ends_the_session_there(
    binding: str, acme: Company, simplesamlphp: SimpleSamlPhp, browser: Browser
) -> None:
    connection = await connect(acme, simplesamlphp, binding=binding)
    simplesamlphp.trust(await acme.sp_metadata(), **slo_by(binding, connection))
    token = await sign_in(acme, browser, "Bo")
    out = await acme.http.post("/v1/auth/sign-out", headers=bearer(token))
    assert not await is_living(acme, token)
    page = await carried(browser, out.json()["single_logout_url"])
    assert "at your identity provider" in text_of(page), page.url
    await assert_logged_out_there(acme, browser)


@pytest.mark.parametrize("binding", ["redirect", "post"])
async def test_a_logout_there_ends_that_session_here(
    binding: str, acme: Company, simplesamlphp: SimpleSamlPhp, browser: Browser
) -> None:
    connection = await connect(acme, simplesamlphp, binding=binding)
    simplesamlphp.trust(await acme.sp_metadata(), **slo_by(binding, connection))
    token = await sign_in(acme, browser, "Bo")
    async with Browser() as elsewhere:
        other = await sign_in(acme, elsewhere, "Bo")
    done = f"{acme.service.url}/healthz"
    page = await carried(browser, simplesamlphp.logout_url(done))
    assert str(page.url) == done, text_of(page)
    assert not await is_living(acme, token)
    assert await is_living(acme, other)
    await assert_logged_out_there(acme, browser)


async def test_a_session_whose_name_was_encrypted_is_logged_out_too(
    acme: Company, simplesamlphp: SimpleSamlPhp, browser: Browser
) -> None:
    await connect(acme, simplesamlphp, want_assertions_encrypted=True, allow_aes_cbc=True)
    encrypted_name: dict[str, Any] = {"nameid.encryption": True}
    simplesamlphp.trust(await acme.sp_metadata(), encrypt_assertion=True, **encrypted_name)
    token = await sign_in(acme, browser, "Bo")
    await carried(browser, simplesamlphp.logout_url(f"{acme.service.url}/healthz"))
    assert not await is_living(acme, token)


async def test_what_is_encrypted_with_aes_cbc_is_accepted_where_the_connection_allows_it(
    acme: Company, simplesamlphp: SimpleSamlPhp, browser: Browser
) -> None:
    connection = await connect(acme, simplesamlphp, want_assertions_encrypted=True)
    simplesamlphp.trust(await acme.sp_metadata(), encrypt_assertion=True)
    answer = await browser.sign_in(acme.sign_in_url, acme.email("Bo"), PASSWORD)
    _, trace = await acme.refusal(answer)
    assert trace["code"] == Reason.ALGORITHM
    assert "allow AES-CBC" in trace["hint"]

    address = f"{acme.org}/connections/{connection['id']}"
    changed = await acme.call("Ada", "PATCH", address, {"allow_aes_cbc": True})
    assert any("AES-CBC" in warning for warning in changed["warnings"])
    assert await is_living(acme, await sign_in(acme, browser, "Bo"))

    # Where no signature covers the ciphertext it stays refused: who changes it would learn from the answers.
    simplesamlphp.trust(await acme.sp_metadata(), encrypt_assertion=True, sign_response=False)
    answer = await browser.sign_in(acme.sign_in_url, acme.email("Bo"), PASSWORD)
    _, trace = await acme.refusal(answer)
    assert trace["code"] == Reason.ALGORITHM
