"""Against real HTTP servers on loopback, with and without TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ostiary.adapters import fetcher, guarded_http
from ostiary.adapters.fetcher import MAX_BYTES, HttpMetadataFetcher
from ostiary.domain.errors import DomainError, Kind
from tests.support.tls import server_and_client_tls

DOCUMENT = b"<EntityDescriptor/>"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(DOCUMENT), DOCUMENT)

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Where it listens, and the requests it got."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.port = port
        self.requests = requests


@asynccontextmanager
async def serving(
    answer: bytes | Answer, tls: ssl.SSLContext | None = None, *, until: bytes = b"\r\n\r\n"
) -> AsyncGenerator[Server]:
    """Answers once it has read a request up to `until`."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append(await reader.readuntil(until))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield Server(server.sockets[0].getsockname()[1], requests)


def resolving(*addresses: str, asked: list[str] | None = None) -> guarded_http.Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        if asked is not None:
            asked.append(host)
        return list(addresses)

    return resolve


async def reading(host: str, port: int) -> list[str]:
    """Reads addresses in all the spellings C libraries read, and asks nobody."""
    return [host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))]


async def refusal(url: str, guarded: HttpMetadataFetcher) -> DomainError:
    with pytest.raises(DomainError) as caught:
        await guarded.fetch(url)
    error = caught.value
    assert (error.kind, error.code, error.pointer) == (Kind.INVALID, "metadata_not_accessible", "/idp/metadata_url")
    assert "metadata_xml" in error.detail
    return error


OPEN = HttpMetadataFetcher(allow_loopback=True)


async def test_a_document_is_fetched_from_loopback_in_development() -> None:
    async with serving(OK) as server:
        assert await OPEN.fetch(f"http://127.0.0.1:{server.port}/metadata?x=1#part") == DOCUMENT
    request = server.requests[0]
    assert request.startswith(b"GET /metadata?x=1 HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity" in request


async def test_localhost_is_fetched_also_when_only_its_second_address_listens() -> None:
    async with serving(OK) as server:
        both = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("::1", "127.0.0.1"))
        assert await both.fetch(f"http://localhost:{server.port}/") == DOCUMENT
    assert f"Host: localhost:{server.port}".encode() in server.requests[0]


async def test_the_connection_goes_to_the_address_that_was_checked_and_asks_dns_once() -> None:
    asked: list[str] = []
    async with serving(OK) as server:
        pinned = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("127.0.0.1", asked=asked))
        assert await pinned.fetch(f"http://idp.acme.example:{server.port}/metadata") == DOCUMENT
    assert asked == ["idp.acme.example"]
    assert f"Host: idp.acme.example:{server.port}".encode() in server.requests[0]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[::]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_addresses_outside_the_public_internet_are_refused_in_production(scheme: str, host: str) -> None:
    error = await refusal(f"{scheme}://{host}/metadata", HttpMetadataFetcher(resolve=reading))
    assert ("not an address of the public internet" if scheme == "https" else "https://") in error.detail


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "127.1"])
async def test_loopback_in_disguise_is_refused_in_production(spelling: str) -> None:
    error = await refusal(f"https://{spelling}/metadata", HttpMetadataFetcher(resolve=reading))
    assert "not an address of the public internet" in error.detail


async def test_localhost_is_refused_in_production() -> None:
    error = await refusal("https://localhost/metadata", HttpMetadataFetcher())
    assert "not an address of the public internet" in error.detail


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("fd00::1",)])
@pytest.mark.parametrize("allow_loopback", [True, False])
async def test_a_name_with_a_private_address_is_refused_in_development_too(
    addresses: tuple[str, ...], allow_loopback: bool
) -> None:
    guarded = HttpMetadataFetcher(allow_loopback=allow_loopback, resolve=resolving(*addresses))
    assert "not an address of the public internet" in (await refusal("https://idp.example/", guarded)).detail


async def test_a_name_with_one_loopback_and_one_public_address_is_refused_in_development() -> None:
    guarded = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("127.0.0.1", "8.8.8.8"))
    assert "not an address of the public internet" in (await refusal("https://idp.example/", guarded)).detail


async def test_plain_http_is_refused_outside_loopback_in_development_too() -> None:
    guarded = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("8.8.8.8"))
    assert "https://" in (await refusal("http://idp.example/", guarded)).detail


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "https://"),
        ("idp.example/metadata", "https://"),
        ("ftp://idp.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https:///metadata", "name a host"),
        ("https://[::1/", "not a URL"),
        ("https://idp.example:99999/", "port"),
        ("https://user:password@idp.example/", "user name"),
        ("https://idp.example/" + "x" * 3000, "longer than 2048"),
    ],
)
async def test_what_is_no_fetchable_address_is_refused_unasked(url: str, reason: str) -> None:
    asked: list[str] = []
    error = await refusal(url, HttpMetadataFetcher(resolve=resolving("8.8.8.8", asked=asked)))
    assert reason in error.detail
    assert asked == []


async def test_a_name_that_does_not_resolve_is_refused() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError(host)

    error = await refusal("https://idp.example/", HttpMetadataFetcher(resolve=nowhere))
    assert "idp.example was not found" in error.detail


async def test_a_redirect_is_not_followed_and_its_target_is_named() -> None:
    async with serving(OK) as behind:
        location = f"http://127.0.0.1:{behind.port}/real"
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(redirect) as server:
            error = await refusal(f"http://127.0.0.1:{server.port}/", OPEN)
    assert f"redirects to {location}" in error.detail
    assert behind.requests == []


@pytest.mark.parametrize("status", ["204 No Content", "401 Unauthorized", "404 Not Found", "500 Oops"])
async def test_any_status_but_200_is_refused(status: str) -> None:
    async with serving(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as server:
        error = await refusal(f"http://127.0.0.1:{server.port}/", OPEN)
    assert f"status {status[:3]}" in error.detail


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        await writer.drain()


async def test_a_document_without_end_is_cut_off_at_one_mebibyte() -> None:
    async with serving(endless) as server:
        assert "larger than 1 MiB" in (await refusal(f"http://127.0.0.1:{server.port}/", OPEN)).detail


async def test_a_document_of_exactly_one_mebibyte_is_taken() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MAX_BYTES + bytes(MAX_BYTES)) as server:
        assert len(await OPEN.fetch(f"http://127.0.0.1:{server.port}/")) == MAX_BYTES


async def test_a_compressed_document_is_refused_unopened() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc") as server:
        assert "compressed" in (await refusal(f"http://127.0.0.1:{server.port}/", OPEN)).detail


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_a_server_that_drips_is_given_up_after_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "_SECONDS_IN_ALL", 0.2)
    async with serving(drip) as server:
        assert "within ten seconds" in (await refusal(f"http://127.0.0.1:{server.port}/", OPEN)).detail


async def test_a_port_nobody_listens_on_is_refused() -> None:
    async with serving(OK) as server:
        port = server.port
    assert "took no connection" in (await refusal(f"http://127.0.0.1:{port}/", OPEN)).detail


async def test_a_server_that_speaks_something_else_is_refused() -> None:
    async with serving(b"220 mail.example ESMTP\r\n") as server:
        assert "does not speak HTTP" in (await refusal(f"http://127.0.0.1:{server.port}/", OPEN)).detail


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(b"HTTP/1.1 502 Proxy\r\nContent-Length: 0\r\n\r\n") as proxy, serving(OK) as server:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        assert await OPEN.fetch(f"http://127.0.0.1:{server.port}/") == DOCUMENT
    assert proxy.requests == []


async def test_tls_is_checked_for_the_name_although_the_connection_goes_to_the_address() -> None:
    server_tls, client_tls = server_and_client_tls("idp.acme.example")
    seen: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: seen.append(name)
    guarded = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("127.0.0.1"), tls=client_tls)
    async with serving(OK, server_tls) as server:
        assert await guarded.fetch(f"https://idp.acme.example:{server.port}/metadata") == DOCUMENT
    assert seen == ["idp.acme.example"]


async def test_a_certificate_of_another_name_is_refused() -> None:
    server_tls, client_tls = server_and_client_tls("idp.acme.example")
    guarded = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("127.0.0.1"), tls=client_tls)
    async with serving(OK, server_tls) as server:
        error = await refusal(f"https://other.example:{server.port}/", guarded)
    assert "TLS certificate of other.example was not accepted" in error.detail


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    server_tls, _ = server_and_client_tls("idp.acme.example")
    guarded = HttpMetadataFetcher(allow_loopback=True, resolve=resolving("127.0.0.1"))
    async with serving(OK, server_tls) as server:
        assert "was not accepted" in (await refusal(f"https://idp.acme.example:{server.port}/", guarded)).detail


async def test_https_to_a_server_that_speaks_plain_http_is_refused() -> None:
    # A TLS client's first byte is 0x16.
    async with serving(OK, until=b"\x16") as server:
        assert "speaking TLS" in (await refusal(f"https://127.0.0.1:{server.port}/", OPEN)).detail
