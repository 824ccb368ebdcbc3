"""E-mail domains: adding, proving by DNS, support's word, removing (R3)."""

from dataclasses import replace

from ostiary.domain import ids
from ostiary.domain.audit import JsonValue
from ostiary.domain.domain_name import (
    DomainStatus,
    EmailDomain,
    after_override,
    after_proof,
    checked_domain,
    ensure_ownable,
    proves,
)
from ostiary.domain.errors import conflict, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.domain.setup_link import ensure_may_make, ensure_proves_domain, ensure_sees_domain
from ostiary.domain.sso_policy import ensure_sso_stays_usable, sign_in_footing
from ostiary.services import mails
from ostiary.services.context import Caller, Journal, Kit, actor_of, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.world import DomainLists, DomainResolver

TXT_VALUE = "ostiary-domain-verification="
MAX_DOMAINS = 100


class DomainService:
    """The e-mail domains of an organization."""

    def __init__(self, kit: Kit, resolver: DomainResolver, lists: DomainLists) -> None:
        self._kit = kit
        self._resolver = resolver
        self._lists = lists

    async def add(self, caller: Caller, reference: str, name: str) -> EmailDomain:
        """Add a domain to prove. Other organizations may prove it too, each by its own value.

        Raises `public_suffix_domain` and `free_mail_domain` (422) for names no company has for itself, `domain_exists`
        and `too_many_domains` (409).
        """
        checked = checked_domain(name)
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.ADD_DOMAIN, lock=Lock.EXCLUSIVE)
            ensure_may_make(admitted.link)
            ensure_ownable(checked, self._lists.of(checked))
            domain = await self._add(uow, admitted.organization.id, checked)
            if admitted.link is not None:
                await uow.setup_links.name(replace(admitted.link, domain_id=domain.id))
            await Journal.of(self._kit, uow, admitted).write(
                "domain.added", "domain", domain.id, after={"name": domain.name}
            )
            await uow.commit()
        return domain

    async def add_for(self, caller: Caller, reference: str, name: str, reason: str) -> EmailDomain:
        """The operator adds a domain to prove, one on our lists of public names included; it still needs its record."""
        principal = caller.permitted(Operation.ADD_DOMAIN_FOR_ORGANIZATION)
        assert principal is not None
        checked = checked_domain(name)
        async with self._kit.uow() as uow:
            organization = await self._organization(uow, reference, Lock.EXCLUSIVE)
            domain = await self._add(uow, organization.id, checked)
            journal = Journal(self._kit, uow, organization.id, actor_of(principal), caller.request_id)
            await journal.write(
                "domain.added", "domain", domain.id, after={"name": domain.name, "operator_reason": reason}
            )
            await uow.commit()
        return domain

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[EmailDomain]:
        """The organization's domains."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DOMAINS)
            return await uow.domains.list(admitted.organization.id, page)

    async def get(self, caller: Caller, reference: str, domain_id: str) -> EmailDomain:
        """One domain."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_DOMAIN)
            ensure_sees_domain(admitted.link, domain_id)
            return await self._existing(uow, admitted.organization.id, domain_id)

    async def verify(self, caller: Caller, reference: str, domain_id: str) -> EmailDomain:
        """Look the TXT record up and take the domain as proven; raises `domain_not_verified` (409)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.VERIFY_DOMAIN)
            asked = await self._existing(uow, admitted.organization.id, domain_id)
            ensure_proves_domain(admitted.link, asked)
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
            await uow.domains.hold_name(admitted.organization.id, asked.name)
            domain = await self._existing(uow, admitted.organization.id, domain_id, lock=True)
            ensure_proves_domain(admitted.link, domain)
            verified = after_proof(domain, self._kit.clock.now())
            await uow.domains.save(verified)
            if verified.status is not domain.status or domain.override_until is not None:
                await Journal.of(self._kit, uow, admitted).write(
                    "domain.verified", "domain", domain.id, before=audited(domain), after=audited(verified)
                )
            await uow.commit()
        return verified

    async def vouch(self, caller: Caller, reference: str, domain_id: str, reason: str | None) -> EmailDomain:
        """Support takes a domain as proven for 30 days, without its record (R3); one proven by its record stays so.

        Raises `domain_verified_elsewhere` (409) where another organization has verified it.
        """
        principal = caller.permitted(Operation.VOUCH_FOR_DOMAIN)
        assert principal is not None
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            organization = await self._organization(uow, reference, Lock.SHARED)
            asked = await self._existing(uow, organization.id, domain_id)
            # What is proven elsewhere at this moment must be seen here, or wait for this.
            await uow.domains.hold_name(organization.id, asked.name)
            domain = await self._existing(uow, organization.id, domain_id, lock=True)
            if domain.status is DomainStatus.VERIFIED and domain.override_until is None:
                return domain
            if await uow.domains.is_admitted_elsewhere(organization.id, domain.name, now):
                raise conflict(
                    "domain_verified_elsewhere",
                    "Another organization has verified this domain. Have this one publish its own TXT record: several "
                    "may verify one domain, each by its record.",
                )
            vouched = after_override(domain, now)
            await uow.domains.save(vouched)
            journal = Journal(self._kit, uow, organization.id, actor_of(principal), caller.request_id)
            await journal.write(
                "domain.vouched_for",
                "domain",
                domain.id,
                before=audited(domain),
                after=audited(vouched) | {"reason": reason},
            )
            for address in await uow.members.administrator_emails(organization.id):
                await uow.outbox.mail(mails.domain_vouched_for(address, organization.name, vouched))
            await uow.commit()
        return vouched

    async def delete(self, caller: Caller, reference: str, domain_id: str) -> None:
        """Remove a domain; raises `sso_in_use` where nobody could sign in afterwards (R4)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.DELETE_DOMAIN, lock=Lock.EXCLUSIVE)
            organization_id, now = admitted.organization.id, self._kit.clock.now()
            domain = await self._existing(uow, organization_id, domain_id)
            caller.ensure_seen(domain)
            domains, connections = await uow.domains.all(organization_id), await uow.connections.all(organization_id)
            remaining = tuple(other for other in domains if other.id != domain.id)
            ensure_sso_stays_usable(
                admitted.organization,
                before=sign_in_footing(connections, domains, now),
                after=sign_in_footing(connections, remaining, now),
            )
            await uow.domains.delete(organization_id, domain.id)
            await Journal.of(self._kit, uow, admitted).write(
                "domain.deleted", "domain", domain.id, before=audited(domain)
            )
            await uow.commit()

    async def _add(self, uow: UnitOfWork, organization_id: str, name: str) -> EmailDomain:
        if len(await uow.domains.all(organization_id)) >= MAX_DOMAINS:
            raise conflict("too_many_domains", f"An organization has at most {MAX_DOMAINS} domains. Delete one first.")
        domain = EmailDomain(
            id=self._kit.ids.new(ids.DOMAIN),
            organization_id=organization_id,
            name=name,
            status=DomainStatus.PENDING,
            txt_value=self._kit.ids.secret(TXT_VALUE),
            created_at=self._kit.clock.now(),
        )
        await uow.domains.add(domain)
        return domain

    async def _existing(
        self, uow: UnitOfWork, organization_id: str, domain_id: str, *, lock: bool = False
    ) -> EmailDomain:
        domain = await uow.domains.get(organization_id, domain_id, lock=lock)
        if domain is None:
            raise not_found("domain")
        return domain

    async def _organization(self, uow: UnitOfWork, reference: str, lock: Lock) -> Organization:
        organization = await uow.organizations.get(reference, lock)
        if organization is None:
            raise not_found("organization")
        return organization


def audited(domain: EmailDomain) -> dict[str, JsonValue]:
    """The domain as the audit shows it."""
    return {
        "name": domain.name,
        "status": domain.status,
        "fails_at": domain.fails_at.isoformat() if domain.fails_at else None,
    }
