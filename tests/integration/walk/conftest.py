"""The world that the walks go through, made once for each worker."""

import os
from collections.abc import AsyncGenerator

import httpx2
import pytest

from tests.support import database
from tests.support.walk import Walk
from tests.support.walk_state import Kept
from tests.support.walk_world import open_world


@pytest.fixture(scope="session")
async def made_walk(postgres: str) -> AsyncGenerator[Walk]:
    async with (
        database.database(postgres, f"walk_{os.getpid()}") as url,
        open_world(url) as world,
        database.connection(url) as session,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(world.app), base_url="http://ostiary.test") as client,
    ):
        yield Walk(world, client, await Kept.of(session))


@pytest.fixture
async def walk(made_walk: Walk) -> Walk:
    """The world as it was made."""
    await made_walk.kept.put_back()
    return made_walk
