"""Rows that are of no use after a while."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Perishable(StrEnum):
    """What perishes."""

    SESSIONS = "sessions"
    EMAIL_CHANGES = "email_changes"
    EMAIL_TOKENS = "email_tokens"
    RECOVERY_LINKS = "recovery_links"
    ATTEMPT_COUNTS = "attempt_counts"
    IDEMPOTENCY_KEYS = "idempotency_keys"
    SERVICE_ACCOUNT_TOKENS = "service_account_tokens"
    SETUP_LINKS = "setup_links"
    SIGN_IN_FLOWS = "sign_in_flows"
    LOGOUT_FLOWS = "logout_flows"
    ONE_TIME_CODES = "one_time_codes"
    REPLAY_KEYS = "replay_keys"
    SIGN_IN_TRACES = "sign_in_traces"
    DEPARTURES = "departures"
    DIRECTORY_TOKENS = "directory_tokens"
    DIRECTORY_REQUESTS = "directory_requests"
    WEBHOOK_DELIVERIES = "webhook_deliveries"
    SP_KEYS = "sp_keys"
    JOB_LOG = "job_log"
    JOB_STATISTICS = "job_statistics"


class CleanupRepository(Protocol):
    """Deletes over all organizations at once: time is the same for everybody."""

    async def delete(self, kind: Perishable, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` rows that expired, or where nothing expires began, before the time; answers how many.

        Rows that somebody else has locked are left for the next time.
        """
        ...

    async def trim_directory_requests(self, most: int, *, limit: int) -> int:
        """Delete up to `limit` of the oldest requests of directories that have more than `most`; answers how many."""
        ...

    async def purge_organization(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` rows of one organization that was deleted before the time, itself last; how many."""
        ...
