"""(c) SCIM requests over HTTP, beside a peer that keeps everything in memory and beside the limits of the stack."""

import asyncio
import contextlib
import importlib.util
import itertools
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass

import asyncpg
import httpx2
import orjson
from tests.support.directory import DirectorySync, user_document
from tests.support.house import House

from benchmarks.companies import directory, fill_group, provision, users
from benchmarks.load import Outcome, drive, request
from benchmarks.stage import Processes, Stage, running
from benchmarks.tables import Table, median, ms, rate, times

CONNECTIONS = 8
SCIM_JSON = "application/scim+json"


@dataclass(slots=True)
class Target:
    """A SCIM service with users: where it is, how it is spoken to, and who is there."""

    name: str
    processes: Processes
    prefix: str
    token: str
    users: list[str]
    fresh: Iterator[int]

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """A request."""
        content = b"" if body is None else orjson.dumps(body)
        url = self.processes.url
        return request(method, url, self.prefix + path, token=self.token, body=content, content_type=SCIM_JSON)

    def new_user(self) -> dict[str, object]:
        """A user nobody has sent yet."""
        return user_document(f"new{next(self.fresh)}@acme.test", externalId=f"00u{next(self.fresh)}")


def operations(target: Target) -> dict[str, Callable[[int], bytes]]:
    """What is asked, by the number of the request."""
    users = itertools.cycle(enumerate(target.users))

    def patch(_: int) -> bytes:
        number, user = next(users)
        change = {"op": "replace", "path": "title", "value": f"{number}-{next(target.fresh)}"}
        return target.ask("PATCH", f"/Users/{user}", _patch(change))

    return {
        "POST user": lambda _: target.ask("POST", "/Users", target.new_user()),
        "GET by id": lambda _: target.ask("GET", f"/Users/{next(users)[1]}"),
        "filter by userName": lambda n: target.ask("GET", f"/Users?filter=userName%20eq%20%22u{n % 100}@acme.test%22"),
        "PATCH user": patch,
        "list of 100": lambda _: target.ask("GET", "/Users?startIndex=1&count=100"),
    }


def _patch(*changes: object) -> dict[str, object]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": changes}


async def measure(stage: Stage) -> Table:
    """Requests a second and CPU a request, in interleaved rounds."""
    count, rounds = stage.size(400, 10), stage.size(5, 1)
    many = stage.size(100_000, 200)
    async with stage.house() as house, contextlib.AsyncExitStack() as stack:
        sync = await directory(house, "acme")
        present = stage.size(400, 100)
        await provision(house, sync, max(many, present))
        ours_processes = await stack.enter_async_context(stage.service(house))
        known = await users(house, sync, present)
        ours = Target("Ostiary", ours_processes, "/scim/v2", sync.token, known, itertools.count())
        peer = await stack.enter_async_context(_peer(present))
        targets = [target for target in (ours, peer) if target is not None]
        figures: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for target in targets:
                for name, make in operations(target).items():
                    asked = count // 8 if name == "list of 100" else count
                    figures.setdefault((name, target.name), []).append(await _measured(target, make, asked))
        groups = await _groups(house, sync, ours, count, rounds, (10, 1_000, many))
        limits = await _limits(house.settings.database_url, count)
    rows = [
        _row(name, *(figures.get((name, target)) for target in ("Ostiary", "scim2-server")))
        for name in operations(ours)
    ]
    rows += [(f"PATCH group of {size:,} by one member", *cells) for size, cells in groups]
    rows += [(f"limit: {name}", rate(value), "", "", "", "") for name, value in limits.items()]
    columns = ("", "Ostiary", "CPU ms", "scim2-server", "CPU ms", "ratio")
    notes = (
        f"{CONNECTIONS} connections, one service process, commits synced to disk. scim2-server keeps everything in the "
        "memory of its process and writes nothing; its table is what the protocol costs without a database.",
        "CPU is the service's, without the database's.",
    )
    return Table("scim", "(c) SCIM over HTTP", columns, tuple(rows), notes)


async def _measured(target: Target, make: Callable[[int], bytes], count: int) -> tuple[float, float]:
    before = target.processes.cpu_seconds()
    outcome: Outcome = await drive(target.processes.url, map(make, range(count)), connections=CONNECTIONS)
    outcome.ensure(200, 201, 204)
    return outcome.rate, (target.processes.cpu_seconds() - before) / count


def _row(
    name: str, ours: list[tuple[float, float]] | None, peer: list[tuple[float, float]] | None
) -> tuple[str, str, str, str, str, str]:
    assert ours is not None
    our_rate, our_cpu = (median([pair[part] for pair in ours]) for part in (0, 1))
    if peer is None:
        return name, rate(our_rate), ms(our_cpu), "", "", ""
    peer_rate, peer_cpu = (median([pair[part] for pair in peer]) for part in (0, 1))
    return name, rate(our_rate), ms(our_cpu), rate(peer_rate), ms(peer_cpu), times(our_rate / peer_rate)


async def _groups(
    house: House, sync: DirectorySync, ours: Target, count: int, rounds: int, sizes: tuple[int, ...]
) -> list[tuple[int, tuple[str, ...]]]:
    found: dict[int, list[tuple[float, float]]] = {}
    groups = {size: await fill_group(house, sync, size) for size in sizes}
    for _ in range(rounds):
        for size, group in groups.items():
            turns = itertools.cycle(ours.users)

            def make(number: int, group: str = group, turns: Iterator[str] = turns) -> bytes:
                op = "add" if number % 2 == 0 else "remove"
                user = next(turns)
                change: dict[str, object] = {"op": op, "path": "members", "value": [{"value": user}]}
                return ours.ask("PATCH", f"/Groups/{group}", _patch(change))

            found.setdefault(size, []).append(await _measured(ours, make, count // 2))
    base = median([pair[0] for pair in found[sizes[0]]])
    rows: list[tuple[int, tuple[str, ...]]] = []
    for size, pairs in found.items():
        speed, cpu = (median([pair[part] for pair in pairs]) for part in (0, 1))
        rows.append((size, (rate(speed), ms(cpu), "", "", f"{times(speed / base)} of {sizes[0]} members")))
    return rows


@contextlib.asynccontextmanager
async def _peer(users: int) -> AsyncGenerator[Target | None]:
    if importlib.util.find_spec("scim2_server") is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.scim_peer:app", "--port", str(port), "--no-access-log"]
    command += ["--log-level", "error"]
    async with running(command, f"http://127.0.0.1:{port}", {}, ready="/v2/ServiceProviderConfig") as processes:
        target = Target("scim2-server", processes, "/v2", "peer", [], itertools.count())
        names = [user_document(f"u{number}@acme.test") for number in range(users)]
        await drive(processes.url, [target.ask("POST", "/Users", document) for document in names])
        target.users = await asyncio.to_thread(_ids, processes.url)
        yield target


def _ids(url: str) -> list[str]:
    answer = httpx2.get(f"{url}/v2/Users?count=1000", headers={"Authorization": "Bearer peer"}, trust_env=False)
    return [str(user["id"]) for user in answer.json()["Resources"]]


async def _limits(database_url: str, count: int) -> dict[str, float]:
    """What the driver alone does: one row by its key, and one row written and synced."""
    pool = await asyncpg.create_pool(database_url.replace("+asyncpg", ""), min_size=CONNECTIONS, max_size=CONNECTIONS)
    async with pool:
        await pool.execute("CREATE TABLE limits (id int PRIMARY KEY, document text)")
        await pool.execute("INSERT INTO limits SELECT n, repeat('x', 500) FROM generate_series(1, 1000) n")

        async def timed(statement: str, first: int) -> float:
            loop, numbers = asyncio.get_running_loop(), iter(range(first, first + count * 4))

            async def work() -> None:
                for number in numbers:
                    await pool.execute(statement, number)

            begun = loop.time()
            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
            return count * 4 / (loop.time() - begun)

        read = await timed("SELECT document FROM limits WHERE id = $1 % 1000", 1)
        written = await timed("INSERT INTO limits VALUES ($1, 'x')", 10_000)
    return {"SELECT by key, asyncpg": read, "INSERT and commit, asyncpg": written}
