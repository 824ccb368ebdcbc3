"""What an identity provider says of itself: read from metadata or given by hand, and taken over with care."""

from dataclasses import dataclass, replace
from datetime import datetime

from ostiary.domain.connection import Binding, IdentityProvider, checked_endpoint
from ostiary.domain.errors import conflict, invalid
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


def ensure_safe_refresh(before: IdentityProvider | None, described: IdentityProvider, now: datetime) -> None:
    """Refuse what would send people elsewhere or lock them out; raises `metadata_change_not_applied` naming it."""
    if before is None:
        return
    changes: list[str] = []
    if described.entity_id != before.entity_id:
        changes.append(f"the issuer from {before.entity_id} to {described.entity_id}")
    if _host(described.sso_url) != _host(before.sso_url):
        changes.append(f"the SSO host from {_host(before.sso_url)} to {_host(described.sso_url)}")
    if not described.valid_certificates(now):
        changes.append("every certificate to ones not valid today")
    if changes:
        raise conflict(
            "metadata_change_not_applied",
            f"The metadata changes {' and '.join(changes)}. Nothing was applied. If that is right, PATCH it as idp.",
        )


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].lower()


def keeping_living_certificates(
    before: IdentityProvider, described: IdentityProvider, now: datetime
) -> IdentityProvider:
    """New certificates are taken, vanished ones kept: an identity provider may still sign with the old one."""
    known = {certificate.fingerprint_sha256 for certificate in described.certificates}
    kept = tuple(
        certificate for certificate in before.valid_certificates(now) if certificate.fingerprint_sha256 not in known
    )
    return replace(described, certificates=described.certificates + kept)
