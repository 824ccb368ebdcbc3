"""`python -m benchmarks [--small] [scenario …]`: measures, prints, and writes benchmarks/results/."""

import argparse
import asyncio
import platform
import subprocess
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.stage import Stage, open_stage
from benchmarks.tables import Table

RESULTS = Path(__file__).parent / "results"
SCENARIOS: Mapping[str, str] = {
    "verification": "(a) verify one SAML response",
    "acs": "(b) the assertion consumer service over HTTP",
    "scim": "(c) SCIM requests beside a peer",
    "growth": "(d) the same reads at a thousand and a million users",
    "enablement": "(e) enabling SSO and Directory Sync on very many members",
    "provisioning": "(f) provisioning 100,000 users",
    "session": "(g) a session check on a read",
    "footprint": "(h) memory and start-up with many connections",
    "scaling": "(i) two processes against one",
    "day": "(j) a day of a large customer among others",
}


def measure_of(name: str) -> Callable[[Stage], Coroutine[object, object, Table]]:
    """The scenario's `measure`."""
    return import_module(f"benchmarks.{name}").measure


def main() -> None:
    """Run what was named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help="; ".join(SCENARIOS))
    parser.add_argument("--small", action="store_true", help="only show that everything runs; writes no results")
    chosen = parser.parse_args()
    with open_stage(small=chosen.small) as stage:
        for name in chosen.scenarios or SCENARIOS:
            begun = time.monotonic()
            table = asyncio.run(measure_of(name)(stage))
            print(table.markdown(), flush=True)
            print(f"({name}: {time.monotonic() - begun:.0f} s)\n", flush=True)
            if not chosen.small:
                write(table)


def write(table: Table) -> None:
    """Keep the result, with what it was measured on."""
    cores = len(Path("/proc/cpuinfo").read_text().split("processor\t")) - 1
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    measured_on = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} at {commit.stdout.strip()}: {cores} cores, {platform.machine()}, "
        f"{platform.system()}, Python {platform.python_version()}. Trust the ratios, not the figures.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{table.name}.md").write_text(f"{table.markdown()}\n{measured_on}")


if __name__ == "__main__":
    main()
