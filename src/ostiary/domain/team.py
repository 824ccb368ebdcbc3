"""Teams: groups of members, made by hand or mapped to a directory group."""

from dataclasses import dataclass
from datetime import datetime

from ostiary.domain.errors import conflict
from ostiary.domain.membership import ManagedBy


@dataclass(frozen=True, slots=True)
class Team:
    """A team. While the directory keeps it, `external_id` is the identity provider's name for the group."""

    id: str
    organization_id: str
    name: str
    managed_by: ManagedBy
    created_at: datetime
    external_id: str | None = None


def ensure_teams_are_manual(directory_enabled: bool) -> None:
    """Refuse to change teams by hand while every team maps to a directory group (R40)."""
    if directory_enabled:
        raise conflict(
            "directory_managed",
            "Teams follow the groups of your identity provider while Directory Sync is on. Change the group there.",
        )
