"""(f) Provisioning 100,000 users over HTTP, by POST and by Bulk: does the rate hold from first to last?"""

from collections.abc import Iterator

import orjson
from tests.support.directory import user_document

from benchmarks.companies import directory
from benchmarks.load import drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table, rate, times

_BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_A_BULK = 100


async def measure(stage: Stage) -> Table:
    """The whole, its first and its last tenth."""
    count = stage.size(100_000, 200)
    rows: list[tuple[str, ...]] = []
    async with stage.house() as house:
        for name, slug in (("POST", "posted"), ("Bulk of 100", "bulked")):
            sync = await directory(house, slug)
            async with stage.service(house) as processes:
                bulk = name != "POST"
                asks = _bulks(processes.url, sync.token, count) if bulk else _posts(processes.url, sync.token, count)
                outcome = (await drive(processes.url, asks, connections=8)).ensure(200, 201)
            users_a_request = _A_BULK if bulk else 1
            tenth = max(1, len(outcome.latencies) // 10)
            # Eight at once: their latencies together are eight times the time that passed.
            first, last = (sum(part) / 8 for part in (outcome.latencies[:tenth], outcome.latencies[-tenth:]))
            speed = outcome.rate * users_a_request
            rows.append((name, rate(speed), f"{outcome.seconds:,.0f} s", times(first / last)))
    notes = ("8 connections, one service process. Targets: 4 min by POST, 50 s by Bulk, at least 0.90× at the end.",)
    columns = (f"{count:,} users", "users a second", "in all", "rate of the last tenth to the first")
    return Table("provisioning", "(f) Provisioning 100,000 users", columns, tuple(rows), notes)


def _posts(url: str, token: str, count: int) -> Iterator[bytes]:
    for number in range(count):
        body = orjson.dumps(user_document(f"p{number}@posted.test", externalId=f"00p{number}"))
        yield request("POST", url, "/scim/v2/Users", token=token, body=body)


def _bulks(url: str, token: str, count: int) -> Iterator[bytes]:
    for begin in range(0, count, _A_BULK):
        operations = [
            {
                "method": "POST",
                "path": "/Users",
                "bulkId": str(number),
                "data": user_document(f"b{number}@bulked.test", externalId=f"00b{number}"),
            }
            for number in range(begin, begin + _A_BULK)
        ]
        body = orjson.dumps({"schemas": [_BULK], "Operations": operations})
        yield request("POST", url, "/scim/v2/Bulk", token=token, body=body)
