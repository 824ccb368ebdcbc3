"""Runs one program that cannot outlive whoever started this one: `python leash.py USER PROGRAM ARGUMENT…`.

Standard input is the leash. Its other end is held by the parent alone; when that closes it, or dies however it may,
the program is asked to stop (SIGINT, which PostgreSQL takes as "end the sessions and shut down"), and two seconds
later told to (SIGQUIT). This works on every Unix and from any thread of the parent. On Linux the kernel also sends
SIGINT should this process itself be killed.

USER says as whom, because PostgreSQL refuses to run as root: `-` as who we are; `@namespace` in a user namespace, where
we are `nobody` while files still belong to who we are; else a user's name.

A script of its own that imports nothing of Ostiary, run isolated (`python -I -S`): what it does between fork and exec
is not safe in a process with threads.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType

SECONDS_TO_STOP = 2.0
_CLONE_NEWUSER = 0x1000_0000
_PR_SET_PDEATHSIG = 1


def enter_namespace() -> None:
    """Become `nobody` in a user namespace of our own (Linux); OSError where the system refuses it."""
    user, group = os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")  # must be a name the namespace knows: initdb looks its user up
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    Path("/proc/self/setgroups").write_text("deny")  # required before a group may be mapped without privileges
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {group} 1")


def become(user: str) -> None:
    """Take on the identity that USER names, for this process and what it starts."""
    if user == "-":
        return
    if user == "@namespace":
        enter_namespace()
        return
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _die_with(parent: int) -> None:
    # Runs in the child before exec. The parent may have died before prctl took effect.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        os._exit(1)


def run(user: str, command: Sequence[str]) -> int:
    """Run the command until it ends or the leash does; its exit code, or 128 + the signal that ended it."""
    become(user)
    before_exec = partial(_die_with, os.getpid()) if sys.platform == "linux" else None
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        close_fds=False,  # hands on the locks that the parent handed to us
        preexec_fn=before_exec,  # noqa: PLW1509 - there is no second thread yet
    )

    def ask(_signal: int = 0, _frame: FrameType | None = None) -> None:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)

    def hold_leash() -> None:
        while os.read(0, 1):
            pass
        ask()
        try:
            child.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGQUIT)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    threading.Thread(target=hold_leash, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
