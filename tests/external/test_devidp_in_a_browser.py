"""The development identity provider by hand: what a person sees and clicks, in a real browser."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, expect

from ostiary.dev.dns import DevelopmentZone
from ostiary.devidp.app import create_app
from ostiary.devidp.settings import DevIdpSettings
from tests.support.saml_reading import read
from tests.support.service_provider import ServiceProvider, running_service_provider
from tests.support.web import serve

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def zone() -> DevelopmentZone:
    return DevelopmentZone()


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory, zone: DevelopmentZone) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("devidp")
    with serve(lambda base_url: create_app(DevIdpSettings(base_url, folder), zone)) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def sp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProvider]:
    with running_service_provider(tmp_path_factory.mktemp("sp")) as provider:
        yield provider


@pytest.fixture(scope="module")
def metadata(idp: str) -> str:
    return httpx2.get(f"{idp}/metadata").raise_for_status().text


async def log_in(page: Page, start: str, email: str) -> None:
    await page.goto(start)
    await expect(page.get_by_role("heading")).to_have_text("Log in")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill("password")
    await page.get_by_label("Role (optional)").fill("admin")
    await page.get_by_role("button", name="Log in").click()


async def test_a_person_logs_in_and_arrives_without_another_click(
    metadata: str, sp: ServiceProvider, page: Page
) -> None:
    start = sp.redirect_request(metadata, relay_state="by hand")[1]
    await log_in(page, start, "bo@acme.test")
    await page.wait_for_url(sp.acs_url)
    assert sp.received[-1]["RelayState"] == "by hand"
    attributes = read(sp.received[-1]["SAMLResponse"]).attributes()
    assert (attributes["email"], attributes["role"]) == ("bo@acme.test", "admin")


async def test_without_javascript_a_button_carries_the_answer(
    metadata: str, sp: ServiceProvider, chromium: Chromium
) -> None:
    start = sp.redirect_request(metadata)[1]
    async with await chromium.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await log_in(page, start, "cy@acme.test")
        await page.get_by_role("button", name="Continue").click()
        await page.wait_for_url(sp.acs_url)
    assert read(sp.received[-1]["SAMLResponse"]).one("//saml:NameID") == "cy@acme.test"


async def test_a_person_publishes_and_withdraws_a_record(idp: str, zone: DevelopmentZone, page: Page) -> None:
    await page.goto(idp)
    await page.get_by_role("link", name="Publish one in the development zone").click()
    await page.get_by_label("Name").fill("_check.acme.test")
    await page.get_by_label("TXT value").fill("token=1")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("cell", name="token=1")).to_be_visible()
    assert zone.records() == {"_check.acme.test": ("token=1",)}
    await page.get_by_role("button", name="Withdraw _check.acme.test").click()
    await expect(page.get_by_text("Nothing yet.")).to_be_visible()
    assert zone.records() == {}
