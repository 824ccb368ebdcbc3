"""TXT look-ups by dnspython, for the verification of domains (R3)."""

import re
from typing import cast

import dns.asyncresolver
import dns.exception
import dns.inet
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from ostiary.domain.errors import DomainError, Kind

_SERVER = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>[^:]+))(?::(?P<port>[0-9]{1,5}))?")
_PORT = 53
_SECONDS_A_SERVER = 2.0
_SECONDS_IN_ALL = 6.0
# What a UDP answer may hold without being fragmented; a longer one is asked for again over TCP (at most 65,535 bytes).
_UDP_PAYLOAD = 1232


class DnsResolver:
    """Asks the servers of `OSTIARY_DNS_RESOLVERS` (`address:port[,address:port]`), or with None those of the system.

    Nothing is cached: whoever has just published a record wants it seen. Raises ValueError for servers it cannot read.
    """

    def __init__(self, servers: str | None = None) -> None:
        self._servers = None if servers is None else [_server(text) for text in servers.split(",")]

    async def txt(self, name: str) -> frozenset[str]:
        """All TXT values at the name, each joined from its strings; empty when there is no such name or record.

        Raises `dns_unavailable` when no server gave an answer within six seconds.
        """
        try:
            absolute = dns.name.from_text(name)
        except dns.exception.DNSException:
            # Longer than DNS allows (RFC 1035 §2.3.4): there can be no record.
            return frozenset()
        try:
            answer = await self._resolver().resolve(
                absolute, dns.rdatatype.TXT, raise_on_no_answer=False, search=False, lifetime=_SECONDS_IN_ALL
            )
        except dns.resolver.NXDOMAIN:
            return frozenset()
        except (dns.exception.DNSException, OSError) as error:
            raise _unavailable(name, error) from error
        # Typed here because dnspython leaves open what an answer iterates over.
        records = cast("list[dns.rdata.Rdata]", list(answer.rrset or ()))
        return frozenset(
            b"".join(record.strings).decode(errors="backslashreplace") for record in records if isinstance(record, TXT)
        )

    def _resolver(self) -> dns.asyncresolver.Resolver:
        # Made for each look-up: the system's servers may change while the service runs.
        resolver = dns.asyncresolver.Resolver(configure=self._servers is None)
        if self._servers is not None:
            resolver.nameservers = self._servers
        resolver.timeout = _SECONDS_A_SERVER
        resolver.use_edns(0, 0, _UDP_PAYLOAD)
        return resolver


def _server(text: str) -> dns.nameserver.Nameserver:
    """A server from `address`, `address:port`, `[address]` or `[address]:port`."""
    parts = _SERVER.fullmatch(text.strip())
    host = "" if parts is None else parts["plain"] or parts["bracketed"]
    port = _PORT if parts is None or parts["port"] is None else int(parts["port"])
    if not dns.inet.is_address(host) or not 0 < port < 65536:
        raise ValueError(f"OSTIARY_DNS_RESOLVERS: {text!r} is no server. Write address:port, as 127.0.0.1:5353.")
    return dns.nameserver.Do53Nameserver(host, port)


def _unavailable(name: str, error: Exception) -> DomainError:
    if isinstance(error, dns.resolver.NoResolverConfiguration):
        reason = "this service knows no DNS server (its operator sets OSTIARY_DNS_RESOLVERS)"
    elif isinstance(error, dns.exception.Timeout):
        reason = "no DNS server answered in time"
    else:
        reason = "the DNS servers answered with a failure"
    return DomainError(
        Kind.UNAVAILABLE,
        "dns_unavailable",
        f"The TXT records of {name} could not be looked up: {reason}. Nothing was changed; try again in a minute.",
    )
