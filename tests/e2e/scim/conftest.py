"""Acme with Directory Sync on, and the client of its identity provider."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from fastapi import FastAPI

from tests.support.directory import DirectorySync, directory_sync
from tests.support.house import House, Person, bearer


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
async def scim(app: FastAPI, sync: DirectorySync) -> AsyncGenerator[httpx.AsyncClient]:
    """The identity provider's client."""
    async with scim_client(app, sync) as client:
        yield client


def scim_client(app: FastAPI, sync: DirectorySync) -> httpx.AsyncClient:
    """A client with the directory's token, as application/scim+json speaks."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://ostiary.test/scim/v2",
        headers={**bearer(sync.token), "Content-Type": "application/scim+json"},
    )
