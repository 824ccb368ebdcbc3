"""(e) Enabling SSO and Directory Sync on very many members, and what other organizations notice of it."""

import asyncio
import time
from collections.abc import Iterator

from tests.support.sso import connect, enable

from benchmarks.companies import crowd, founded
from benchmarks.load import Outcome, drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table, ms, percentile


async def measure(stage: Stage) -> Table:
    """Seconds of one enablement, and the latency another organization's reads have meanwhile."""
    sizes = (100, 200) if stage.small else (1_000, 100_000, 1_000_000)
    rows: list[tuple[str, ...]] = []
    async with stage.house() as house:
        neighbour = await founded(house, "neighbour")
        async with stage.service(house) as processes:
            ask = request("GET", processes.url, "/v1/organizations/neighbour", token=neighbour.token)
            quiet = (await drive(processes.url, [ask] * stage.size(300, 5), connections=1)).ensure(200)
            for size in sizes:
                slug = f"c{size}"
                founder = await founded(house, slug)
                await connect(house, founder, slug, domains=(f"{slug}.test",), name=f"{slug} idp")
                await crowd(house, founder, slug, size)
                stop = asyncio.Event()
                reading = asyncio.create_task(_until(stop, processes.url, ask))
                begun = time.perf_counter()
                await enable(house, founder, slug)
                took = time.perf_counter() - begun
                stop.set()
                meanwhile = await reading
                rows.append((f"SSO, {size:,} members", ms(took), ms(percentile(meanwhile.latencies, 0.99))))
    rows.append(("nothing going on", "", ms(percentile(quiet.latencies, 0.99))))
    notes = ("One transaction each. Targets: 50 ms for a thousand, 15 s for a million, the neighbour unchanged.",)
    columns = ("enabling", "ms", "p99 of another organization's reads, ms")
    return Table("enablement", "(e) Enabling SSO on very many members", columns, tuple(rows), notes)


async def _until(stop: asyncio.Event, url: str, ask: bytes) -> Outcome:
    def asks() -> Iterator[bytes]:
        while not stop.is_set():
            yield ask

    return await drive(url, asks(), connections=1)
