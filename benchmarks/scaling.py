"""(i) Two service processes against one, on the same database."""

from benchmarks.companies import directory, provision, users
from benchmarks.load import drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table, median, ms, rate, times


async def measure(stage: Stage) -> Table:
    """Reads and sign-in pages a second, by one process and by two."""
    count, rounds = stage.size(1_500, 20), stage.size(3, 1)
    found: dict[int, list[float]] = {1: [], 2: []}
    costs: dict[int, list[float]] = {1: [], 2: []}
    async with stage.house() as house:
        sync = await directory(house)
        await provision(house, sync, 400)
        known = await users(house, sync, 100)
        for _ in range(rounds):
            for processes, rates in found.items():
                async with stage.service(house, processes=processes) as service:
                    asks = [
                        request("GET", service.url, f"/scim/v2/Users/{known[n % 100]}", token=sync.token)
                        for n in range(count)
                    ]
                    await drive(service.url, asks[: count // 5], connections=16)
                    before = service.cpu_seconds()
                    rates.append((await drive(service.url, asks, connections=16)).ensure(200).rate)
                    costs[processes].append((service.cpu_seconds() - before) / count)
    one = median(found[1])
    rows = tuple(
        (name, rate(median(found[number])), times(median(found[number]) / one), ms(median(costs[number])))
        for number, name in ((1, "one process"), (2, "two processes"))
    )
    notes = (
        "GET by id, 16 connections. Client, database and service share the machine's processors: with two of them, two "
        "processes of ours leave none to the others. Target: 1.7× while cores last. CPU is the service's: where it is "
        "the same for two processes, nothing but cores is missing.",
    )
    return Table("scaling", "(i) Two processes against one", ("", "a second", "of one", "CPU ms"), rows, notes)
