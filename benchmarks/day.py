"""(j) A day of a large customer: mixed load of many tenants, while one of them pushes very many users."""

import asyncio
import itertools
from collections.abc import Iterator

import orjson
from tests.support.directory import user_document

from benchmarks.companies import directory, provision, users
from benchmarks.load import Outcome, drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table, ms, percentile, rate

_TENANTS = 10
_fresh = itertools.count()


async def measure(stage: Stage) -> Table:
    """Latencies of the many alone, and beside the one."""
    seconds = stage.size(60, 1)
    async with stage.house() as house:
        tenants: list[tuple[str, list[str], str]] = []
        for number in range(stage.size(_TENANTS, 2)):
            sync = await directory(house, f"t{number}")
            await provision(house, sync, 200)
            tenants.append((sync.token, await users(house, sync, 100), f"t{number}"))
        large = await directory(house, "large")
        async with stage.service(house) as processes:
            url = processes.url
            alone = await _mixed(url, tenants, seconds)
            stop = asyncio.Event()
            pushing = asyncio.create_task(drive(url, _pushed(url, large.token, stop), connections=4))
            beside = await _mixed(url, tenants, seconds)
            stop.set()
            pushed = (await pushing).ensure(201)
    rows = tuple(
        (name, rate(outcome.rate), *(ms(percentile(outcome.latencies, share)) for share in (0.5, 0.95, 0.99)))
        for name, outcome in (
            ("many tenants alone", alone),
            ("the same beside it", beside),
            ("one pushes users", pushed),
        )
    )
    notes = (
        f"{seconds} s each, {len(tenants)} tenants over 4 connections (look up, read, change, create, list), one "
        "tenant over 4 more. One service process.",
    )
    return Table(
        "day", "(j) Many tenants, and one that pushes", ("", "a second", "p50 ms", "p95 ms", "p99 ms"), rows, notes
    )


async def _mixed(url: str, tenants: list[tuple[str, list[str], str]], seconds: int) -> Outcome:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return (await drive(url, _asks(url, tenants, stop), connections=4)).ensure(200, 201)


def _asks(url: str, tenants: list[tuple[str, list[str], str]], stop: asyncio.Event) -> Iterator[bytes]:
    for number in itertools.count():
        if stop.is_set():
            return
        token, known, slug = tenants[number % len(tenants)]
        user = known[number // len(tenants) % len(known)]
        match number // len(tenants) % 10:
            case 0:
                change = {"op": "replace", "path": "title", "value": f"title {number}"}
                body = orjson.dumps(
                    {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [change]}
                )
                yield request("PATCH", url, f"/scim/v2/Users/{user}", token=token, body=body)
            case 1:
                body = orjson.dumps(user_document(f"d{next(_fresh)}@{slug}.test"))
                yield request("POST", url, "/scim/v2/Users", token=token, body=body)
            case 2:
                yield request("GET", url, "/scim/v2/Users?count=20", token=token)
            case 3 | 4 | 5:
                path = f"/scim/v2/Users?filter=userName%20eq%20%22u{number % 100}@acme.test%22"
                yield request("GET", url, path, token=token)
            case _:
                yield request("GET", url, f"/scim/v2/Users/{user}", token=token)


def _pushed(url: str, token: str, stop: asyncio.Event) -> Iterator[bytes]:
    for number in itertools.count():
        if stop.is_set():
            return
        body = orjson.dumps(user_document(f"l{number}@large.test", externalId=f"00l{number}"))
        yield request("POST", url, "/scim/v2/Users", token=token, body=body)
