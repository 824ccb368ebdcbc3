"""The services over an empty database."""

from collections.abc import AsyncGenerator

import pytest

from tests.support.house import House, open_house


@pytest.fixture
async def house(database_url: str) -> AsyncGenerator[House]:
    async with open_house(database_url) as opened:
        yield opened
