"""`ostiary dev`, started for real: what it promises to newcomers, scripts and CI."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from ostiary.cli import app
from tests.support.dev_process import DevProcess, dev_process, free_port, newest_mail

# Each start makes a database and imports everything.
pytestmark = pytest.mark.timeout(180)

TOKEN = "an operator token of this test"
ADA = {"email": "ada@acme.test", "password": "a sentence works well", "name": "Ada"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevProcess]:
    with dev_process(tmp_path_factory.mktemp("running"), operator_token=TOKEN) as started:
        started.wait_until_ready()
        yield started
        assert started.end(signal.SIGTERM) == 0, started.said


def operator(process: DevProcess, token: str) -> int:
    url = f"{process.url}/v1/operator/organizations"
    return httpx2.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code


def test_it_says_what_a_newcomer_needs_next(running: DevProcess) -> None:
    running.wait_until(lambda: "make demo" in running.said)
    state = running.state
    for needed in (f"{running.url}/docs", TOKEN, state["idp_url"], "ada@acme.test", "bo@acme.test", "cy@acme.test"):
        assert needed in running.said
    assert httpx2.get(f"{running.url}/docs", trust_env=False).status_code == 200
    assert "IDPSSODescriptor" in httpx2.get(f"{state['idp_url']}/metadata", trust_env=False).text
    assert operator(running, TOKEN) == 200


def test_everything_it_writes_is_in_the_data_folder_and_secrets_are_for_its_owner(running: DevProcess) -> None:
    httpx2.post(f"{running.url}/v1/auth/sign-up", json=ADA, trust_env=False).raise_for_status()
    assert "ost_mail_" in newest_mail(running.data_dir, ADA["email"])
    assert {path.name for path in running.data_dir.parent.iterdir()} == {"data", "output"}
    assert running.data_dir.stat().st_mode & 0o777 == 0o700
    assert (running.data_dir / "dev.json").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs the command in this process, which saves it the imports; answers what it says when it refuses to start."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(**variables: str) -> str:
        given = {"data_dir": str(tmp_path / "data"), "port": str(free_port())} | variables
        result = CliRunner().invoke(app, ["dev"], env={f"OSTIARY_{name.upper()}": given[name] for name in given})
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit), result.exception
        return result.output

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_second_one_in_the_same_folder_is_told_which_process_is_there(
    running: DevProcess, refused: Callable[..., str]
) -> None:
    said = refused(data_dir=str(running.data_dir))
    assert f"in use by process {running.process.pid}" in said
    assert "OSTIARY_DATA_DIR" in said
    assert running.state["url"] == running.url


def test_a_port_in_use_is_told_with_how_to_choose_another(running: DevProcess, refused: Callable[..., str]) -> None:
    port = running.url.rpartition(":")[2]
    assert f"Port {port} on 127.0.0.1 cannot be used" in (said := refused(port=port))
    assert "OSTIARY_PORT=" in said


@pytest.mark.parametrize(
    ("variable", "value"), [("port", "eighty"), ("database_url", "postgresql://x:secret@127.0.0.1:1/none")]
)
def test_a_setting_that_cannot_work_is_named(variable: str, value: str, refused: Callable[..., str]) -> None:
    said = refused(**{variable: value})
    assert f"OSTIARY_{variable.upper()}" in said
    assert "secret" not in said


def test_a_damaged_note_is_named_and_stays_as_it_is(tmp_path: Path, refused: Callable[..., str]) -> None:
    note = tmp_path / "data" / "dev.json"
    note.parent.mkdir()
    note.write_text("{")
    assert f"{note} is damaged" in refused()
    assert note.read_text() == "{"


def test_another_one_beside_it_on_a_database_of_ones_own_disturbs_nobody(
    running: DevProcess, tmp_path: Path, empty_database: str
) -> None:
    with dev_process(tmp_path, database_url=empty_database.replace("+asyncpg", "")) as beside:
        beside.wait_until_ready()
        assert not (beside.data_dir / "postgres").exists()
        assert (operator(beside, beside.state["operator_token"]), operator(beside, TOKEN)) == (200, 401)
        assert operator(running, beside.state["operator_token"]) == 401
        assert beside.end(signal.SIGINT) == 0
    assert operator(running, TOKEN) == 200


def test_after_a_crash_the_next_one_goes_on_from_the_data(tmp_path: Path) -> None:
    with dev_process(tmp_path) as first:
        first.wait_until_ready()
        httpx2.post(f"{first.url}/v1/auth/sign-up", json=ADA, trust_env=False).raise_for_status()
        before = first.state
        os.kill(first.process.pid, signal.SIGKILL)
        # At once: its database may still be ending.
        with dev_process(tmp_path, port=first.url.rpartition(":")[2]) as second:
            second.wait_until_ready()
            kept = ("url", "idp_url", "secret_key", "operator_token")
            assert {name: second.state[name] for name in kept} == {name: before[name] for name in kept}
            credentials = {"email": ADA["email"], "password": ADA["password"]}
            answer = httpx2.post(f"{second.url}/v1/auth/sign-in", json=credentials, trust_env=False)
            assert answer.status_code == 200
            assert second.end(signal.SIGTERM) == 0


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    with dev_process(tmp_path) as process:
        process.wait_until((tmp_path / "data" / "postgres" / "server.log").exists)
        process.end(signal.SIGINT)
        assert "Traceback" not in process.said
        _, socket_folder = (tmp_path / "data" / "postgres" / "supervisor.lock").read_text().splitlines()
        assert not Path(socket_folder).exists()
