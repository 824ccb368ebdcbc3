"""Deleting what has expired, by the clock."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ostiary.domain.directory_breaker import MAX_WINDOW
from ostiary.domain.organization import RESTORABLE_FOR
from ostiary.services.context import Kit
from ostiary.services.ports.cleanup import Perishable

# How long rows are kept after they expired; for what never expires, after it began.
KEPT_FOR: Mapping[Perishable, timedelta] = {
    Perishable.SESSIONS: timedelta(0),
    Perishable.EMAIL_CHANGES: timedelta(0),
    Perishable.EMAIL_TOKENS: timedelta(0),
    Perishable.RECOVERY_LINKS: timedelta(0),
    Perishable.ATTEMPT_COUNTS: timedelta(0),
    Perishable.IDEMPOTENCY_KEYS: timedelta(0),
    Perishable.LOGOUT_FLOWS: timedelta(0),
    # Administrators see for a while which links there were.
    Perishable.SETUP_LINKS: timedelta(days=30),
    # Administrators see for a while which tokens there were.
    Perishable.SERVICE_ACCOUNT_TOKENS: timedelta(days=30),
    # A browser that comes back late, or a code used twice, is still told apart from nonsense for a day.
    Perishable.SIGN_IN_FLOWS: timedelta(days=1),
    Perishable.ONE_TIME_CODES: timedelta(days=1),
    # Their time outlives the assertion and all leeway as it is.
    Perishable.REPLAY_KEYS: timedelta(0),
    Perishable.SIGN_IN_TRACES: timedelta(days=30),
    # No breaker looks further back.
    Perishable.DEPARTURES: MAX_WINDOW,
    # Administrators see for a while why provisioning stopped.
    Perishable.DIRECTORY_TOKENS: timedelta(days=30),
    Perishable.DIRECTORY_REQUESTS: timedelta(days=7),
    Perishable.WEBHOOK_DELIVERIES: timedelta(days=30),
    # An identity provider may go on encrypting for the old key for a while.
    Perishable.SP_KEYS: timedelta(days=30),
    Perishable.JOB_LOG: timedelta(days=30),
    Perishable.JOB_STATISTICS: timedelta(days=30),
}
BATCH = 5_000
# Of one directory, however busy its identity provider is.
MAX_DIRECTORY_REQUESTS = 5_000


class CleanupService:
    """Deletes in small transactions, so that it holds nobody up however much there is."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def run(self) -> Mapping[str, int]:
        """Delete everything that is past its time; answers how many rows of which kinds."""
        now = self._kit.clock.now()
        deleted: dict[str, int] = {}
        for kind, kept_for in KEPT_FOR.items():
            more = True
            while more:
                async with self._kit.uow() as uow:
                    count = await uow.cleanup.delete(kind, now - kept_for, limit=BATCH)
                    await uow.commit()
                deleted[kind] = deleted.get(kind, 0) + count
                more = count == BATCH
        deleted[Perishable.DIRECTORY_REQUESTS] += await self._trim_directory_requests()
        deleted["organizations"] = await self._purge_organizations(now - RESTORABLE_FOR)
        return {kind: count for kind, count in deleted.items() if count}

    async def _trim_directory_requests(self) -> int:
        """Delete what busy directories have too much of; answers how many rows."""
        count, more = 0, True
        while more:
            async with self._kit.uow() as uow:
                gone = await uow.cleanup.trim_directory_requests(MAX_DIRECTORY_REQUESTS, limit=BATCH)
                await uow.commit()
            count += gone
            more = gone == BATCH
        return count

    async def _purge_organizations(self, before: datetime) -> int:
        """Delete for good whatever nobody can have back any more; answers how many rows."""
        count = 0
        while True:
            async with self._kit.uow() as uow:
                gone = await uow.cleanup.purge_organization(before, limit=BATCH)
                await uow.commit()
            if not gone:
                return count
            count += gone
