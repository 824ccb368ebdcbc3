"""A real DNS server for development and tests: TXT records of one zone, over UDP and TCP on loopback.

Domain verification reads a TXT record. So that it can be tried without owning a domain, `ostiary dev` and the tests
run this server and point the service's resolver at it. It is authoritative for one zone and knows TXT records only.
"""

import asyncio
import contextlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
from dns.rdtypes.ANY.TXT import TXT

MAX_STRING = 255
"""Bytes in one character-string of a TXT record (RFC 1035 §3.3)."""

MAX_RECORD = 4096
"""Bytes of text one TXT record may hold here; far above any verification token."""

UDP_PAYLOAD = 1232
"""Bytes of a UDP answer offered to clients that speak EDNS; without EDNS it is 512 (RFC 1035 §4.2.1)."""

TCP_IDLE_SECONDS = 5.0


class DevelopmentZone:
    """The TXT records of one zone, kept in a readable master file (RFC 1035 §5) so that a restart goes on from it.

    `origin` is the name at the top; the default `test` is reserved for testing (RFC 6761 §6.2). Without a `path`
    nothing is kept. Raises ValueError where the file is no master file. Safe to change from another thread than the one
    that answers: every change swaps the whole map.
    """

    def __init__(self, origin: str = "test", path: Path | None = None) -> None:
        self.origin = dns.name.from_text(origin)
        self._path = path
        self._records: Mapping[dns.name.Name, tuple[str, ...]] = _read(path, self.origin) if path else {}

    def set_txt(self, name: str, values: Iterable[str]) -> None:
        """Publish exactly these TXT records at the name.

        Raises ValueError for a name outside the zone or a value that cannot stand in a record.
        """
        owner = self._owner(name)
        texts = tuple(values)
        if not texts:
            raise ValueError(f"No value for {name}: give at least one, or remove the name.")
        for text in texts:
            if not 0 < len(text.encode()) <= MAX_RECORD or any(ord(character) < 32 for character in text):
                raise ValueError(f"A TXT value is 1 to {MAX_RECORD} bytes of text without control characters.")
        self._replace({**self._records, owner: texts})

    def remove(self, name: str) -> bool:
        """Withdraw every record of the name; False if it had none. Raises ValueError for a name outside the zone."""
        owner = self._owner(name)
        if owner not in self._records:
            return False
        self._replace({other: texts for other, texts in self._records.items() if other != owner})
        return True

    def records(self) -> dict[str, tuple[str, ...]]:
        """What is published: name without the final dot, in canonical order, and its values."""
        return {owner.to_text(omit_final_dot=True): self._records[owner] for owner in sorted(self._records)}

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The authoritative answer: the record, NODATA or NXDOMAIN with the SOA (RFC 2308 §2), or REFUSED elsewhere."""
        response = dns.message.make_response(query, our_payload=UDP_PAYLOAD)
        if query.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
            return response
        if len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
            return response
        question = query.question[0]
        if question.rdclass != dns.rdataclass.IN or not question.name.is_subdomain(self.origin):
            response.set_rcode(dns.rcode.REFUSED)
            return response
        response.flags |= dns.flags.AA
        self._fill(response, question)
        return response

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        records = self._records
        texts = records.get(question.name, ())
        if texts and question.rdtype in (dns.rdatatype.TXT, dns.rdatatype.ANY):
            rdatas = [_txt(text) for text in texts]
            response.answer.append(dns.rrset.from_rdata_list(question.name, 0, rdatas))
        elif question.name == self.origin and question.rdtype in (dns.rdatatype.SOA, dns.rdatatype.ANY):
            response.answer.append(self._soa())
        else:
            # A name above a published one exists although it has no records of its own (RFC 8020).
            exists = question.name == self.origin or any(owner.is_subdomain(question.name) for owner in records)
            if not exists:
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(self._soa())

    def _soa(self) -> dns.rrset.RRset:
        # Lifetimes of zero: what was just published must be seen at the next look.
        zone = self.origin.to_text()
        return dns.rrset.from_text(self.origin, 0, "IN", "SOA", f"ns.{zone} hostmaster.{zone} 1 3600 600 86400 0")

    def _owner(self, name: str) -> dns.name.Name:
        try:
            owner = dns.name.from_text(name.strip())
        except dns.exception.DNSException as error:
            raise ValueError(f"{name!r} is not a domain name: {error}") from error
        if not owner.is_subdomain(self.origin):
            zone = self.origin.to_text(omit_final_dot=True)
            raise ValueError(f"{name} is outside this zone: choose a name under {zone}, as in _check.acme.{zone}.")
        return owner.canonicalize()

    def _replace(self, records: Mapping[dns.name.Name, tuple[str, ...]]) -> None:
        self._records = records
        if self._path:
            _write(self._path, records)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


class DevelopmentDnsServer:
    """Answers from a zone on UDP and TCP; port 0 takes one that is free for both.

    Start and stop it in one event loop.
    """

    def __init__(self, zone: DevelopmentZone, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone = zone
        self._wanted = Address(host, port)
        self._tcp: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """The address in use; raises RuntimeError before `start`."""
        if self._tcp is None:
            raise RuntimeError("The DNS server is not running: call start() first.")
        host, port = cast("tuple[str, int]", self._tcp.sockets[0].getsockname()[:2])
        return Address(host, port)

    async def start(self) -> None:
        """Begin to answer; raises OSError when the port is taken."""
        attempts = 20 if self._wanted.port == 0 else 1
        for attempt in range(1, attempts + 1):
            self._tcp = await asyncio.start_server(self._serve_tcp, self._wanted.host, self._wanted.port)
            try:
                self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Udp(self.zone), local_addr=(self._wanted.host, self.address.port)
                )
            except OSError:
                # The port TCP was given may be somebody else's on UDP: with port 0 another one will do.
                await self.stop()
                if attempt == attempts:
                    raise
            else:
                return

    async def stop(self) -> None:
        """Stop answering and close every connection; harmless when not running."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._tcp.wait_closed()
            self._tcp = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections.add(task)
        try:
            await self._answer_all(reader, writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            # A client that leaves, stalls or is cut off at shutdown is the ordinary end of a connection.
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(TCP_IDLE_SECONDS):
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = await reader.readexactly(length)
            response = _respond(self.zone, wire)
            if response is None:
                return
            answer = response.to_wire(max_size=65535)
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zone: DevelopmentZone) -> None:
        self._zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = _respond(self._zone, data)
        if response is not None:
            self._transport.sendto(_udp_wire(response), addr)


def _respond(zone: DevelopmentZone, wire: bytes) -> dns.message.Message | None:
    """The answer to raw bytes; None where there is no answering (no header, or itself an answer)."""
    try:
        query = dns.message.from_wire(wire)
    except dns.message.ShortHeader:
        return None
    except dns.exception.DNSException:
        broken = dns.message.Message(id=int.from_bytes(wire[:2], "big"))
        broken.flags = dns.flags.QR
        broken.set_rcode(dns.rcode.FORMERR)
        return broken
    return None if query.flags & dns.flags.QR else zone.answer(query)


def _udp_wire(response: dns.message.Message) -> bytes:
    """The answer in one datagram; one that does not fit is sent empty with TC, so that the client asks over TCP."""
    size = min(max(response.request_payload, 512), UDP_PAYLOAD)
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        response.answer.clear()
        response.authority.clear()
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=size)


def _txt(text: str) -> dns.rdata.Rdata:
    raw = text.encode()
    strings = [raw[start : start + MAX_STRING] for start in range(0, len(raw), MAX_STRING)]
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def _read(path: Path, origin: dns.name.Name) -> dict[dns.name.Name, tuple[str, ...]]:
    if not path.exists():
        return {}
    try:
        zone = dns.zone.from_text(path.read_text(), origin, relativize=False, check_origin=False)
    except (dns.exception.DNSException, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} cannot be read as DNS records ({error}): mend that line, or delete the file."
        ) from error
    return {
        owner: tuple(b"".join(rdata.strings).decode() for rdata in cast("Iterable[TXT]", rdataset))
        for owner, rdataset in zone.iterate_rdatasets("TXT")
    }


def _write(path: Path, records: Mapping[dns.name.Name, tuple[str, ...]]) -> None:
    lines = [
        f"{owner.to_text()} 0 IN TXT {_txt(text).to_text()}\n" for owner in sorted(records) for text in records[owner]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text("; The development DNS zone: one TXT record a line.\n" + "".join(lines))
    temporary.replace(path)
