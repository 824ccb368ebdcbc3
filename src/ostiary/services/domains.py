"""E-mail domains: adding, proving by DNS, removing (R3)."""

from dataclasses import replace

from ostiary.domain import ids
from ostiary.domain.access import Operation
from ostiary.domain.domain_name import DomainStatus, EmailDomain, checked_domain, proves
from ostiary.domain.errors import conflict, not_found
from ostiary.domain.sso_policy import ensure_sso_stays_usable
from ostiary.services.context import Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.world import DomainResolver

TXT_VALUE = "ostiary-domain-verification="


class DomainService:
    """The e-mail domains of an organization."""

    def __init__(self, kit: Kit, resolver: DomainResolver) -> None:
        self._kit = kit
        self._resolver = resolver

    async def add(self, caller: Caller, reference: str, name: str) -> EmailDomain:
        """Add a domain to prove; raises `domain_exists`. Other organizations may prove it too, each by its value."""
        checked = checked_domain(name)
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.ADD_DOMAIN, lock=Lock.SHARED)
            domain = EmailDomain(
                id=self._kit.ids.new(ids.DOMAIN),
                organization_id=admitted.organization.id,
                name=checked,
                status=DomainStatus.PENDING,
                txt_value=self._kit.ids.secret(TXT_VALUE),
                created_at=self._kit.clock.now(),
            )
            await uow.domains.add(domain)
            await Journal.of(self._kit, uow, admitted).write(
                "domain.added", "domain", domain.id, after={"name": domain.name}
            )
            await uow.commit()
        return domain

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[EmailDomain]:
        """The organization's domains."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DOMAINS)
            return await uow.domains.list(admitted.organization.id, page)

    async def verify(self, caller: Caller, reference: str, domain_id: str) -> EmailDomain:
        """Look the TXT record up and take the domain as proven; raises `domain_not_verified` (409)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.VERIFY_DOMAIN)
            asked = await uow.domains.get(admitted.organization.id, domain_id)
        if asked is None:
            raise not_found("domain")
        # No connection is held while DNS answers; whether the domain is still there is read again afterwards.
        found = await self._resolver.txt(asked.txt_name)
        if not proves(asked, found):
            seen = f"found {len(found)} other value(s)" if found else "found none"
            raise conflict(
                "domain_not_verified",
                f"Publish a TXT record at {asked.txt_name} with the value {asked.txt_value} and verify again; "
                f"we {seen} there. DNS changes can take some minutes to be seen.",
            )
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.VERIFY_DOMAIN, lock=Lock.SHARED)
            domain = await uow.domains.get(admitted.organization.id, domain_id)
            if domain is None:
                raise not_found("domain")
            verified = replace(
                domain,
                status=DomainStatus.VERIFIED,
                verified_at=domain.verified_at or self._kit.clock.now(),
                failing_since=None,
                override_until=None,
            )
            if verified != domain:
                await uow.domains.save(verified)
                await Journal.of(self._kit, uow, admitted).write(
                    "domain.verified",
                    "domain",
                    domain.id,
                    before={"status": domain.status},
                    after={"status": verified.status, "name": domain.name},
                )
            await uow.commit()
        return verified

    async def delete(self, caller: Caller, reference: str, domain_id: str) -> None:
        """Remove a domain; raises `sso_in_use` where nobody could sign in afterwards (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.DELETE_DOMAIN, lock=Lock.EXCLUSIVE)
            organization_id = admitted.organization.id
            domain = await uow.domains.get(organization_id, domain_id)
            if domain is None:
                raise not_found("domain")
            remaining = tuple(other for other in await uow.domains.all(organization_id) if other.id != domain.id)
            ensure_sso_stays_usable(
                admitted.organization, await uow.connections.all(organization_id), remaining, self._kit.clock.now()
            )
            await uow.domains.delete(organization_id, domain.id)
            await Journal.of(self._kit, uow, admitted).write(
                "domain.deleted", "domain", domain.id, before={"name": domain.name, "status": domain.status}
            )
            await uow.commit()
