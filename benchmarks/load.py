"""An HTTP client that costs little: on a small machine it shares the processors with what it measures."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools


@dataclass(slots=True)
class Outcome:
    """What a load met: seconds each request took, and how many were answered with which status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    statuses: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def ensure(self, *expected: int) -> "Outcome":
        """Fail where anything else was answered: a refusal is quick, and no measure."""
        if set(self.statuses) - set(expected):
            raise AssertionError(f"expected {expected}, was answered {self.statuses}")
        return self


def request(
    method: str, url: str, path: str, *, token: str = "", body: bytes = b"", content_type: str = "application/json"
) -> bytes:
    """A whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[int] | None = None
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("the server closed the connection"))

    async def ask(self, message: bytes) -> int:
        """The status of the answer."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def drive(url: str, requests: Iterable[bytes], *, connections: int = 8) -> Outcome:
    """Send the requests over so many connections, each the next as soon as it is free."""
    host, _, port = urlsplit(url).netloc.partition(":")
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(_Client, host, int(port)))[1] for _ in range(connections)]
    outcome, waiting = Outcome(), iter(requests)
    start = time.perf_counter()
    try:
        await asyncio.gather(*(_work(client, waiting, outcome) for client in clients))
    finally:
        for client in clients:
            client.close()
    outcome.seconds = time.perf_counter() - start
    return outcome


async def _work(client: _Client, waiting: Iterator[bytes], outcome: Outcome) -> None:
    for message in waiting:
        begun = time.perf_counter()
        status = await client.ask(message)
        outcome.latencies.append(time.perf_counter() - begun)
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
