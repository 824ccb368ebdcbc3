"""Identity provider metadata read again: what is taken over by itself, and what waits for an administrator."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from ostiary.domain.certificate_expiry import last_expiry, next_warning
from ostiary.domain.connection import Connection, IdentityProvider

REFRESHED_EVERY = timedelta(hours=24)
# Metadata that could not be read is asked for sooner at first, and then no more often than any other.
ASKED_AGAIN_AFTER = timedelta(hours=1)
ASKED_SOON_FOR = timedelta(hours=24)


class MetadataChangeKind(StrEnum):
    """What a refresh does not do by itself."""

    ISSUER = "issuer"
    SSO_HOST = "sso_host"
    NO_VALID_CERTIFICATE = "no_valid_certificate"
    CERTIFICATE_WITHDRAWN = "certificate_withdrawn"


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """One such change, from what we know to what the metadata says; None where there is nothing."""

    kind: MetadataChangeKind
    before: str | None
    after: str | None

    @property
    def is_breaking(self) -> bool:
        """Whether it would send people elsewhere or lock them out: then nothing of the document is taken over."""
        return self.kind is not MetadataChangeKind.CERTIFICATE_WITHDRAWN


@dataclass(frozen=True, slots=True)
class StagedMetadata:
    """Metadata that was read but waits for an administrator.

    One that was discarded is remembered, so that the same document is not reported again. It waits for what it differs
    in from the connection as that is now.
    """

    organization_id: str
    connection_id: str
    idp: IdentityProvider
    found_at: datetime
    discarded_at: datetime | None = None


def changes_to_confirm(
    before: IdentityProvider | None, described: IdentityProvider, now: datetime
) -> tuple[MetadataChange, ...]:
    """What of the described identity provider an administrator has to confirm; nothing where there was none before.

    A vanished certificate counts while it is valid: the identity provider may still sign with it.
    """
    if before is None:
        return ()
    changes: list[MetadataChange] = []
    if described.entity_id != before.entity_id:
        changes.append(MetadataChange(MetadataChangeKind.ISSUER, before.entity_id, described.entity_id))
    if _host(described.sso_url) != _host(before.sso_url):
        changes.append(MetadataChange(MetadataChangeKind.SSO_HOST, _host(before.sso_url), _host(described.sso_url)))
    if not described.valid_certificates(now):
        changes.append(MetadataChange(MetadataChangeKind.NO_VALID_CERTIFICATE, None, None))
    listed = {certificate.fingerprint_sha256 for certificate in described.certificates}
    changes += [
        MetadataChange(MetadataChangeKind.CERTIFICATE_WITHDRAWN, certificate.fingerprint_sha256, None)
        for certificate in before.valid_certificates(now)
        if certificate.fingerprint_sha256 not in listed
    ]
    return tuple(changes)


def taken_over(before: IdentityProvider | None, described: IdentityProvider, now: datetime) -> IdentityProvider:
    """What a refresh makes of the identity provider by itself.

    A document with a breaking change leaves everything as it was. Any other is taken over whole, new certificates among
    it; certificates it no longer lists are kept until they expire or an administrator confirms.
    """
    if before is None:
        return described
    if any(change.is_breaking for change in changes_to_confirm(before, described, now)):
        return before
    listed = {certificate.fingerprint_sha256 for certificate in described.certificates}
    kept = tuple(item for item in before.valid_certificates(now) if item.fingerprint_sha256 not in listed)
    return replace(described, certificates=described.certificates + kept)


def with_identity_provider(connection: Connection, idp: IdentityProvider, now: datetime) -> Connection:
    """The connection with this identity provider: what it trusts anew is not tested yet (R4)."""
    changed_at = connection.idp_changed_at if idp.trusts_the_same_as(connection.idp) else now
    same_end = last_expiry(idp) == last_expiry(connection.idp)
    due = connection.expiry_warning_due_at if same_end else next_warning(idp)
    return replace(connection, idp=idp, idp_changed_at=changed_at, expiry_warning_due_at=due)


def described(connection: Connection, idp: IdentityProvider, metadata_url: str | None, now: datetime) -> Connection:
    """The connection after an administrator described its identity provider: by its metadata's URL, or without."""
    return replace(
        with_identity_provider(connection, idp, now),
        metadata_url=metadata_url,
        metadata_refreshed_at=now if metadata_url else None,
        metadata_due_at=now + REFRESHED_EVERY if metadata_url else None,
        metadata_failing_since=None,
        metadata_error=None,
    )


def read_again(connection: Connection, described: IdentityProvider, now: datetime) -> Connection:
    """The connection after its metadata was read again, and when that is due next."""
    return replace(
        with_identity_provider(connection, taken_over(connection.idp, described, now), now),
        metadata_refreshed_at=now,
        metadata_due_at=now + REFRESHED_EVERY,
        metadata_failing_since=None,
        metadata_error=None,
    )


def unreadable(connection: Connection, error: str, now: datetime) -> Connection:
    """The connection after its metadata could not be read; what was known of the identity provider stays."""
    since = connection.metadata_failing_since or now
    soon = now - since < ASKED_SOON_FOR
    return replace(
        connection,
        metadata_failing_since=since,
        metadata_error=error,
        metadata_due_at=now + (ASKED_AGAIN_AFTER if soon else REFRESHED_EVERY),
    )


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.lower()
