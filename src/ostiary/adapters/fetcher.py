"""Fetching an identity provider's metadata by URL."""

import asyncio
import ssl

import httpx2

from ostiary.adapters.guarded_http import MAX_URL, GuardedHttp, Resolve, UnreachableError
from ostiary.domain.errors import DomainError, invalid

MAX_BYTES = 1_048_576
_SECONDS_IN_ALL = 10.0
_ACCEPT = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"


class HttpMetadataFetcher:
    """Fetches as `GuardedHttp` allows: over https, from the public internet, without redirects."""

    def __init__(
        self, *, allow_loopback: bool = False, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._http = GuardedHttp(allow_loopback=allow_loopback, resolve=resolve, tls=tls)

    async def fetch(self, url: str) -> bytes:
        """The document, at most 1 MiB, within ten seconds.

        Raises `metadata_not_accessible`, which says what went wrong and how to mend it.
        """
        host = "The server"
        try:
            async with asyncio.timeout(_SECONDS_IN_ALL):
                target = await self._http.target(url)
                host = target.host

                async def read(response: httpx2.Response) -> bytes:
                    _check_answer(host, response)
                    return await _read(response)

                headers = {"User-Agent": "Ostiary", "Accept": _ACCEPT}
                return await self._http.call("GET", target, read, headers=headers)
        except TimeoutError:
            raise _inaccessible(f"{host} did not deliver the document within ten seconds.") from None
        except UnreachableError as error:
            raise _inaccessible(str(error)) from error


def _check_answer(host: str, response: httpx2.Response) -> None:
    if response.is_redirect:
        location = response.headers["location"][:MAX_URL]
        raise _inaccessible(f"{host} redirects to {location}; enter the final address.")
    if response.status_code != 200:
        raise _inaccessible(f"{host} answered with status {response.status_code}.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _inaccessible(f"{host} sends a compressed document although an uncompressed one was asked for.")


async def _read(response: httpx2.Response) -> bytes:
    document = bytearray()
    async for chunk in response.aiter_raw():
        document += chunk
        if len(document) > MAX_BYTES:
            raise _inaccessible("The document is larger than 1 MiB.")
    return bytes(document)


def _inaccessible(reason: str) -> DomainError:
    return invalid(
        "metadata_not_accessible",
        f"{reason} Give an https:// address that anybody on the internet can read without signing in, "
        "or paste the document itself as metadata_xml.",
        pointer="/idp/metadata_url",
    )
