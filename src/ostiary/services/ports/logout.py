"""Repository of single logout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ostiary.domain.assertion import NameId


@dataclass(frozen=True, slots=True)
class LogoutFlow:
    """One browser's way to the identity provider to log out there too; found by its relay state."""

    organization_id: str
    connection_id: str
    request_id: str
    subject: NameId
    session_index: str | None
    created_at: datetime
    expires_at: datetime


class LogoutRepository(Protocol):
    """Logout flows by the hash of their relay state, and the sessions a LogoutRequest ends."""

    async def add(self, flow: LogoutFlow, relay_state_hash: bytes) -> None:
        """Store a new flow."""
        ...

    async def get(self, organization_id: str, relay_state_hash: bytes, now: datetime) -> LogoutFlow | None:
        """The living flow."""
        ...

    async def consume(self, organization_id: str, relay_state_hash: bytes, now: datetime) -> LogoutFlow | None:
        """Use a living flow up; None when it was used or has expired."""
        ...

    async def end_sessions(
        self, organization_id: str, connection_id: str, subject: NameId, session_indexes: Sequence[str]
    ) -> Mapping[str, int]:
        """End the subject's sessions and codes of the connection, all of them where no index is given.

        Answers how many sessions and codes ended, by account.
        """
        ...
