"""(d) The same reads at a thousand, a hundred thousand and a million users: how flat they stay."""

from collections.abc import Callable

from tests.support.directory import DirectorySync
from tests.support.house import House

from benchmarks.companies import cursor_after, directory, provision, users
from benchmarks.load import drive, request
from benchmarks.stage import Processes, Stage
from benchmarks.tables import Table, median, ms, times


async def measure(stage: Stage) -> Table:
    """Median latency of one connection, so that nothing waits for anything else."""
    sizes = (100, 200, 300) if stage.small else (1_000, 100_000, 1_000_000)
    found: dict[str, list[float]] = {}
    async with stage.house() as house:
        sync = await directory(house)
        present = 0
        for size in sizes:
            await provision(house, sync, size - present - 1, already=present)
            present = size
            async with stage.service(house) as processes:
                for name, latency in (await _read(stage, house, sync, processes, size)).items():
                    found.setdefault(name, []).append(latency)
    rows = tuple(
        (name, *(ms(latency) for latency in latencies), times(latencies[-1] / latencies[0]))
        for name, latencies in found.items()
    )
    notes = ("Medians of milliseconds, one connection. Targets: 1.3× for reads by index, 1.5× for pages by cursor.",)
    columns = ("", *(f"{size:,} users" for size in sizes), "largest of smallest")
    return Table("growth", "(d) Reads as a directory grows", columns, rows, notes)


async def _read(stage: Stage, house: House, sync: DirectorySync, processes: Processes, size: int) -> dict[str, float]:
    known = await users(house, sync, 100)

    def ask(path: str) -> bytes:
        return request("GET", processes.url, f"/scim/v2/Users{path}", token=sync.token)

    last = max(1, size - 120)
    far = await cursor_after(house, sync, last)
    asks: dict[str, Callable[[int], bytes]] = {
        "GET by id": lambda n: ask(f"/{known[n % len(known)]}"),
        "filter by userName": lambda n: ask(f"?filter=userName%20eq%20%22u{n % 50}@acme.test%22"),
        "filter by externalId": lambda n: ask(f"?filter=externalId%20eq%20%2200u{n % 50}%22"),
        "first page of 100": lambda _: ask("?count=100"),
        "last page of 100 by startIndex": lambda _: ask(f"?count=100&startIndex={last}"),
        "first page of 100 by cursor": lambda _: ask("?count=100&cursor"),
        "last page of 100 by cursor": lambda _: ask(f"?count=100&cursor={far}"),
        "count alone": lambda _: ask("?count=0"),
    }
    found: dict[str, float] = {}
    for name, make in asks.items():
        count = stage.size(40 if "page" in name else 200, 4)
        await drive(processes.url, map(make, range(3)), connections=1)
        outcome = (await drive(processes.url, map(make, range(count)), connections=1)).ensure(200)
        found[name] = median(outcome.latencies)
    return found
