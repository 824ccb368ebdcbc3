"""Databases of the control plane, their administrators and their credentials."""

from dataclasses import dataclass
from datetime import datetime

from ostiary.domain import ids


@dataclass(frozen=True, slots=True)
class Database:
    """A database of the organization."""

    id: str
    organization_id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """A database credential. It belongs to the organization and outlives its creator's membership (R15).

    `created_by` is the creator's account or service account, kept after a removal; `created_by_email` its address or
    name. `creator_removed` says that it is no member any more, or no more.
    """

    id: str
    organization_id: str
    database_id: str
    name: str
    username: str
    created_by: str | None
    created_by_email: str
    creator_removed: bool
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def is_by_service_account(self) -> bool:
        """Whether no person made it."""
        return self.created_by is not None and ids.decode(ids.SERVICE_ACCOUNT, self.created_by) is not None
