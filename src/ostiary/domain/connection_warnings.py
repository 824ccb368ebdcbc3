"""What an administrator should look at on a connection, before it becomes a lock-out."""

from collections.abc import Iterator
from datetime import datetime

from ostiary.domain.certificate_expiry import WARNED_BEFORE, last_expiry
from ostiary.domain.connection import Connection
from ostiary.domain.idp_metadata import MetadataChange, MetadataChangeKind


def warnings(connection: Connection, waiting: tuple[MetadataChange, ...], now: datetime) -> tuple[str, ...]:
    """The warnings of a connection; `waiting` is what the metadata changes and nobody has confirmed yet."""
    found = [*_of_the_identity_provider(connection, now)]
    if waiting:
        found.append(f"The metadata changes {told(waiting)}. Look at it (staged-metadata), then apply or discard it.")
    if connection.metadata_failing_since is not None:
        found.append(
            f"The metadata could not be read since {connection.metadata_failing_since:%d %B %Y, %H:%M} UTC: "
            f"{connection.metadata_error}"
        )
    return (*found, *_of_the_settings(connection))


def _of_the_identity_provider(connection: Connection, now: datetime) -> Iterator[str]:
    if connection.idp is None:
        return
    ends = last_expiry(connection.idp)
    if ends is None or ends <= now:
        yield "No certificate of the identity provider is valid any more: refresh the metadata."
    elif ends - now <= WARNED_BEFORE[0]:
        yield f"The identity provider's last certificate expires on {ends:%d %B %Y}."
    if not connection.is_tested():
        yield "Nobody has completed a test sign-in since the identity provider last changed."


def _of_the_settings(connection: Connection) -> Iterator[str]:
    if connection.next_sp_key_id is not None:
        yield (
            "A new certificate of ours (sp.next_certificate) waits: give it to the identity provider, then complete "
            "the rotation."
        )
    if connection.allow_sha1:
        yield "Signatures with SHA-1 are accepted, which can be forged: let the identity provider use SHA-256."
    if connection.allow_aes_cbc:
        yield "Assertions encrypted with AES-CBC are accepted: let the identity provider use AES-GCM."
    if connection.allow_idp_initiated:
        yield "Sign-ins may begin at the identity provider, which makes login CSRF possible."


def told(changes: tuple[MetadataChange, ...]) -> str:
    """The changes in a sentence's words."""
    return " and ".join(_told(change) for change in changes)


def _told(change: MetadataChange) -> str:
    match change.kind:
        case MetadataChangeKind.ISSUER:
            return f"the issuer from {change.before} to {change.after}"
        case MetadataChangeKind.SSO_HOST:
            return f"the sign-in host from {change.before} to {change.after}"
        case MetadataChangeKind.NO_VALID_CERTIFICATE:
            return "the certificates to ones of which none is valid today"
        case MetadataChangeKind.CERTIFICATE_WITHDRAWN:
            return f"the certificates, of which it no longer lists {change.before}"
