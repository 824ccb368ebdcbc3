"""What scenarios run on: a durable embedded PostgreSQL, databases in it, and service processes over them."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from tests.support import database
from tests.support.house import OPERATOR_TOKEN, House, open_house
from tests.support.sso import REDIRECT_URI

from ostiary.dev.postgres import EmbeddedPostgres

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Processes:
    """Processes that answer at one address."""

    url: str
    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        """User and system time that all of them have used."""
        return sum(_cpu(pid) for pid in self.pids)

    def resident_bytes(self) -> int:
        """Memory that all of them hold."""
        return sum(_resident(pid) for pid in self.pids)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Stage:
    """The run's server, and whether it is the small form that only shows that everything runs."""

    server: str
    small: bool
    _numbers: int = field(default=0)

    def size(self, whole: int, small: int) -> int:
        """How many, in this form."""
        return small if self.small else whole

    @contextlib.asynccontextmanager
    async def house(self) -> AsyncGenerator[House]:
        """The services in this process over a new database, to prepare and to look."""
        self._numbers += 1
        async with (
            database.database(self.server, f"bench_{self._numbers}") as url,
            open_house(url, database_pool_size=20, base_url="https://ostiary.test") as house,
        ):
            yield house

    @contextlib.asynccontextmanager
    async def service(self, house: House, *, processes: int = 1) -> AsyncGenerator[Processes]:
        """`ostiary serve` over the house's database, with the settings of production."""
        settings = house.settings
        url = f"http://127.0.0.1:{_free_port()}"
        environment = {
            "OSTIARY_DATABASE_URL": settings.database_url,
            "OSTIARY_SECRET_KEY": settings.secret_key.get_secret_value(),
            "OSTIARY_OPERATOR_TOKEN": OPERATOR_TOKEN,
            # The address the house takes itself for: assertions are addressed to it.
            "OSTIARY_BASE_URL": settings.base_url,
            "OSTIARY_REDIRECT_URIS": f'["{REDIRECT_URI}"]',
            "OSTIARY_THROTTLE_BY_ADDRESS": "false",
        }
        command = [str(Path(sys.executable).with_name("ostiary")), "serve", "--port", url.rpartition(":")[2]]
        async with running(command, url, environment, processes=processes, ready="/readyz") as found:
            yield found


@contextlib.contextmanager
def open_stage(*, small: bool) -> Generator[Stage]:
    """A stage over a server that syncs every commit, as in production."""
    with (
        tempfile.TemporaryDirectory(prefix="ostiary-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", durable=not small, max_connections=200) as server,
    ):
        address = server.url("DATABASE").replace("DATABASE", "{database}")
        asyncio.run(database.make_template(address))
        yield Stage(address, small)


@contextlib.asynccontextmanager
async def running(
    command: list[str], url: str, environment: dict[str, str], *, processes: int = 1, ready: str
) -> AsyncGenerator[Processes]:
    """A server started by the command, as long as the block lasts."""
    if processes > 1:
        command = [*command, "--workers", str(processes)]
    with tempfile.TemporaryFile("w+") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL, stderr=log
        )
        try:
            await _until_ready(process, url + ready)
            yield Processes(url, _children_or_itself(process.pid, processes))
        except Exception:
            # Whatever went wrong here, the reason may stand in what the server said.
            log.seek(0)
            sys.stderr.write(log.read()[-4000:])
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def _until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        for _ in range(300):
            if process.returncode is not None:
                raise RuntimeError(f"the server ended with {process.returncode} before it was ready")
            with contextlib.suppress(httpx2.TransportError):
                if (await http.get(url)).status_code < 500:
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"nothing answers at {url}")


def _children_or_itself(pid: int, processes: int) -> tuple[int, ...]:
    if processes == 1:
        return (pid,)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return tuple(int(child) for child in children)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
