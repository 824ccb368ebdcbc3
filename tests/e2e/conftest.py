"""The application over an empty database, spoken to by HTTP."""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx2
import pytest
from fastapi import FastAPI

from ostiary import bootstrap
from ostiary.adapters.db import transaction
from tests.support.house import House, open_house

Count = Callable[[Awaitable[httpx2.Response]], Awaitable[tuple[int, int]]]


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


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Answers the status of a request, and how many exchanges with the database it took."""
    seen: list[str] = []

    def exchange(summary: str) -> contextlib.AbstractContextManager[None]:
        seen.append(summary)
        return contextlib.nullcontext()

    monkeypatch.setattr(transaction, "_exchange", exchange)

    async def count(sent: Awaitable[httpx2.Response]) -> tuple[int, int]:
        seen.clear()
        answer = await sent
        return answer.status_code, len(seen)

    return count
