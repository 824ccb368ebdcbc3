"""Deleting what perishes: global, because time is the same for every organization."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, delete, select, tuple_

from ostiary.adapters.db.job_queue import NAMES
from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.tables import (
    attempt_counts,
    directories,
    directory_departures,
    directory_requests,
    directory_tokens,
    email_changes,
    email_tokens,
    idempotency_keys,
    logout_flows,
    metadata,
    one_time_codes,
    organizations,
    recovery_links,
    replayed_assertions,
    service_account_tokens,
    sessions,
    setup_links,
    sign_in_flows,
    sign_in_traces,
    sp_keys,
    webhook_deliveries,
)
from ostiary.services.ports.cleanup import Perishable


def _of_the_queue(name: str) -> Table:
    """As much of a table of the job queue as a deletion needs; in no metadata of ours, for it is not our table."""
    return Table(
        name, MetaData(), Column("id", BigInteger, primary_key=True), Column("created", DateTime(timezone=True))
    )


_TIMES: Mapping[Perishable, Column[datetime]] = {
    Perishable.SESSIONS: sessions.c.expires_at,
    Perishable.EMAIL_CHANGES: email_changes.c.expires_at,
    Perishable.EMAIL_TOKENS: email_tokens.c.expires_at,
    Perishable.RECOVERY_LINKS: recovery_links.c.expires_at,
    Perishable.ATTEMPT_COUNTS: attempt_counts.c.expires_at,
    Perishable.IDEMPOTENCY_KEYS: idempotency_keys.c.expires_at,
    Perishable.SERVICE_ACCOUNT_TOKENS: service_account_tokens.c.expires_at,
    Perishable.SETUP_LINKS: setup_links.c.expires_at,
    Perishable.SIGN_IN_FLOWS: sign_in_flows.c.expires_at,
    Perishable.LOGOUT_FLOWS: logout_flows.c.expires_at,
    Perishable.ONE_TIME_CODES: one_time_codes.c.expires_at,
    Perishable.REPLAY_KEYS: replayed_assertions.c.keep_until,
    Perishable.SIGN_IN_TRACES: sign_in_traces.c.started_at,
    Perishable.DEPARTURES: directory_departures.c.at,
    Perishable.DIRECTORY_TOKENS: directory_tokens.c.expires_at,
    Perishable.DIRECTORY_REQUESTS: directory_requests.c.at,
    Perishable.WEBHOOK_DELIVERIES: webhook_deliveries.c.created_at,
    Perishable.SP_KEYS: sp_keys.c.retired_at,
    Perishable.JOB_LOG: _of_the_queue(NAMES.queue_table_log).c.created,
    Perishable.JOB_STATISTICS: _of_the_queue(NAMES.statistics_table).c.created,
}


class Cleanup(Repository):
    """Deletes row by row what is past its time, oldest first; never waits for a lock."""

    async def delete(self, kind: Perishable, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` rows whose time is before the given one; answers how many."""
        time = _TIMES[kind]
        table = time.table
        key = tuple_(*table.primary_key)
        past = select(*table.primary_key).where(time < before).order_by(time).limit(limit)
        result = await self._execute(delete(table).where(key.in_(past.with_for_update(skip_locked=True))))
        return result.rowcount

    async def trim_directory_requests(self, most: int, *, limit: int) -> int:
        """Delete up to `limit` of the oldest requests of directories that have more than `most`; answers how many."""
        requests = directory_requests.c
        # The first too many of each directory; those who have few are passed by on the index.
        its = directory_requests.alias().c
        edge = (
            select(its.id)
            .where(its.organization_id == directories.c.organization_id)
            .order_by(its.id.desc())
            .offset(most)
            .limit(1)
            .lateral()
        )
        too_many = (
            select(requests.organization_id, requests.id)
            .join(directories, directories.c.organization_id == requests.organization_id)
            .join(edge, requests.id <= edge.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=directory_requests)
        )
        result = await self._execute(
            delete(directory_requests).where(tuple_(requests.organization_id, requests.id).in_(too_many))
        )
        return result.rowcount

    async def purge_organization(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` rows of one organization that was deleted before the time, itself last; how many."""
        organization_id = await self._scalar(
            select(organizations.c.id)
            .where(organizations.c.deleted_at < before)
            .order_by(organizations.c.deleted_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if organization_id is None:
            return 0
        # What refers to others goes before them, so that no row takes many more with it.
        for table in reversed(metadata.sorted_tables):
            if "organization_id" in table.c:
                of_it = select(*table.primary_key).where(table.c.organization_id == organization_id).limit(limit)
                gone = await self._execute(delete(table).where(tuple_(*table.primary_key).in_(of_it)))
                if gone.rowcount:
                    return gone.rowcount
        await self._execute(delete(organizations).where(organizations.c.id == organization_id))
        return 1
