"""The development DNS server, running for a test in a thread of its own."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from ostiary.dev.dns import Address, DevelopmentDnsServer, DevelopmentZone


@dataclass(frozen=True, slots=True)
class RunningDns:
    """A zone to publish in, and where it is answered."""

    zone: DevelopmentZone
    address: Address

    @property
    def resolver(self) -> str:
        """The address as the setting `OSTIARY_DNS_RESOLVERS` takes it."""
        return f"{self.address.host}:{self.address.port}"


@contextmanager
def running_dns(zone: DevelopmentZone | None = None, port: int = 0) -> Generator[RunningDns]:
    """A DNS server that answers for `test` until the block ends; usable from tests with and without an event loop."""
    server = DevelopmentDnsServer(zone or DevelopmentZone(), port=port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="development DNS")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield RunningDns(server.zone, server.address)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
