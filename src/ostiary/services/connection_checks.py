"""What is done about connections by the clock: reading metadata again, warning of certificates that end (R4)."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.certificate_expiry import days_left, last_expiry, next_warning
from ostiary.domain.connection import Connection, IdentityProvider
from ostiary.domain.errors import DomainError
from ostiary.domain.idp_metadata import read_again, unreadable
from ostiary.services import mails
from ostiary.services.connection_book import audited
from ostiary.services.connection_metadata import stage
from ostiary.services.connection_sources import IdpDescriber, IdpSource
from ostiary.services.context import Journal, Kit
from ostiary.services.ports.organizations import Lock

BATCH = 20
# So many batches a run: a run ends, however slow identity providers are.
MAX_BATCHES = 50
# Whoever claims a connection and dies leaves it for then.
CLAIMED_FOR = timedelta(hours=1)


class ConnectionCheckService:
    """Looks at many connections a run; no transaction is open while an identity provider answers."""

    def __init__(self, kit: Kit, describer: IdpDescriber) -> None:
        self._kit = kit
        self._describer = describer

    async def refresh_metadata(self) -> Mapping[str, int]:
        """Read all metadata that is due; answers how many were read and could not be."""
        counts: Counter[str] = Counter()
        for _ in range(MAX_BATCHES):
            now = self._kit.clock.now()
            async with self._kit.uow() as uow:
                claimed = await uow.connections.claim_metadata(now, now + CLAIMED_FOR, limit=BATCH)
                await uow.commit()
            counts.update(await asyncio.gather(*(self._refresh(connection) for connection in claimed)))
            if len(claimed) < BATCH:
                break
        return counts

    async def warn_of_expiry(self) -> int:
        """Tell administrators of certificates that end; answers of how many connections."""
        count = 0
        for _ in range(MAX_BATCHES):
            now = self._kit.clock.now()
            async with self._kit.uow() as uow:
                claimed = await uow.connections.claim_expiring(now, now + CLAIMED_FOR, limit=BATCH)
                await uow.commit()
            for connection in claimed:
                count += await self._warn(connection)
            if len(claimed) < BATCH:
                break
        return count

    async def _refresh(self, claimed: Connection) -> str:
        try:
            described = await self._describer.describe(IdpSource(metadata_url=claimed.metadata_url))
        except DomainError as error:
            await self._settle(claimed, None, error.detail)
            return "unreadable"
        await self._settle(claimed, described, "")
        return "read"

    async def _settle(self, claimed: Connection, described: IdentityProvider | None, error: str) -> None:
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(claimed.organization_id, Lock.EXCLUSIVE)
            before = await uow.connections.get(claimed.organization_id, claimed.id) if organization else None
            # Deleted, or described anew since it was claimed: what was read before that is old.
            if organization is None or before is None or before.metadata_url != claimed.metadata_url:
                return
            after = unreadable(before, error, now) if described is None else read_again(before, described, now)
            journal = Journal(self._kit, uow, organization.id, AuditActor(ActorKind.SYSTEM), None)
            if described is not None:
                await stage(self._kit, uow, journal, organization, after, described)
            await uow.connections.save(after)
            action = _action(before, after)
            if action is not None:
                await journal.write(action, "connection", after.id, before=audited(before), after=audited(after))
            await uow.commit()

    async def _warn(self, claimed: Connection) -> int:
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(claimed.organization_id, Lock.EXCLUSIVE)
            connection = await uow.connections.get(claimed.organization_id, claimed.id) if organization else None
            ends = last_expiry(connection.idp) if connection else None
            # Deleted, or with other certificates since it was claimed.
            if organization is None or connection is None or ends is None or ends != last_expiry(claimed.idp):
                return 0
            await uow.connections.save(replace(connection, expiry_warning_due_at=next_warning(connection.idp, now)))
            days = days_left(ends, now)
            journal = Journal(self._kit, uow, organization.id, AuditActor(ActorKind.SYSTEM), None)
            await journal.write(
                "connection.certificate_expiring",
                "connection",
                connection.id,
                after={"expires_at": ends.isoformat(), "days_left": days},
            )
            for address in await uow.members.administrator_emails(organization.id):
                await uow.outbox.mail(
                    mails.certificates_expiring(address, organization, connection, days, ends, self._kit.urls.base_url)
                )
            await uow.commit()
        return 1


def _action(before: Connection, after: Connection) -> str | None:
    """What the audit calls a scheduled refresh; None where all is as it was."""
    if after.metadata_failing_since is not None:
        return "connection.metadata_unreadable" if before.metadata_failing_since is None else None
    return "connection.metadata_refreshed" if after.idp != before.idp else None
