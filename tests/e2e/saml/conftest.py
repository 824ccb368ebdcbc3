"""Acme with SSO on, over HTTP, and an identity provider whose answers the tests write."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

import httpx2
import pytest

from tests.support.browser import Form
from tests.support.database import Broom
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import Company, Service, running_service

ALLOWED = "https://app.acme.test/callback?from=sso"


_numbers = count(1)


@pytest.fixture(scope="module")
async def service(worker_database: str, broom: Broom) -> AsyncGenerator[Service]:
    """The service over a database that was empty at the beginning."""
    await broom.sweep()
    with running_service(worker_database, redirect_uris=(ALLOWED,)) as running:
        yield running


@asynccontextmanager
async def company(service: Service) -> AsyncGenerator[Company]:
    """A company with a verified domain."""
    async with httpx2.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as http:
        slug = f"acme-{next(_numbers)}"
        made = Company(service, http, slug, f"{slug}.test")
        await made.found()
        await made.verify_domain()
        yield made


async def enable_sso(acme: Company) -> None:
    """Ada enables SSO without a test sign-in."""
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable", {"acknowledge_untested": True})


async def post(browser: httpx2.AsyncClient, form: Form) -> httpx2.Response:
    """What the form's target answers."""
    return await browser.post(form.url, data=form.fields)


@pytest.fixture
async def acme(service: Service) -> AsyncGenerator[Company]:
    """A company of this test alone."""
    async with company(service) as made:
        yield made


@pytest.fixture
async def idp(acme: Company) -> ScriptedIdp:
    """The identity provider through which acme signs in."""
    connected = await ScriptedIdp.connected(acme)
    await enable_sso(acme)
    return connected


@pytest.fixture
async def browser() -> AsyncGenerator[httpx2.AsyncClient]:
    """A person's browser: keeps cookies, follows nothing by itself."""
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as made:
        yield made
