"""Fetching an identity provider's metadata by URL, without becoming a window into our own network (SSRF)."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

import httpx2

from ostiary.adapters.addresses import is_loopback, is_public
from ostiary.domain.errors import DomainError, invalid

MAX_BYTES = 1_048_576
_MAX_URL = 2048
_SECONDS_IN_ALL = 10.0
_SECONDS_TO_CONNECT = 3.0
_MOST_ADDRESSES = 4
_ACCEPT = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host and port to its IP addresses, best first; raises OSError."""


class HttpMetadataFetcher:
    """Fetches over https from public addresses only.

    The host is resolved once, every address is checked, and the connection goes to one of those very addresses, so
    that a name that changes its mind between check and use (DNS rebinding) gains nothing. Redirects are not followed
    and neither proxies nor other settings of the environment are heeded. `allow_loopback` is for development: it
    opens loopback addresses, for them also plain http. `tls` replaces the public certificate authorities.
    """

    def __init__(
        self, *, allow_loopback: bool = False, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve or _system_addresses
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)

    async def fetch(self, url: str) -> bytes:
        """The document, at most 1 MiB, within ten seconds.

        Raises `metadata_not_accessible`, which says what went wrong and how to mend it.
        """
        target = _checked(url)
        try:
            async with asyncio.timeout(_SECONDS_IN_ALL):
                return await self._from_first_that_connects(target, await self._addresses(target))
        except TimeoutError:
            raise _inaccessible(f"{target.host} did not deliver the document within ten seconds.") from None
        except httpx2.HTTPError as error:
            raise _inaccessible(_reason(target.host, error)) from error

    async def _addresses(self, target: httpx2.URL) -> list[str]:
        """The addresses to connect to, each of them allowed."""
        try:
            addresses = await self._resolve(_host(target), _port(target))
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise _inaccessible(f"The host name {target.host} was not found.")
        if self._allow_loopback and all(is_loopback(address) for address in addresses):
            return addresses
        if target.scheme != "https":
            raise _inaccessible("The address must begin with https://.")
        # One forbidden address condemns the name: whoever publishes it aims at our network.
        if not all(is_public(address) for address in addresses):
            raise _inaccessible(f"{target.host} is not an address of the public internet.")
        return addresses

    async def _from_first_that_connects(self, target: httpx2.URL, addresses: list[str]) -> bytes:
        *others, last = addresses[:_MOST_ADDRESSES]
        for address in others:
            try:
                return await self._get(target, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._get(target, last)

    async def _get(self, target: httpx2.URL, address: str) -> bytes:
        timeout = httpx2.Timeout(None, connect=_SECONDS_TO_CONNECT)
        headers = {
            "Host": target.netloc.decode("ascii"),
            "User-Agent": "Ostiary",
            "Accept": _ACCEPT,
            # Compressed answers could grow without bound when opened.
            "Accept-Encoding": "identity",
        }
        async with (
            httpx2.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=timeout) as client,
            client.stream(
                "GET",
                target.copy_with(host=address),
                headers=headers,
                # The certificate must be the name's, though the connection goes to the address.
                extensions={"sni_hostname": _host(target)},
            ) as response,
        ):
            _check_answer(target, response)
            return await _read(response)


async def _system_addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _checked(url: str) -> httpx2.URL:
    """The URL without its fragment, if it is one we would ever fetch."""
    if len(url) > _MAX_URL:
        raise _inaccessible(f"The address is longer than {_MAX_URL} characters.")
    try:
        target = httpx2.URL(url.strip()).copy_with(fragment=None)
    except httpx2.InvalidURL:
        raise _inaccessible("The address is not a URL.") from None
    if target.scheme not in {"https", "http"} or not target.host:
        raise _inaccessible("The address must begin with https:// and name a host.")
    if not 0 < _port(target) < 65536:
        raise _inaccessible("The port must be between 1 and 65535.")
    if target.userinfo:
        raise _inaccessible("The address must not contain a user name or password.")
    return target


def _host(target: httpx2.URL) -> str:
    """The host in ASCII, as DNS and TLS know it."""
    return target.raw_host.decode("ascii")


def _port(target: httpx2.URL) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def _check_answer(target: httpx2.URL, response: httpx2.Response) -> None:
    if response.is_redirect:
        location = response.headers["location"][:_MAX_URL]
        raise _inaccessible(f"{target.host} redirects to {location}; enter the final address.")
    if response.status_code != 200:
        raise _inaccessible(f"{target.host} answered with status {response.status_code}.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _inaccessible(f"{target.host} sends a compressed document although an uncompressed one was asked for.")


async def _read(response: httpx2.Response) -> bytes:
    document = bytearray()
    async for chunk in response.aiter_raw():
        document += chunk
        if len(document) > MAX_BYTES:
            raise _inaccessible("The document is larger than 1 MiB.")
    return bytes(document)


def _reason(host: str, error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The TLS certificate of {host} was not accepted: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return f"{host} and this service found no common way of speaking TLS."
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return f"{host} took no connection."
    return f"{host} broke the connection off or does not speak HTTP."


def _inaccessible(reason: str) -> DomainError:
    return invalid(
        "metadata_not_accessible",
        f"{reason} Give an https:// address that anybody on the internet can read without signing in, "
        "or paste the document itself as metadata_xml.",
        pointer="/idp/metadata_url",
    )
