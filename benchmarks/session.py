"""(g) What it costs to know who asks: a `/v1` read by a session, beside the limits of the framework."""

from benchmarks.companies import founded
from benchmarks.load import drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table, median, ms, rate, times

_NO_ONE, _SESSION = "GET /healthz, nobody asks", "GET /v1/me, by a session"


async def measure(stage: Stage) -> Table:
    """Requests a second and CPU a request, in interleaved rounds."""
    count, rounds = stage.size(600, 10), stage.size(5, 1)
    async with stage.house() as house:
        founder = await founded(house)
        async with stage.service(house) as processes:
            url = processes.url
            asks = {
                _NO_ONE: request("GET", url, "/healthz"),
                _SESSION: request("GET", url, "/v1/me", token=founder.token),
                "GET /v1/organizations/{org}": request("GET", url, "/v1/organizations/acme", token=founder.token),
            }
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in asks}
            for _ in range(rounds):
                for name, ask in asks.items():
                    before = processes.cpu_seconds()
                    outcome = (await drive(url, [ask] * count, connections=8)).ensure(200)
                    found[name].append((outcome.rate, (processes.cpu_seconds() - before) / count))
    speeds = {name: median([pair[0] for pair in pairs]) for name, pairs in found.items()}
    rows = tuple(
        (name, rate(speeds[name]), ms(median([pair[1] for pair in pairs])), times(speeds[name] / speeds[_NO_ONE]))
        for name, pairs in found.items()
    )
    notes = ("8 connections, one service process. The session is looked up in the database every time.",)
    return Table("session", "(g) A session check on a read", ("", "a second", "CPU ms", "of nobody's"), rows, notes)
