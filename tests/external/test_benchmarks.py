"""The small form of every benchmark: that it runs. What it measures says nothing, and no time is asserted."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import SCENARIOS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_small_form_of_each_benchmark_runs_to_its_table(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert f"## {SCENARIOS[name][:3]}" in run.stdout
    assert run.stdout.count("| ---") >= 1
