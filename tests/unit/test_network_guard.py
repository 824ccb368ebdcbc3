"""The suite's own promise that no test leaves the machine. 192.0.2.0/24 is reserved for documentation (RFC 5737)."""

import asyncio
import socket

import pytest

from tests.support.network import OutsideError


def test_connecting_beyond_loopback_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(OutsideError, match=r"192\.0\.2\.1"):
        sock.connect(("192.0.2.1", 80))


def test_sending_a_datagram_beyond_loopback_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(OutsideError):
        sock.sendto(b"?", ("192.0.2.1", 53))


def test_looking_up_a_name_is_refused() -> None:
    with pytest.raises(OutsideError, match=r"ostiary\.example"):
        socket.getaddrinfo("ostiary.example", 443)


async def test_asyncio_is_held_too() -> None:
    with pytest.raises(OutsideError):
        await asyncio.open_connection("192.0.2.1", 80)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        assert client.getpeername() == server.getsockname()
