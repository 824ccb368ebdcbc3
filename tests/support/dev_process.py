"""`ostiary dev` as a process of its own, as scripts start it: without a terminal."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

COMMAND = Path(sys.executable).with_name("ostiary")
SECONDS_TO_START = 60.0
SECONDS_TO_END = 5.0


@dataclass(frozen=True, slots=True)
class DevProcess:
    """A started `ostiary dev`; `output` takes what it says."""

    process: subprocess.Popen[bytes]
    output: Path
    data_dir: Path
    url: str

    @property
    def said(self) -> str:
        """What it wrote to the terminal it does not have."""
        return self.output.read_text()

    @property
    def state(self) -> dict[str, Any]:
        """What it notes for `ostiary demo`."""
        return json.loads((self.data_dir / "dev.json").read_text())

    def wait_until_ready(self) -> None:
        """Return when `/readyz` answers 200; fails with what it said when it ends or takes too long."""
        deadline = time.monotonic() + SECONDS_TO_START
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if httpx2.get(f"{self.url}/readyz", trust_env=False, timeout=SECONDS_TO_START).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"not ready:\n{self.said}")

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Return when it has happened; fails with what it said when it ends before."""
        deadline = time.monotonic() + SECONDS_TO_START
        while not happened():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def descendants(self) -> set[int]:
        """The processes it started, and they."""
        parents = _parents()
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for its end, which must come in five seconds and leave nothing running."""
        started = self.descendants()
        begin = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(SECONDS_TO_END)
        while left := started & _parents().keys():
            assert time.monotonic() - begin < SECONDS_TO_END, f"left running: {left}"
            time.sleep(0.02)
        return code


def _parents() -> dict[int, int]:
    """Every living process and its parent."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)
        return {int(pid): int(parent) for pid, parent in (line.split() for line in listed.stdout.splitlines())}
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        try:
            # The name in brackets may hold anything; state and parent follow it.
            status = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if folder.name.isdigit() and status[0] != "Z":
            found[int(folder.name)] = int(status[1])
    return found


@contextmanager
def dev_process(folder: Path, **variables: str) -> Generator[DevProcess]:
    """Start it on a free port, with everything it writes in `folder / "data"`; it is ended with the block.

    `variables` are those it honours, without their prefix: `port="8000"`, `operator_token`, `database_url`.
    """
    data_dir, output = folder / "data", folder / "output"
    port = variables.setdefault("port", str(free_port()))
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    given = {f"OSTIARY_{name.upper()}": value for name, value in {"data_dir": str(data_dir), **variables}.items()}
    with output.open("wb") as out:
        process = subprocess.Popen(
            [COMMAND, "dev"], cwd=folder, env=mine | given, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield DevProcess(process, output, data_dir, f"http://127.0.0.1:{port}")
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(SECONDS_TO_END * 2)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def newest_mail(data_dir: Path, recipient: str) -> str:
    """The text of the newest mail to the address; waits for it."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        found = sorted((data_dir / "mail").glob(f"*-{recipient}-*.eml"))
        if found:
            return found[-1].read_text()
        assert time.monotonic() < deadline, f"no mail to {recipient}"
        time.sleep(0.05)
