"""Pins of requirements/: `lock` writes them again, `check` tells whether they still answer pyproject.toml.

Each file opens with a fingerprint of what it was compiled from, so that `check` needs no network: whoever edits a
dependency and forgets `make lock` changes the fingerprint. Wants `uv` (`make lock` brings it).
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
# File to the options that compile it. The widest comes first: it constrains the others, so all agree on each version.
FILES = {
    "test.txt": ("pyproject.toml", "--extra", "dev", "--group", "test", "--group", "check", "--group", "build"),
    "bench.txt": ("pyproject.toml", "--extra", "dev", "--group", "test", "--group", "build", "--group", "bench"),
    "dev.txt": ("pyproject.toml", "--extra", "dev", "--group", "build"),
    "runtime.txt": ("pyproject.toml",),
    "build.txt": ("--group", "build"),
    "uv.txt": ("--group", "uv"),
}


def fingerprint(name: str) -> str:
    """The first line of a requirements file: what it is, and a hash over everything it is compiled from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    source = [
        project["project"]["requires-python"],
        project["project"]["dependencies"],
        project["project"]["optional-dependencies"],
        project["dependency-groups"],
        FILES[name],
    ]
    digest = hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()[:16]
    return f"# Written by `make lock` from pyproject.toml ({digest}). Do not edit.\n"


def lock(uv: str, *options: str) -> None:
    """Compile every file with hashes, keeping present versions unless `--upgrade` is among the options."""
    for name, selection in FILES.items():
        target = FOLDER / name
        constraint = () if name == "test.txt" else ("--constraint", str(FOLDER / "test.txt"))
        command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
        command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", *options]
        command += [*selection, *constraint, "--output-file", str(target)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        target.write_text(fingerprint(name) + target.read_text())


def check() -> int:
    """Name the files that are older than pyproject.toml's dependencies; 0 when there are none."""
    stale = [name for name in FILES if not (FOLDER / name).read_text().startswith(fingerprint(name))]
    for name in stale:
        print(f"requirements/{name} is older than the dependencies in pyproject.toml: run `make lock`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["lock", uv, *options]:
            lock(uv, *options)
        case ["check"]:
            sys.exit(check())
        case _:
            sys.exit("usage: requirements.py lock UV [--upgrade] | check")
