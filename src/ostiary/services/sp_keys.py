"""Our SAML keys: an organization's, made when first needed, sealed at rest, changed without a gap."""

from ostiary.domain import ids
from ostiary.services.context import Kit
from ostiary.services.key_ring import KeyRing
from ostiary.services.ports.sso import StoredSpKey
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.world import Sealer
from ostiary.services.saml_ports import SamlMessages, ServiceProvider, SpKeyPair

_PURPOSE = "saml-sp-key"


class SpKeys:
    """Makes, seals and opens our keys."""

    def __init__(self, kit: Kit, sealer: Sealer, messages: SamlMessages) -> None:
        self._kit = kit
        self._sealer = sealer
        self._messages = messages

    async def ensure(self, uow: UnitOfWork, organization_id: str) -> StoredSpKey:
        """The organization's newest key in use, made now if it has none; call it under the exclusive lock."""
        living = [key for key in await uow.sp_keys.all(organization_id) if key.retired_at is None]
        return living[0] if living else await self.make(uow, organization_id)

    async def make(self, uow: UnitOfWork, organization_id: str) -> StoredSpKey:
        """A new key of the organization."""
        now = self._kit.clock.now()
        pair = await self._messages.new_key(f"Ostiary {organization_id}", now)
        stored = StoredSpKey(
            id=self._kit.ids.new(ids.SP_KEY),
            organization_id=organization_id,
            certificate_pem=pair.certificate_pem,
            sealed_private_key=self._sealer.seal(pair.private_key_pem, purpose=_PURPOSE),
            created_at=now,
        )
        await uow.sp_keys.add(stored)
        return stored

    def service_provider(self, connection_id: str, keys: KeyRing) -> ServiceProvider:
        """Our side of one connection."""
        urls = self._kit.urls
        return ServiceProvider(
            entity_id=urls.sp_entity_id(connection_id),
            acs_url=urls.acs(connection_id),
            slo_url=urls.slo(connection_id),
            metadata_url=urls.sp_entity_id(connection_id),
            key=self._opened(keys.signing),
            next_certificate_pem=keys.next.certificate_pem if keys.next else None,
        )

    def decrypting(self, keys: KeyRing) -> tuple[SpKeyPair, ...]:
        """Our keys an assertion may be encrypted for, the likeliest first."""
        return tuple(self._opened(key) for key in keys.decrypting)

    def _opened(self, stored: StoredSpKey) -> SpKeyPair:
        return SpKeyPair(self._sealer.unseal(stored.sealed_private_key, purpose=_PURPOSE), stored.certificate_pem)
