"""Which of the organization's keys a connection signs with, publishes and decrypts with."""

from dataclasses import dataclass

from ostiary.domain.connection import Connection
from ostiary.domain.errors import DomainError, Kind
from ostiary.services.ports.sso import StoredSpKey
from ostiary.services.ports.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Our keys, as one connection uses them; `decrypting` are all of the organization's, the one that signs first."""

    signing: StoredSpKey
    next: StoredSpKey | None
    decrypting: tuple[StoredSpKey, ...]


def ring_of(connection: Connection, keys: tuple[StoredSpKey, ...]) -> KeyRing:
    """The connection's keys among those of its organization; raises `sp_key_missing`."""
    known = {key.id: key for key in keys}
    signing = known.get(connection.sp_key_id) if connection.sp_key_id else None
    if signing is None:
        raise DomainError(
            Kind.UNAVAILABLE, "sp_key_missing", "The organization's signing key is missing. Tell support."
        )
    following = known.get(connection.next_sp_key_id) if connection.next_sp_key_id else None
    return KeyRing(signing, following, (signing, *(key for key in keys if key is not signing)))


async def keys_of(uow: UnitOfWork, connection: Connection) -> KeyRing:
    """The connection's keys, in one statement; raises `sp_key_missing`."""
    return ring_of(connection, await uow.sp_keys.all(connection.organization_id))
