"""Runs the test suites one after the other, each within its budget: `test.py` all, or `test.py unit integration`.

One PostgreSQL serves the whole run. A suite that is not done in time is ended and counts as one failure. The last line
sums up.
OSTIARY_TEST_PATIENCE=2 doubles the budgets, for a slow machine; OSTIARY_TEST_WORKERS sets the processes a suite.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import database  # noqa: E402 - found by the line above


@dataclass(frozen=True)
class Suite:
    """Tests, and the seconds they may take."""

    name: str
    seconds: int
    arguments: tuple[str, ...]
    profile: str = "default"


def everyday(name: str, seconds: int) -> Suite:
    """The tests of a folder, but for those that take minutes."""
    return Suite(name, seconds, (f"tests/{name}", "-m", "not long"))


EVERYDAY = (
    everyday("unit", 60),
    everyday("integration", 120),
    everyday("e2e", 150),
    everyday("contract", 90),
    everyday("scim", 60),
    everyday("properties", 60),
)
SUITES = {suite.name: suite for suite in EVERYDAY} | {
    "external": Suite("external", 600, ("tests/external",)),
    "long": Suite("long", 3600, ("tests", "--ignore=tests/external", "-m", "long", "--timeout=1800"), profile="long"),
}


@dataclass
class Count:
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Count") -> None:
        """Sum up."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count(report: Path) -> Count:
    """What pytest's JUnit report says."""
    total = Count()
    for suite in ET.parse(report).iter("testsuite"):  # noqa: S314 - pytest wrote it just now
        number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
        failed = number["failures"] + number["errors"]
        total.add(Count(number["tests"] - failed - number["skipped"], failed, number["skipped"]))
    return total


def run(suite: Suite, report: Path) -> Count:
    """Run one suite in a process group of its own, and end that whole group when its time is over."""
    patience = float(os.environ.get("OSTIARY_TEST_PATIENCE", "1"))
    workers = os.environ.get("OSTIARY_TEST_WORKERS") or str(min(4, os.cpu_count() or 1))
    command = [sys.executable, "-m", "pytest", *suite.arguments, "-q", "-n", workers, f"--junitxml={report}"]
    # Fixed seeds: of hash(), and of the property tests by their profile.
    environment = os.environ | {"PYTHONHASHSEED": "0", "OSTIARY_TEST_PROFILE": suite.profile}
    started = time.monotonic()
    print(f"\n== {suite.name} (at most {suite.seconds * patience:.0f} s)", flush=True)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, process_group=0)
    try:
        code = process.wait(suite.seconds * patience)
    except subprocess.TimeoutExpired:
        print(f"{suite.name} was not done after {suite.seconds * patience:.0f} s", flush=True)
        return Count(failed=1)
    finally:
        end_group(process)
    result = count(report) if report.exists() else Count()
    if code != 0 and not result.failed:  # pytest itself failed: no test was found, a warning in a hook, a crash
        result.failed = 1
    print(
        f"{suite.name}: {result} in {time.monotonic() - started:.0f} s of {suite.seconds * patience:.0f} s", flush=True
    )
    return result


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a suite: nothing, unless it was stopped or a test lost a process."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # the latter is what macOS says of a group that is gone
            break
        time.sleep(1)
        process.poll()
    process.wait()


def main(names: list[str]) -> int:
    """Run the named suites, or the everyday ones; 0 when nothing failed."""
    if unknown := set(names) - set(SUITES):
        sys.exit(f"There is no suite {', '.join(sorted(unknown))}: choose of {', '.join(SUITES)}.")
    suites = [SUITES[name] for name in names] or [suite for suite in EVERYDAY if (ROOT / suite.arguments[0]).is_dir()]
    total = Count()
    with tempfile.TemporaryDirectory(prefix="ostiary-reports-") as folder, database.embedded_server() as address:
        asyncio.run(database.make_template(address))
        os.environ[database.VARIABLE] = address
        for suite in suites:
            total.add(run(suite, Path(folder) / f"{suite.name}.xml"))
    print(f"\n{total}")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
