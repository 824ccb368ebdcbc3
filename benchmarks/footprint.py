"""(h) Memory and start-up with one, a thousand and ten thousand connections."""

import time

from sqlalchemy import text
from tests.integration.services.test_many_connections import copies
from tests.support.sso import connect

from benchmarks.companies import founded
from benchmarks.load import drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table


async def measure(stage: Stage) -> Table:
    """A fresh process each time: until it is ready, and what it holds then and after use."""
    sizes = (1, 20) if stage.small else (1, 1_000, 10_000)
    rows: list[tuple[str, ...]] = []
    async with stage.house() as house:
        founder = await founded(house)
        idp = await connect(house, founder)
        present = 1
        for size in sizes:
            async with house.engine.begin() as connection:
                for statement in copies(present, size - 1):
                    await connection.execute(text(statement))
            present = size
            begun = time.perf_counter()
            async with stage.service(house) as processes:
                ready, idle = time.perf_counter() - begun, processes.resident_bytes()
                ask = request("GET", processes.url, f"/saml/{idp.connection.id}/metadata")
                await drive(processes.url, [ask] * stage.size(200, 5), connections=4)
                used = processes.resident_bytes()
            rows.append((f"{size:,}", f"{ready:.1f} s", f"{idle / 2**20:.0f} MiB", f"{used / 2**20:.0f} MiB"))
    columns = ("connections", "start-up", "idle", "after 200 requests")
    notes = ("Target: start-up and idle memory as with ten.",)
    return Table("footprint", "(h) Memory and start-up", columns, tuple(rows), notes)
