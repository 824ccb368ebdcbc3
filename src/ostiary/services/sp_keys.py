"""Our SAML keys: one an organization, made when first needed, sealed at rest."""

from ostiary.domain import ids
from ostiary.services.context import Kit
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
        """The organization's key, made now if it has none; call it under the exclusive lock."""
        stored = await uow.sp_keys.current(organization_id)
        if stored is None:
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

    def service_provider(self, connection_id: str, stored: StoredSpKey) -> ServiceProvider:
        """Our side of one connection."""
        urls = self._kit.urls
        return ServiceProvider(
            entity_id=urls.sp_entity_id(connection_id),
            acs_url=urls.acs(connection_id),
            slo_url=urls.slo(connection_id),
            metadata_url=urls.sp_entity_id(connection_id),
            key=SpKeyPair(self._sealer.unseal(stored.sealed_private_key, purpose=_PURPOSE), stored.certificate_pem),
        )
