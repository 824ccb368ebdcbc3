"""What an identity provider says of itself: read from metadata or given by hand."""

from dataclasses import dataclass

from ostiary.domain.connection import Binding, IdentityProvider, checked_endpoint
from ostiary.domain.errors import invalid
from ostiary.services.ports.world import MetadataFetcher
from ostiary.services.saml_ports import MetadataReader


@dataclass(frozen=True, slots=True)
class IdpSource:
    """Where the identity provider's description comes from: exactly one of URL, XML, or values by hand."""

    metadata_url: str | None = None
    metadata_xml: str | None = None
    entity_id: str | None = None
    sso_url: str | None = None
    slo_url: str | None = None
    sso_binding: Binding | None = None
    slo_binding: Binding | None = None
    certificates: tuple[str, ...] = ()


class IdpDescriber:
    """Reads sources, with no transaction open: fetching takes as long as the other side likes."""

    def __init__(self, reader: MetadataReader, fetcher: MetadataFetcher) -> None:
        self._reader = reader
        self._fetcher = fetcher

    async def describe(self, source: IdpSource) -> IdentityProvider:
        """The identity provider; raises `metadata_not_accessible`, `identity_provider_incomplete` and the reader's."""
        if source.metadata_url is not None:
            return await self._reader.read_metadata(
                await self._fetcher.fetch(source.metadata_url), entity_id=source.entity_id
            )
        if source.metadata_xml is not None:
            return await self._reader.read_metadata(source.metadata_xml.encode(), entity_id=source.entity_id)
        if source.entity_id is None or source.sso_url is None or not source.certificates:
            raise invalid(
                "identity_provider_incomplete",
                "Give metadata_url, or metadata_xml, or all of entity_id, sso_url and certificates.",
                pointer="/idp",
            )
        return IdentityProvider(
            entity_id=source.entity_id,
            sso_url=checked_endpoint(source.sso_url, pointer="/idp/sso_url"),
            slo_url=None if source.slo_url is None else checked_endpoint(source.slo_url, pointer="/idp/slo_url"),
            certificates=tuple(self._reader.read_certificate(text) for text in source.certificates),
            sso_binding=source.sso_binding or Binding.REDIRECT,
            slo_binding=source.slo_binding or Binding.REDIRECT,
        )
