"""Looking for the TXT records of proven domains again, by the clock (R3)."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.domain_name import DomainStatus, EmailDomain, after_loss, after_proof, proves
from ostiary.domain.errors import DomainError
from ostiary.services import mails
from ostiary.services.context import Journal, Kit
from ostiary.services.domains import audited
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.world import DomainResolver

BATCH = 20
# So many batches a run: a run ends, whatever DNS does, before the one after the next begins.
MAX_BATCHES = 50
# Whoever claims a domain and dies, or finds no DNS server that answers, leaves it for then.
TRY_AGAIN_AFTER = timedelta(hours=1)


class DomainCheckService:
    """Looks at many domains a run; no transaction is open while DNS answers."""

    def __init__(self, kit: Kit, resolver: DomainResolver) -> None:
        self._kit = kit
        self._resolver = resolver

    async def run(self) -> Mapping[str, int]:
        """Check every domain that is due; answers how many were found, lost and unanswered."""
        counts: Counter[str] = Counter()
        for _ in range(MAX_BATCHES):
            now = self._kit.clock.now()
            async with self._kit.uow() as uow:
                claimed = await uow.domains.claim_due(now, now + TRY_AGAIN_AFTER, limit=BATCH)
                await uow.commit()
            counts.update(await asyncio.gather(*(self._check(domain) for domain in claimed)))
            if len(claimed) < BATCH:
                break
        return counts

    async def _check(self, claimed: EmailDomain) -> str:
        try:
            found = proves(claimed, await self._resolver.txt(claimed.txt_name))
        except DomainError:
            # No answer is no lost record: it is asked again in an hour.
            return "unanswered"
        await self._settle(claimed, found=found)
        return "found" if found else "lost"

    async def _settle(self, claimed: EmailDomain, *, found: bool) -> None:
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(claimed.organization_id, Lock.SHARED)
            if found:
                await uow.domains.hold_name(claimed.organization_id, claimed.name)
            domain = await uow.domains.get(claimed.organization_id, claimed.id, lock=True)
            # Verified, vouched for or deleted since it was claimed: what DNS said before that is old.
            if organization is None or domain is None or domain != claimed:
                return
            after = after_proof(domain, now) if found else after_loss(domain, now)
            await uow.domains.save(after)
            action = _action(domain, after)
            if action is not None:
                journal = Journal(self._kit, uow, organization.id, AuditActor(ActorKind.SYSTEM), None)
                await journal.write(action, "domain", domain.id, before=audited(domain), after=audited(after))
            if action in _MAILS:
                for address in await uow.members.administrator_emails(organization.id):
                    await uow.outbox.mail(_MAILS[action](address, organization.name, after))
            await uow.commit()


_FAILING, _LAPSED, _VERIFIED = "domain.failing", "domain.lapsed", "domain.verified"
_MAILS = {_FAILING: mails.domain_failing, _LAPSED: mails.domain_lapsed}


def _action(before: EmailDomain, after: EmailDomain) -> str | None:
    """What the audit calls the change; None where only the time of the next check changed."""
    if after.lapsed_at is not None and before.lapsed_at is None:
        return _LAPSED
    if after.status is DomainStatus.FAILING and before.status is not DomainStatus.FAILING:
        return _FAILING
    recovered = before.status is not DomainStatus.VERIFIED or before.override_until is not None
    return _VERIFIED if after.override_until is None and after.status is DomainStatus.VERIFIED and recovered else None
