"""The organization acme and a client for each who acts in it."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from fastapi import FastAPI

from tests.support.house import House, Person, bearer


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def bo(house: House, ada: Person) -> Person:
    """A member of acme."""
    return await house.joined(ada, "bo@acme.test")


@pytest.fixture
async def as_ada(app: FastAPI, ada: Person) -> AsyncGenerator[httpx2.AsyncClient]:
    """Ada's client, inside acme."""
    async with in_acme(app, ada) as client:
        yield client


@pytest.fixture
async def as_bo(app: FastAPI, bo: Person) -> AsyncGenerator[httpx2.AsyncClient]:
    """Bo's client, inside acme."""
    async with in_acme(app, bo) as client:
        yield client


def in_acme(app: FastAPI, person: Person) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://ostiary.test/v1/organizations/acme",
        headers=bearer(person.token),
    )
