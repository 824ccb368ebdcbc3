"""Acme with Directory Sync on, and the client of its identity provider.

One application serves all tests of this folder: a new one each time would prepare every statement anew.
"""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from fastapi import FastAPI

from ostiary import bootstrap
from tests.support.directory import DirectorySync, directory_sync
from tests.support.house import House, Person, bearer, open_house


@pytest.fixture(scope="package")
async def standing_house(worker_database: str) -> AsyncGenerator[House]:
    """The services, for all tests of this folder."""
    async with open_house(worker_database) as opened:
        yield opened


@pytest.fixture(scope="package")
async def standing_app(standing_house: House) -> AsyncGenerator[FastAPI]:
    """The application, for all tests of this folder."""
    made = bootstrap.make_app(standing_house.settings, clock=standing_house.clock)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def house(standing_house: House, database_url: str) -> House:
    """The services over a database that is empty again."""
    return standing_house


@pytest.fixture
async def app(standing_app: FastAPI, house: House) -> FastAPI:
    """The application over a database that is empty again."""
    return standing_app


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme, whom no directory knows yet."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def sync(house: House, ada: Person) -> DirectorySync:
    """Directory Sync of acme."""
    return await directory_sync(house)


@pytest.fixture
async def scim(app: FastAPI, sync: DirectorySync) -> AsyncGenerator[httpx2.AsyncClient]:
    """The identity provider's client."""
    async with scim_client(app, sync) as client:
        yield client


def scim_client(app: FastAPI, sync: DirectorySync) -> httpx2.AsyncClient:
    """A client with the directory's token, as application/scim+json speaks."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://ostiary.test/scim/v2",
        headers={**bearer(sync.token), "Content-Type": "application/scim+json"},
    )
