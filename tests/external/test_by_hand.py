"""A person signs in by hand, in a real browser, against the service and its development identity provider."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Page, expect

from ostiary.dev.demo import play
from ostiary.devidp.app import create_app
from ostiary.devidp.settings import DevIdpSettings
from tests.external.simplesamlphp import PASSWORD as IDP_PASSWORD
from tests.external.simplesamlphp import SimpleSamlPhp
from tests.support.database import Broom
from tests.support.dev_process import dev_process
from tests.support.service import Company, running_service
from tests.support.web import serve

pytestmark = pytest.mark.external


@pytest.fixture
async def acme(worker_database: str, broom: Broom, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Company]:
    """A company where SSO through the development identity provider is on."""
    await broom.sweep()
    folder = tmp_path_factory.mktemp("devidp")
    with (
        running_service(worker_database) as service,
        serve(lambda base_url: create_app(DevIdpSettings(base_url, folder))) as idp,
    ):
        async with httpx2.AsyncClient(base_url=service.url, timeout=30) as http:
            company = Company(service, http, "acme", "acme.test")
            await company.found()
            await company.verify_domain()
            await company.connect({"metadata_url": f"{idp}/metadata"})
            await company.activate()
            await company.call("Ada", "POST", f"{company.org}/sso/enable", {"acknowledge_untested": True})
            yield company


async def log_in(page: Page, email: str) -> None:
    await expect(page.get_by_role("heading")).to_have_text("Log in")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill("password")
    await page.get_by_role("button", name="Log in").click()


async def test_R20_R26_a_person_opens_the_sign_in_url_and_ends_signed_in(acme: Company, page: Page) -> None:
    await page.goto(f"{acme.service.url}/sso/acme")
    await log_in(page, "bo@acme.test")
    await expect(page.get_by_role("heading")).to_have_text("You are signed in")
    await page.goto(f"{acme.service.url}/v1/me")
    assert "bo@acme.test" in await page.content()
    [cookie] = [cookie for cookie in await page.context.cookies() if cookie.get("name") == "ostiary"]
    assert cookie.get("httpOnly") is True
    assert cookie.get("sameSite") == "Lax"


async def test_R21_a_person_who_may_not_enter_reads_why_and_finds_the_trace(acme: Company, page: Page) -> None:
    await page.goto(f"{acme.service.url}/sso/acme")
    await log_in(page, "mallory@elsewhere.test")
    await expect(page.get_by_role("heading")).to_have_text("This e-mail address cannot sign in here")
    trace_id = await page.locator("code").first.inner_text()
    trace = await acme.call("Ada", "GET", f"{acme.org}/sign-ins/{trace_id}")
    assert trace["code"] == "email_domain_not_allowed"


async def test_an_administrator_reads_the_trace_of_a_test_sign_in_in_the_browser(acme: Company, page: Page) -> None:
    path = f"{acme.org}/connections/{acme.ids['connection']}/test"
    await page.goto((await acme.call("Ada", "POST", path))["sign_in_url"])
    await log_in(page, "ada@acme.test")
    await expect(page.get_by_role("heading")).to_have_text("The test sign-in passed")
    await expect(page.get_by_text("audience")).to_be_visible()


async def test_R26_a_person_who_began_at_the_identity_provider_confirms_and_is_signed_in(
    worker_database: str, broom: Broom, simplesamlphp: SimpleSamlPhp, page: Page
) -> None:
    await broom.sweep()
    with running_service(worker_database) as service:
        async with httpx2.AsyncClient(base_url=service.url, timeout=30) as http:
            company = Company(service, http, "acme", "acme.test")
            await company.found()
            await company.verify_domain()
            await company.connect({"metadata_url": simplesamlphp.metadata_url}, allow_idp_initiated=True)
            simplesamlphp.trust(await company.sp_metadata())
            await company.activate()
            await company.call("Ada", "POST", f"{company.org}/sso/enable", {"acknowledge_untested": True})
            sp_entity_id = f"{service.url}/saml/{company.ids['connection']}/metadata"

            await page.goto(simplesamlphp.idp_initiated_url(sp_entity_id, relay_state="https://elsewhere.test/"))
            await page.locator("input[name=username]").fill("cy@acme.test")
            await page.locator("input[name=password]").fill(IDP_PASSWORD)
            await page.locator("button[type=submit], input[type=submit]").first.click()
            await expect(page.get_by_role("heading")).to_have_text("Is this you?")
            await expect(page.get_by_text("cy@acme.test")).to_be_visible()
            # What a browser tells of a page's origin depends on its policies: only a real one proves this step.
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("heading")).to_have_text("You are signed in")


async def test_the_demo_hands_over_to_a_person_at_the_development_service(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path / "data"))
    with dev_process(tmp_path, database_url=empty_database) as dev:
        await asyncio.to_thread(dev.wait_until_ready)
        assert await asyncio.to_thread(play, None, 3) == 0
        await page.goto(f"{dev.url}/sso/acme")
        await log_in(page, "bo@acme.test")
        await expect(page.get_by_role("heading")).to_have_text("You are signed in")
        [cookie] = [cookie for cookie in await page.context.cookies() if cookie.get("name") == "ostiary"]
        assert cookie.get("httpOnly") is True


async def test_a_newcomer_reads_the_documentation_without_the_internet(acme: Company, page: Page) -> None:
    await page.goto(f"{acme.service.url}/docs")
    await expect(page.get_by_role("heading", name="Ostiary")).to_be_visible()
    await expect(page.get_by_text("/v1/organizations/{org}/sso/enable")).to_be_visible()
