"""HTTP requests to addresses other people chose, without becoming a window into our own network (SSRF)."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import httpx2

from ostiary.adapters.addresses import is_loopback, is_public

MAX_URL = 2048
_SECONDS_TO_CONNECT = 3.0
_MOST_ADDRESSES = 4

T = TypeVar("T")
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host and port to its IP addresses, best first; raises OSError."""


class UnreachableError(Exception):
    """The address may not be called, or did not answer. The text is a sentence that says why, for whoever chose it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, and the addresses of its host, each of them allowed."""

    url: httpx2.URL
    addresses: list[str]

    @property
    def host(self) -> str:
        """The host as people write it."""
        return self.url.host


class GuardedHttp:
    """Calls public addresses over https only.

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
        self._tls = tls or _public_authorities()

    async def target(self, url: str) -> Target:
        """The URL, looked up and allowed; raises UnreachableError."""
        checked = _checked(url)
        return Target(checked, await self._addresses(checked))

    async def call(
        self,
        method: str,
        target: Target,
        read: Callable[[httpx2.Response], Awaitable[T]],
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> T:
        """What `read` makes of the answer of the first address that takes a connection.

        The caller limits the time of it all, and `read` how much it reads. Raises UnreachableError.
        """
        try:
            *others, last = target.addresses[:_MOST_ADDRESSES]
            for address in others:
                try:
                    return await self._call(method, target.url, address, read, headers, content)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue
            return await self._call(method, target.url, last, read, headers, content)
        except httpx2.HTTPError as error:
            raise UnreachableError(_reason(target.host, error)) from error

    async def _addresses(self, url: httpx2.URL) -> list[str]:
        try:
            addresses = await self._resolve(_host(url), _port(url))
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise UnreachableError(f"The host name {url.host} was not found.")
        if self._allow_loopback and all(is_loopback(address) for address in addresses):
            return addresses
        if url.scheme != "https":
            raise UnreachableError("The address must begin with https://.")
        # One forbidden address condemns the name: whoever publishes it aims at our network.
        if not all(is_public(address) for address in addresses):
            raise UnreachableError(f"{url.host} is not an address of the public internet.")
        return addresses

    async def _call(
        self,
        method: str,
        url: httpx2.URL,
        address: str,
        read: Callable[[httpx2.Response], Awaitable[T]],
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> T:
        timeout = httpx2.Timeout(None, connect=_SECONDS_TO_CONNECT)
        sent = {
            "Host": url.netloc.decode("ascii"),
            # Compressed answers could grow without bound when opened.
            "Accept-Encoding": "identity",
            **headers,
        }
        async with (
            httpx2.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=timeout) as client,
            client.stream(
                method,
                url.copy_with(host=address),
                headers=sent,
                content=content,
                # The certificate must be the name's, though the connection goes to the address.
                extensions={"sni_hostname": _host(url)},
            ) as response,
        ):
            return await read(response)


@cache
def _public_authorities() -> ssl.SSLContext:
    """What trusts the public certificate authorities; read once a process, for reading them takes some 30 ms."""
    return httpx2.create_ssl_context(trust_env=False)


async def _system_addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _checked(url: str) -> httpx2.URL:
    """The URL without its fragment, if it is one we would ever call."""
    if len(url) > MAX_URL:
        raise UnreachableError(f"The address is longer than {MAX_URL} characters.")
    try:
        target = httpx2.URL(url.strip()).copy_with(fragment=None)
    except httpx2.InvalidURL:
        raise UnreachableError("The address is not a URL.") from None
    if target.scheme not in {"https", "http"} or not target.host:
        raise UnreachableError("The address must begin with https:// and name a host.")
    if not 0 < _port(target) < 65536:
        raise UnreachableError("The port must be between 1 and 65535.")
    if target.userinfo:
        raise UnreachableError("The address must not contain a user name or password.")
    return target


def _host(target: httpx2.URL) -> str:
    """The host in ASCII, as DNS and TLS know it."""
    return target.raw_host.decode("ascii")


def _port(target: httpx2.URL) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


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
