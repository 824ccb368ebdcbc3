"""Against a real DNS server on loopback, over UDP and TCP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import dns.message
import dns.rcode
import dns.resolver
import pytest

from ostiary.adapters.dns import DnsResolver
from ostiary.dev.dns import DevelopmentDnsServer, DevelopmentZone
from ostiary.domain.errors import DomainError, Kind

NAME = "_ostiary-challenge.acme.test"


@pytest.fixture
async def zone() -> AsyncIterator[tuple[DevelopmentZone, str]]:
    zone = DevelopmentZone("test")
    async with DevelopmentDnsServer(zone) as server:
        yield zone, f"{server.address.host}:{server.address.port}"


@pytest.fixture
def dead_server() -> Iterator[str]:
    """An address that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{silent.getsockname()[1]}"


async def test_all_txt_values_of_a_name_are_found(zone: tuple[DevelopmentZone, str]) -> None:
    records, server = zone
    records.set_txt(NAME, ["ostiary-verification=abc", "something else"])
    assert await DnsResolver(server).txt(NAME) == {"ostiary-verification=abc", "something else"}


async def test_a_change_is_seen_at_once(zone: tuple[DevelopmentZone, str]) -> None:
    records, server = zone
    resolver = DnsResolver(server)
    assert await resolver.txt(NAME) == frozenset()
    records.set_txt(NAME, ["now"])
    assert await resolver.txt(NAME) == {"now"}
    records.remove(NAME)
    assert await resolver.txt(NAME) == frozenset()


async def test_a_name_that_exists_without_txt_records_has_none(zone: tuple[DevelopmentZone, str]) -> None:
    records, server = zone
    records.set_txt(NAME, ["below"])
    assert await DnsResolver(server).txt("acme.test") == frozenset()


async def test_the_strings_of_one_record_are_joined(zone: tuple[DevelopmentZone, str]) -> None:
    records, server = zone
    records.set_txt(NAME, ["x" * 700])
    assert await DnsResolver(server).txt(NAME) == {"x" * 700}


async def test_an_answer_too_long_for_udp_comes_over_tcp(zone: tuple[DevelopmentZone, str]) -> None:
    records, server = zone
    values = [f"{number:02}" + "y" * 1000 for number in range(40)]
    records.set_txt(NAME, values)
    assert await DnsResolver(server).txt(NAME) == set(values)


async def test_a_second_server_answers_when_the_first_is_silent(
    zone: tuple[DevelopmentZone, str], dead_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.adapters.dns._SECONDS_A_SERVER", 0.3)
    records, server = zone
    records.set_txt(NAME, ["found"])
    assert await DnsResolver(f"{dead_server}, {server}").txt(NAME) == {"found"}


async def test_a_silent_server_is_an_error_and_never_an_empty_answer(
    dead_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.adapters.dns._SECONDS_IN_ALL", 0.3)
    with pytest.raises(DomainError, match="no DNS server answered in time") as caught:
        await DnsResolver(dead_server).txt(NAME)
    assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "dns_unavailable")
    assert "try again" in caught.value.detail


async def test_a_server_that_refuses_is_an_error(zone: tuple[DevelopmentZone, str]) -> None:
    with pytest.raises(DomainError, match="answered with a failure"):
        await DnsResolver(zone[1]).txt("_ostiary-challenge.acme.example")


class _ServerFailure(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = dns.message.make_response(dns.message.from_wire(data))
        response.set_rcode(dns.rcode.SERVFAIL)
        self._transport.sendto(response.to_wire(), addr)


async def test_servfail_is_an_error() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        _ServerFailure, local_addr=("127.0.0.1", 0)
    )
    try:
        port = transport.get_extra_info("sockname")[1]
        with pytest.raises(DomainError, match="answered with a failure"):
            await DnsResolver(f"127.0.0.1:{port}").txt(NAME)
    finally:
        transport.close()


async def test_a_machine_without_dns_servers_is_an_error_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_configuration(*_: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", no_configuration)
    with pytest.raises(DomainError, match="OSTIARY_DNS_RESOLVERS"):
        await DnsResolver().txt(NAME)


async def test_a_name_longer_than_dns_allows_has_no_records(zone: tuple[DevelopmentZone, str]) -> None:
    assert await DnsResolver(zone[1]).txt("_ostiary-challenge." + "a" * 63 + ("." + "b" * 63) * 3) == frozenset()


@pytest.mark.parametrize("servers", ["", "localhost:53", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:53,", "::1:53"])
def test_servers_that_cannot_be_read_are_refused_with_an_example(servers: str) -> None:
    with pytest.raises(ValueError, match=r"OSTIARY_DNS_RESOLVERS: .* 127\.0\.0\.1:5353"):
        DnsResolver(servers)


@pytest.mark.parametrize("servers", ["127.0.0.1", "192.0.2.1:5353", "[::1]", "[2001:db8::1]:5353,192.0.2.1"])
def test_servers_are_read_with_and_without_a_port(servers: str) -> None:
    assert DnsResolver(servers)._servers is not None
