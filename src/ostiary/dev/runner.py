"""`ostiary dev`: everything a newcomer needs, on this machine, in one process and one folder."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from ostiary.adapters.db import migrate
from ostiary.bootstrap import make_app
from ostiary.dev.banner import banner
from ostiary.dev.dns import DevelopmentDnsServer, DevelopmentZone
from ostiary.dev.postgres import EmbeddedPostgres
from ostiary.dev.postgres_home import EmbeddedPostgresError
from ostiary.devidp.app import create_app as create_idp
from ostiary.devidp.settings import DevIdpSettings
from ostiary.settings import Settings

HOST = "127.0.0.1"
DATABASE = "ostiary"
_SECONDS_TO_DRAIN = 2


class DevelopmentError(Exception):
    """Why it cannot start, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Options:
    """`data_dir` takes everything that is written. With `database_url` no server of our own is started."""

    port: int
    data_dir: Path
    operator_token: str | None = None
    database_url: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What survives a restart, so that connections made yesterday still work: ports and secrets."""

    url: str
    idp_url: str
    dns_address: str
    idp_port: int
    dns_port: int
    secret_key: str
    operator_token: str


async def run(options: Options) -> None:
    """Start everything, say what a newcomer needs, and stop everything on SIGINT or SIGTERM.

    Raises `DevelopmentError` with the mend when something is in the way.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    options.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    service_socket = _bound(options.port, "OSTIARY_PORT=8100 make run chooses another one.")
    state = _state(options)
    idp_socket = _bound(state.idp_port, f"Stop what uses it, or delete {options.data_dir / 'dev.json'} to choose another.")
    try:
        async with AsyncExitStack() as stack:
            database_url = options.database_url or stack.enter_context(_database(options.data_dir))
            await migrate.upgrade(database_url)
            zone = DevelopmentZone(path=options.data_dir / "zone.txt")
            await stack.enter_async_context(DevelopmentDnsServer(zone, HOST, state.dns_port))
            idp = create_idp(DevIdpSettings(base_url=state.idp_url, data_dir=options.data_dir / "idp"), zone)
            await stack.enter_async_context(_serving(idp, idp_socket, stopping))
            app = make_app(_settings(options, state, database_url))
            await stack.enter_async_context(_serving(app, service_socket, stopping))
            if not stopping.is_set():
                print(banner(state, options.data_dir), flush=True)
            await stopping.wait()
            print("Stopping.", flush=True)
    except EmbeddedPostgresError as error:
        raise DevelopmentError(str(error)) from error


def _settings(options: Options, state: State, database_url: str) -> Settings:
    return Settings(
        environment="development",
        database_url=database_url,
        secret_key=SecretStr(state.secret_key),
        base_url=state.url,
        operator_token=SecretStr(state.operator_token),
        cookie_origins=(state.url,),
        dns_resolvers=state.dns_address,
        mail_folder=str(options.data_dir / "mail"),
        run_worker=True,
    )


def _bound(port: int, otherwise: str) -> socket.socket:
    """The port, taken now, so that nobody is told a service is there that is not."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise DevelopmentError(f"Port {port} on {HOST} cannot be used ({error.strerror}). {otherwise}") from error
    return listening


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _state(options: Options) -> State:
    path = options.data_dir / "dev.json"
    known: dict[str, str | int] = {}
    if path.exists():
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DevelopmentError(f"{path} is damaged. Delete it to choose new ports and secrets.") from error
    idp_port = int(known.get("idp_port") or _free_port())
    dns_port = int(known.get("dns_port") or _free_port())
    state = State(
        url=f"http://{HOST}:{options.port}",
        idp_url=f"http://{HOST}:{idp_port}",
        dns_address=f"{HOST}:{dns_port}",
        idp_port=idp_port,
        dns_port=dns_port,
        secret_key=str(known.get("secret_key") or secrets.token_urlsafe(48)),
        operator_token=options.operator_token or str(known.get("operator_token") or f"ost_op_{secrets.token_urlsafe(24)}"),
    )
    _write_private(path, json.dumps({"port": options.port, **{name: getattr(state, name) for name in State.__slots__}}, indent=2))
    return state


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and for our eyes only: there are secrets in it."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


@contextmanager
def _database(data_dir: Path) -> Iterator[str]:
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        postgres.create_database(DATABASE)
        yield postgres.url(DATABASE)


class _Server(uvicorn.Server):
    """A server whose end is ours to say: signals stop the whole house, not one room."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(app: object, listening: socket.socket, stopping: asyncio.Event) -> AsyncIterator[None]:
    """Serve the app on the socket inside the block; a failed start ends the house with its reason."""
    config = uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType] -- an ASGI application
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_DRAIN,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():
        await asyncio.sleep(0.02)
    if task.done():
        await task
        raise DevelopmentError("The service could not start; the log above says why.")
    task.add_done_callback(lambda _: stopping.set())
    try:
        yield
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
