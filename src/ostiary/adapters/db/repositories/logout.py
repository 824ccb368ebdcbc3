"""Logout flows, and the sessions a LogoutRequest ends."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, insert, select

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.repositories.subject_rows import read_subject, subject_values
from ostiary.adapters.db.tables import logout_flows, one_time_codes, sessions
from ostiary.domain.assertion import NameId
from ostiary.services.ports.logout import LogoutFlow


def _flow(row: Row[Any]) -> LogoutFlow:
    subject = read_subject(row.subject)
    assert subject is not None
    return LogoutFlow(
        organization_id=row.organization_id,
        connection_id=row.connection_id,
        request_id=row.request_id,
        subject=subject,
        session_index=row.session_index,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _living(organization_id: str, relay_state_hash: bytes, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        logout_flows.c.organization_id == organization_id,
        logout_flows.c.relay_state_hash == relay_state_hash,
        logout_flows.c.expires_at > now,
    )


class Logouts(Repository):
    """Single logout in one organization."""

    async def add(self, flow: LogoutFlow, relay_state_hash: bytes) -> None:
        """Store a new flow."""
        await self._execute(
            insert(logout_flows).values(
                organization_id=flow.organization_id,
                relay_state_hash=relay_state_hash,
                connection_id=flow.connection_id,
                request_id=flow.request_id,
                session_index=flow.session_index,
                subject=subject_values(flow.subject),
                created_at=flow.created_at,
                expires_at=flow.expires_at,
            )
        )

    async def get(self, organization_id: str, relay_state_hash: bytes, now: datetime) -> LogoutFlow | None:
        """The living flow."""
        row = await self._first(select(logout_flows).where(*_living(organization_id, relay_state_hash, now)))
        return None if row is None else _flow(row)

    async def consume(self, organization_id: str, relay_state_hash: bytes, now: datetime) -> LogoutFlow | None:
        """Use a living flow up; None when it was used or has expired."""
        gone = delete(logout_flows).where(*_living(organization_id, relay_state_hash, now))
        row = await self._first(gone.returning(logout_flows))
        return None if row is None else _flow(row)

    async def end_sessions(
        self, organization_id: str, connection_id: str, subject: NameId, session_indexes: Sequence[str]
    ) -> dict[str, int]:
        """End the subject's sessions and codes of the connection; answers how many of them ended, by account."""
        gone = delete(sessions).where(*_named(sessions, organization_id, connection_id, subject, session_indexes))
        ended = Counter(row.account_id for row in await self._execute(gone.returning(sessions.c.account_id)))
        codes = delete(one_time_codes).where(
            *_named(one_time_codes, organization_id, connection_id, subject, session_indexes)
        )
        turned_in = await self._execute(codes.returning(one_time_codes.c.account_id, one_time_codes.c.session_id))
        # A code that became a session is counted as that.
        ended.update(row.account_id for row in turned_in if row.session_id is None)
        return dict(sorted(ended.items()))


def _named(
    table: Table, organization_id: str, connection_id: str, subject: NameId, session_indexes: Sequence[str]
) -> tuple[ColumnElement[bool], ...]:
    named = (
        table.c.organization_id == organization_id,
        table.c.connection_id == connection_id,
        table.c.subject["key"].astext.in_(sorted(subject.possible_keys)),
    )
    return (*named, table.c.session_index.in_(session_indexes)) if session_indexes else named
