"""The application over an empty database, spoken to by HTTP."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from fastapi import FastAPI

from ostiary import bootstrap
from tests.support.house import House, open_house


@pytest.fixture
async def house(database_url: str) -> AsyncGenerator[House]:
    """The same services beside the application, for what a test needs and does not look at."""
    async with open_house(database_url) as opened:
        yield opened


@pytest.fixture
async def app(house: House) -> AsyncGenerator[FastAPI]:
    """The application, started."""
    made = bootstrap.make_app(house.settings, clock=house.clock)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def client(app: FastAPI) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of the application, without a credential."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ostiary.test") as made:
        yield made
