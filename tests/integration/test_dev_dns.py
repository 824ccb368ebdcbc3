"""The development DNS server, asked by dnspython's resolver over real sockets."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import dns.asyncresolver
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import pytest

from ostiary.dev.dns import MAX_RECORD, DevelopmentDnsServer, DevelopmentZone
from tests.support.dns import RunningDns, running_dns

NAME = "_check.acme.test"


@pytest.fixture
def dns_server() -> Iterator[RunningDns]:
    with running_dns() as running:
        yield running


def resolver(running: RunningDns) -> dns.resolver.Resolver:
    made = dns.resolver.Resolver(configure=False)
    made.nameservers = [running.address.host]
    made.port = running.address.port
    made.lifetime = 5
    return made


def texts(answer: dns.resolver.Answer) -> set[str]:
    return {b"".join(rdata.strings).decode() for rdata in answer}


def ask(running: RunningDns, query: dns.message.Message) -> dns.message.Message:
    return dns.query.udp(query, running.address.host, port=running.address.port, timeout=5)


def test_a_published_record_is_answered_with_authority_and_not_cached(dns_server: RunningDns) -> None:
    dns_server.zone.set_txt(NAME, ["one", "two"])
    answer = resolver(dns_server).resolve(NAME, "TXT")
    assert texts(answer) == {"one", "two"}
    assert answer.response.flags & dns.flags.AA
    assert answer.rrset is not None
    assert answer.rrset.ttl == 0


def test_names_match_without_regard_to_case(dns_server: RunningDns) -> None:
    dns_server.zone.set_txt("_Check.ACME.test.", ["x"])
    assert texts(resolver(dns_server).resolve("_cHECK.acme.TEST", "TXT")) == {"x"}


def test_setting_replaces_and_removing_withdraws(dns_server: RunningDns) -> None:
    dns_server.zone.set_txt(NAME, ["old"])
    dns_server.zone.set_txt(NAME, ["new"])
    assert texts(resolver(dns_server).resolve(NAME, "TXT")) == {"new"}
    assert dns_server.zone.remove(NAME)
    assert not dns_server.zone.remove(NAME)
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver(dns_server).resolve(NAME, "TXT")


def test_an_unknown_name_in_the_zone_does_not_exist(dns_server: RunningDns) -> None:
    response = ask(dns_server, dns.message.make_query("nobody.test", "TXT"))
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert [rrset.rdtype for rrset in response.authority] == [dns.rdatatype.SOA]


@pytest.mark.parametrize(("name", "rdtype"), [(NAME, "A"), ("acme.test", "TXT"), ("test", "TXT")])
def test_a_name_that_exists_without_such_a_record_has_no_data(name: str, rdtype: str, dns_server: RunningDns) -> None:
    dns_server.zone.set_txt(NAME, ["x"])
    response = ask(dns_server, dns.message.make_query(name, rdtype))
    assert response.rcode() == dns.rcode.NOERROR
    assert response.answer == []
    assert [rrset.rdtype for rrset in response.authority] == [dns.rdatatype.SOA]
    with pytest.raises(dns.resolver.NoAnswer):
        resolver(dns_server).resolve(name, rdtype)


def test_the_zone_has_a_start_of_authority(dns_server: RunningDns) -> None:
    answer = resolver(dns_server).resolve("test", "SOA")
    assert answer.rrset is not None
    assert "SOA ns.test. hostmaster.test." in answer.rrset.to_text()


@pytest.mark.parametrize(("name", "rdclass"), [("acme.example", "IN"), (".", "IN"), ("acme.test", "CH")])
def test_what_is_not_of_the_zone_is_refused(name: str, rdclass: str, dns_server: RunningDns) -> None:
    assert ask(dns_server, dns.message.make_query(name, "TXT", rdclass)).rcode() == dns.rcode.REFUSED


def test_other_opcodes_are_not_implemented(dns_server: RunningDns) -> None:
    query = dns.message.make_query("acme.test", "TXT")
    query.set_opcode(dns.opcode.STATUS)
    assert ask(dns_server, query).rcode() == dns.rcode.NOTIMP


def test_an_answer_too_long_for_a_datagram_comes_over_tcp(dns_server: RunningDns) -> None:
    values = {f"{number:03d}" + "x" * 200 for number in range(12)}
    dns_server.zone.set_txt(NAME, values)
    truncated = ask(dns_server, dns.message.make_query(NAME, "TXT"))
    assert truncated.flags & dns.flags.TC
    assert texts(resolver(dns_server).resolve(NAME, "TXT")) == values
    assert texts(resolver(dns_server).resolve(NAME, "TXT", tcp=True)) == values


def test_the_size_a_client_offers_is_used(dns_server: RunningDns) -> None:
    dns_server.zone.set_txt(NAME, ["x" * 250, "y" * 250, "z" * 250])
    plain = dns.message.make_query(NAME, "TXT")
    assert ask(dns_server, plain).flags & dns.flags.TC
    roomy = dns.message.make_query(NAME, "TXT", use_edns=0, payload=1232)
    assert len(ask(dns_server, roomy).answer[0]) == 3


def test_a_long_or_odd_text_is_answered_as_it_was_published(dns_server: RunningDns) -> None:
    odd = 'v=1; "quoted" back\\slash; ümlaut ' + "z" * 1000
    dns_server.zone.set_txt(NAME, [odd])
    assert texts(resolver(dns_server).resolve(NAME, "TXT", tcp=True)) == {odd}


def test_several_questions_may_share_a_connection(dns_server: RunningDns) -> None:
    dns_server.zone.set_txt(NAME, ["x"])
    with socket.create_connection((dns_server.address.host, dns_server.address.port), timeout=5) as connection:
        for _ in range(2):
            query = dns.message.make_query(NAME, "TXT")
            dns.query.send_tcp(connection, query)
            assert query.is_response(dns.query.receive_tcp(connection)[0])


def test_nonsense_gets_a_format_error_and_what_has_no_header_gets_nothing(dns_server: RunningDns) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        target = (dns_server.address.host, dns_server.address.port)
        client.sendto(b"short", target)
        client.sendto(struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + b"\xff\xff", target)
        answer = dns.message.from_wire(client.recv(512))
    assert (answer.id, answer.rcode()) == (7, dns.rcode.FORMERR)


def test_an_answer_is_not_answered(dns_server: RunningDns) -> None:
    query = dns.message.make_query("nobody.test", "TXT")
    forged = dns.message.make_response(query)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        target = (dns_server.address.host, dns_server.address.port)
        client.sendto(forged.to_wire(), target)
        client.sendto(query.to_wire(), target)
        assert dns.message.from_wire(client.recv(512)).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("acme.example", ["x"], "outside this zone: choose a name under test"),
        ("", ["x"], "outside this zone|not a domain name"),
        ("a" * 64 + ".test", ["x"], "not a domain name"),
        (NAME, [], "at least one"),
        (NAME, [""], f"1 to {MAX_RECORD} bytes"),
        (NAME, ["x" * (MAX_RECORD + 1)], f"1 to {MAX_RECORD} bytes"),
        (NAME, ["two\nlines"], "control characters"),
    ],
)
def test_what_cannot_be_published_is_refused_with_the_reason(name: str, values: list[str], reason: str) -> None:
    zone = DevelopmentZone()
    with pytest.raises(ValueError, match=reason):
        zone.set_txt(name, values)
    assert zone.records() == {}


def test_a_restart_goes_on_from_the_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "dns" / "zone.txt"
    first = DevelopmentZone(path=path)
    odd = '"quoted" \\ ; ümlaut ' + "z" * 600
    first.set_txt(NAME, ["token=abc", odd])
    first.set_txt("other.test", ["gone"])
    first.remove("other.test")
    assert '_check.acme.test. 0 IN TXT "token=abc"' in path.read_text()
    with running_dns(DevelopmentZone(path=path)) as running:
        assert running.zone.records() == {NAME: ("token=abc", odd)}
        assert texts(resolver(running).resolve(NAME, "TXT", tcp=True)) == {"token=abc", odd}


def test_an_emptied_file_is_read_and_a_broken_one_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "zone.txt"
    zone = DevelopmentZone(path=path)
    zone.set_txt(NAME, ["x"])
    zone.remove(NAME)
    assert DevelopmentZone(path=path).records() == {}
    path.write_text("_check.acme.test. 0 IN TXT \n")
    with pytest.raises(ValueError, match=r"zone\.txt cannot be read as DNS records .*delete the file"):
        DevelopmentZone(path=path)


def test_a_chosen_port_serves_both_and_is_free_again_after_the_stop() -> None:
    with running_dns() as running:
        port = running.address.port
    for _ in range(2):
        with running_dns(port=port) as running:
            assert running.resolver == f"127.0.0.1:{port}"
            running.zone.set_txt(NAME, ["x"])
            assert texts(resolver(running).resolve(NAME, "TXT", tcp=True)) == {"x"}


def test_a_taken_port_is_an_error() -> None:
    with running_dns() as running, pytest.raises(OSError, match="in use"), running_dns(port=running.address.port):
        pass


async def test_it_lives_in_the_event_loop_of_its_starter_and_stops_with_open_connections() -> None:
    server = DevelopmentDnsServer(DevelopmentZone())
    with pytest.raises(RuntimeError, match="call start"):
        _ = server.address
    async with server:
        server.zone.set_txt(NAME, ["x"])
        made = dns.asyncresolver.Resolver(configure=False)
        made.nameservers = [server.address.host]
        made.port = server.address.port
        assert texts(await made.resolve(NAME, "TXT")) == {"x"}
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        await asyncio.sleep(0.05)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
    await server.stop()
