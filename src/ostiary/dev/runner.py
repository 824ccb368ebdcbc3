"""`ostiary dev`: everything a newcomer needs, on this machine, in one process and one folder."""

import asyncio
import fcntl
import gc
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from pydantic import SecretStr

from ostiary.adapters.db import migrate
from ostiary.adapters.logging import configure_logging
from ostiary.bootstrap import make_app
from ostiary.dev.dns import DevelopmentDnsServer, DevelopmentZone
from ostiary.dev.postgres import EmbeddedPostgres
from ostiary.dev.postgres_home import EmbeddedPostgresError
from ostiary.devidp.app import create_app as create_idp
from ostiary.devidp.settings import DevIdpSettings
from ostiary.settings import Settings

HOST = "127.0.0.1"
DATABASE = "ostiary"
STATE_FILE = "dev.json"

# Together with the worker's two and the database's one, well within the five seconds an end may take.
_SECONDS_TO_DRAIN = 1
_SECONDS_FOR_DYING_PREDECESSOR = 0.5
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    """What `dev.json` holds: where everything is, for `ostiary demo`, and what must survive a restart.

    The identity provider's port is in its entity id and the secret key opens what is sealed in the database, so that
    connections made yesterday still work.
    """

    url: str
    idp_url: str
    idp_port: int
    dns_address: str
    secret_key: str
    operator_token: str


def run(options: Options) -> None:
    """Start everything, say what a newcomer needs, and stop everything on SIGINT, SIGTERM or SIGHUP.

    Raises `DevelopmentError` with the mend when something is in the way.
    """
    try:
        with ExitStack() as stack:
            _interrupt_on_signals()
            stack.enter_context(_folder_of_our_own(options))
            known = _remembered(options.data_dir)
            service = stack.enter_context(_bound(options.port, "OSTIARY_PORT=8100 chooses another one."))
            idp = stack.enter_context(_bound(int(known.get("idp_port", 0)), _other_idp_port(options.data_dir)))
            print("Starting. The first time takes a little longer.", flush=True)
            database_url = options.database_url or stack.enter_context(_database(options.data_dir))
            asyncio.run(_House(options, known, database_url).run(service, idp))
            gc.freeze()  # the interpreter's end need not search for cycles: that alone can take two seconds
    except KeyboardInterrupt:
        print("Stopped before it was up.", flush=True)
    except (EmbeddedPostgresError, migrate.DatabaseUnavailableError) as error:
        raise DevelopmentError(str(error)) from error


class _House:
    """Everything that runs in the event loop."""

    def __init__(self, options: Options, known: Mapping[str, str], database_url: str) -> None:
        self._options = options
        self._known = known
        self._database_url = database_url
        self._ending = False

    async def run(self, service_socket: socket.socket, idp_socket: socket.socket) -> None:
        """Run until a signal comes or a part of it fails."""
        main, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert main is not None

        def end() -> None:
            if not self._ending:  # once: a second signal must not cut the cleaning up short
                self._ending = True
                print("Stopping.", flush=True)
                main.cancel()

        for number in _ENDING:
            loop.add_signal_handler(number, end)
        try:
            await self._serve(service_socket, idp_socket)
        except asyncio.CancelledError:
            if not self._ending:
                raise
        finally:
            # What is left to do takes seconds at most, and is not to be disturbed.
            for number in _ENDING:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)

    async def _serve(self, service_socket: socket.socket, idp_socket: socket.socket) -> None:
        configure_logging(level="info", readable=True)
        await migrate.upgrade(self._database_url)
        folder = self._options.data_dir
        zone = DevelopmentZone(path=folder / "zone.txt")
        async with DevelopmentDnsServer(zone, HOST) as dns:
            state = self._state(service_socket, idp_socket, f"{dns.address.host}:{dns.address.port}")
            _write_private(folder / STATE_FILE, json.dumps(asdict(state), indent=2))
            idp = create_idp(DevIdpSettings(base_url=state.idp_url, data_dir=folder / "idp"), zone)
            app = make_app(self._settings(state))
            banner = _banner(state, folder)
            await _serve({idp_socket: idp, service_socket: app}, lambda: print(banner, flush=True))

    def _state(self, service_socket: socket.socket, idp_socket: socket.socket, dns_address: str) -> State:
        token = self._options.operator_token or self._known.get("operator_token")
        return State(
            url=_url(service_socket),
            idp_url=_url(idp_socket),
            idp_port=idp_socket.getsockname()[1],
            dns_address=dns_address,
            secret_key=self._known.get("secret_key") or secrets.token_urlsafe(48),
            operator_token=token or f"ost_op_{secrets.token_urlsafe(24)}",
        )

    def _settings(self, state: State) -> Settings:
        return Settings(
            environment="development",
            database_url=self._database_url,
            secret_key=SecretStr(state.secret_key),
            base_url=state.url,
            operator_token=SecretStr(state.operator_token),
            cookie_origins=(state.url,),
            dns_resolvers=state.dns_address,
            mail_folder=str(self._options.data_dir / "mail"),
            run_worker=True,
            # Everybody is on the loopback.
            throttle_by_address=False,
        )


def _interrupt_on_signals() -> None:
    """Until the event loop listens: the first signal ends the start, further ones do not disturb the cleaning up."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in _ENDING:
        signal.signal(number, interrupt)


@contextmanager
def _folder_of_our_own(options: Options) -> Generator[None]:
    """The data folder, which one process has at a time. The lock goes with the process, however that ends."""
    options.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (options.data_dir / "dev.lock").open("a+", encoding="utf-8") as note:
        deadline = time.monotonic() + _SECONDS_FOR_DYING_PREDECESSOR
        while not _locked(note.fileno()):
            if time.monotonic() > deadline:
                note.seek(0)
                raise DevelopmentError(
                    f"{options.data_dir} is in use by process {note.read().strip()}, which is running already. Stop "
                    "that one first, or choose another folder by OSTIARY_DATA_DIR and another port by OSTIARY_PORT."
                )
            time.sleep(0.05)
        note.truncate(0)
        note.write(str(os.getpid()))
        note.flush()
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _bound(port: int, otherwise: str) -> Generator[socket.socket]:
    """The port (0: any), taken now, so that nobody is told a service is there that is not."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen(128)
        except OSError as error:
            raise DevelopmentError(f"Port {port} on {HOST} cannot be used ({error.strerror}). {otherwise}") from error
        yield listening


def _other_idp_port(data_dir: Path) -> str:
    return (
        "The development identity provider had it the last time, and connections know it by that. Stop what uses it; "
        f'or take the line "idp_port" out of {data_dir / STATE_FILE}, and give connections the new metadata URL.'
    )


def _url(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def _remembered(data_dir: Path) -> dict[str, str]:
    """What the last start wrote down; nothing at the first."""
    path = data_dir / STATE_FILE
    if not path.exists():
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError) as error:
        raise DevelopmentError(
            f"{path} is damaged, and with it the key that opens the data beside it. Delete {data_dir} to start anew."
        ) from error


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and for our eyes only: there are secrets in it."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@contextmanager
def _database(data_dir: Path) -> Generator[str]:
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        postgres.create_database(DATABASE)
        yield postgres.url(DATABASE)


class _Server(uvicorn.Server):
    """A server whose end is ours to say: signals stop the whole house, not one room."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            raise DevelopmentError("It could not start; the log above says why.") from error
        self.ready.set()

    async def serve_on(self, listening: socket.socket) -> None:
        """Serve until cancelled, then end in good order; raises `DevelopmentError` where the app does not start."""
        serving = asyncio.ensure_future(self.serve(sockets=[listening]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.should_exit = True
            await serving
            raise


async def _serve(apps: Mapping[socket.socket, object], once_up: Callable[[], None]) -> None:
    """Serve each app on its socket, until cancelled or one of them fails."""
    servers = {listening: _Server(_server_config(app)) for listening, app in apps.items()}
    try:
        async with asyncio.TaskGroup() as group:
            for listening, server in servers.items():
                group.create_task(server.serve_on(listening))
            for server in servers.values():
                await server.ready.wait()
            once_up()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


def _server_config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType] -- an ASGI application
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SECONDS_TO_DRAIN,
    )


def _banner(state: State, data_dir: Path) -> str:
    """What a newcomer needs next."""
    return f"""
  Ostiary is running (development mode). Ctrl-C stops everything.

  Service            {state.url}
  API documentation  {state.url}/docs
  Operator token     {state.operator_token}
  Identity provider  {state.idp_url}
                     users ada@acme.test, bo@acme.test, cy@acme.test; password: password
                     metadata {state.idp_url}/metadata
  DNS                {state.dns_address}; publish TXT records at {state.idp_url}/dns
  Mail               {data_dir / "mail"}
  Data               {data_dir}

  See the whole story: run `make demo` (or `ostiary demo`) in a second terminal.
"""
