# pysaml2 carries no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The service providers that ask for a sign-in: read from the metadata at their entity id, each time they ask.

Nothing is remembered between requests, so a service provider that was reset or took a new key is known at once.
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import httpx2
from saml2 import BINDING_HTTP_POST, SAMLError
from saml2.mdstore import InMemoryMetaData, MetadataStore

from ostiary.devidp.refusal import RequestRefused

MAX_METADATA = 256 * 1024
FETCH_SECONDS = 5.0


async def learn(store: MetadataStore, entity_id: str) -> None:
    """Put the service provider's current metadata into pysaml2's store; raises RequestRefused saying what is wrong."""
    _refuse_elsewhere(entity_id)
    document = await _fetch(entity_id)
    metadata = InMemoryMetaData(store.attrc)
    try:
        metadata.parse(document)
    except SAMLError as error:
        raise RequestRefused(f"The document at {entity_id} is no SAML metadata.") from error
    if entity_id not in metadata.entity:
        described = ", ".join(metadata.entity) or "nobody who is valid now"
        raise RequestRefused(f"The metadata at {entity_id} describes {described}, so the Issuer is not who it says.")
    store.metadata[entity_id] = metadata
    if not store.assertion_consumer_service(entity_id, BINDING_HTTP_POST):
        raise RequestRefused(f"The metadata at {entity_id} names no assertion consumer service with HTTP-POST.")


def signs_requests(store: MetadataStore, entity_id: str) -> bool:
    """Whether its metadata says AuthnRequestsSigned (SAML metadata §2.4.4)."""
    descriptors: list[dict[str, Any]] = store[entity_id]["spsso_descriptor"]
    return any(descriptor.get("authn_requests_signed") in ("true", "1") for descriptor in descriptors)


def certificates(store: MetadataStore, entity_id: str) -> list[str]:
    """Its signing certificates, base64 of DER."""
    return [certificate for _, certificate in store.certs(entity_id, "spsso", "signing")]


def encryption_certificate(store: MetadataStore, entity_id: str) -> str:
    """The certificate to encrypt for, base64 of DER; raises RequestRefused where there is none."""
    found = [certificate for _, certificate in store.certs(entity_id, "spsso", "encryption")]
    if not found:
        raise RequestRefused(f"The metadata at {entity_id} has no certificate to encrypt for.")
    return found[0]


def acs_url(store: MetadataStore, entity_id: str) -> str:
    """Where answers go that were not asked for."""
    return str(store.assertion_consumer_service(entity_id, BINDING_HTTP_POST)[0]["location"])


def logout_url(store: MetadataStore, entity_id: str) -> str:
    """Its single logout service by HTTP-POST; raises RequestRefused where there is none."""
    found = store.single_logout_service(entity_id, BINDING_HTTP_POST, "spsso")
    if not found:
        raise RequestRefused(f"The metadata at {entity_id} names no single logout service with HTTP-POST.")
    return str(found[0]["location"])


def _refuse_elsewhere(entity_id: str) -> None:
    parts = urlsplit(entity_id)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if parts.scheme != "http" or not loopback:
        raise RequestRefused(
            f"The Issuer {entity_id} is no address on this machine. This development identity provider serves only"
            " service providers whose entity id is their metadata's URL, such as http://127.0.0.1:8000/saml/…/metadata."
        )


async def _fetch(url: str) -> bytes:
    body = b""
    try:
        async with (
            httpx2.AsyncClient(timeout=FETCH_SECONDS, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            if not response.is_success:
                raise RequestRefused(f"Fetching the metadata at {url} was answered with {response.status_code}.")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_METADATA:
                    raise RequestRefused(f"The metadata at {url} is larger than {MAX_METADATA} bytes.")
    except httpx2.HTTPError as error:
        raise RequestRefused(f"The metadata at {url} could not be fetched: {error}. Is the service running?") from error
    return body
