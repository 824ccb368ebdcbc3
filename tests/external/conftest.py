"""Fixtures for tests that need programs of the operating system; `make test-external` runs them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

from tests.external.chromium import running_chromium
from tests.external.simplesamlphp import SimpleSamlPhp, running_simplesamlphp
from tests.support.browser import Browser


@pytest.fixture(scope="session")
def simplesamlphp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    """One SimpleSAMLphp for the run."""
    with running_simplesamlphp(tmp_path_factory.mktemp("simplesamlphp")) as idp:
        yield idp


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A person's browser, new for each test."""
    async with Browser() as browser:
        yield browser


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    """One Chromium for the run."""
    async with running_chromium() as chromium:
        yield chromium


@pytest.fixture
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    """A tab in a fresh profile; what it waits for must come within ten seconds."""
    async with await chromium.new_context() as context:
        context.set_default_timeout(10_000)
        yield await context.new_page()
