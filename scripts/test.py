"""Runs the test suites one after the other, each within its budget: `test.py` all, or `test.py unit integration`.

One PostgreSQL serves the whole run. A suite that is not done in time is ended and counts as one failure. The last line
sums up.
OSTIARY_TEST_PATIENCE=2 doubles the budgets, for a slow machine; OSTIARY_TEST_WORKERS sets the processes a suite.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
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


SCIM_TESTERS = tuple(f"tests/e2e/scim/test_{suite}.py" for suite in ("scim2_client", "scim2_cli", "scim_sanity"))
EVERYDAY = (
    Suite("unit", 60, ("tests/unit",)),
    Suite("integration", 345, ("tests/integration",)),
    Suite("e2e", 180, ("tests/e2e", *(f"--ignore={tester}" for tester in SCIM_TESTERS))),
    Suite("contract", 120, ("tests/contract",)),
    Suite("scim-testers", 60, SCIM_TESTERS),
    Suite("properties", 90, ("tests/properties",)),
)
SUITES = {suite.name: suite for suite in EVERYDAY} | {
    "external": Suite("external", 600, ("tests/external",)),
    # The properties with the long profile's examples, the tests of big sizes, and races held before each statement.
    "long": Suite(
        "long",
        3600,
        (
            "tests/properties",
            "tests/integration/services/test_sizes.py",
            "tests/integration/services/test_member_lists.py",
            "tests/integration/services/test_interleavings.py",
            "-m",
            "long or not long",
            "--timeout=1800",
        ),
        profile="long",
    ),
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


def run(suite: Suite, report: Path) -> Count:
    """Run one suite in a process group of its own, and end that whole group when its time is over."""
    patience = float(os.environ.get("OSTIARY_TEST_PATIENCE", "1"))
    workers = os.environ.get("OSTIARY_TEST_WORKERS") or str(min(4, os.cpu_count() or 1))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not long", "-n", workers, *suite.arguments]
    # Fixed seeds: of hash(), and of the property tests by their profile.
    environment = os.environ | {
        "PYTHONHASHSEED": "0",
        "OSTIARY_TEST_PROFILE": suite.profile,
        "OSTIARY_TEST_REPORT": str(report),
    }
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
    result = Count(**json.loads(report.read_text())) if report.exists() else Count()
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
    homeless = {test.relative_to(ROOT / "tests").parts[0] for test in ROOT.glob("tests/**/test_*.py")} - set(SUITES)
    if homeless:
        sys.exit(f"No suite runs tests/{', tests/'.join(sorted(homeless))}: add one to {Path(__file__).name}.")
    suites = [SUITES[name] for name in names] or EVERYDAY
    total = Count()
    with tempfile.TemporaryDirectory(prefix="ostiary-reports-") as folder, database.embedded_server() as address:
        asyncio.run(database.make_template(address))
        os.environ[database.VARIABLE] = address
        for suite in suites:
            total.add(run(suite, Path(folder) / f"{suite.name}.json"))
    print(f"\n{total}")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
