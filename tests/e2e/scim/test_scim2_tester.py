"""An independent suite of checks of RFC 7643 and 7644, against the running service."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import CheckResult, Status, check_server

from ostiary import bootstrap
from tests.support.directory import DirectorySync
from tests.support.house import House, bearer
from tests.support.web import serve


def _checked(make_app: Callable[[str], Any], token: str) -> list[CheckResult]:
    with (
        serve(make_app) as base_url,
        httpx2.Client(base_url=f"{base_url}/scim/v2", headers=dict(bearer(token)), timeout=30) as client,
    ):
        return check_server(SyncSCIMClient(client))


async def test_every_check_of_the_suite_passes(house: House, sync: DirectorySync) -> None:
    def make_app(base_url: str) -> Any:
        return bootstrap.make_app(house.settings.model_copy(update={"base_url": base_url}))

    results = await asyncio.to_thread(_checked, make_app, sync.token)

    others = [
        f"{result.status} {result.title}: {result.reason}" for result in results if result.status is not Status.SUCCESS
    ]
    assert not others, "\n".join(others)
    assert len(results) > 100
