"""Keeps a test run inside this machine."""

import ipaddress
import socket
import sys
from typing import Any

# What the interpreter reports before it sends anything; `args` of each end in the address, or begin with the name.
_SENDING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", ""})


class OutsideError(AssertionError):
    """A test reached out of the loopback interface."""


def stay_inside() -> None:
    """From now on, connecting, sending or looking up a name beyond loopback fails the test that does it."""
    sys.addaudithook(_guard)


def _guard(event: str, args: tuple[Any, ...]) -> None:
    if event in _SENDING:
        sock, address = args[0], args[-1]
        if sock.family in (socket.AF_INET, socket.AF_INET6) and address is not None:
            _check(address[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        _check(args[0])


def _check(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if not isinstance(name, str) or name in _LOCAL_NAMES:
        return
    try:
        inside = ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise OutsideError(f"a test reached for {name}: tests talk to the loopback interface only")
