"""A directory: the SCIM provisioning endpoint of one organization, and the users and groups it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_breaker import Breaker

DEFAULT_ROLE_ATTRIBUTE = "role"


class OnDeactivate(StrEnum):
    """What is left of a member whom the directory deactivates (R43)."""

    REMOVE = "remove"
    SUSPEND = "suspend"


class UnknownAttributes(StrEnum):
    """What becomes of attributes that no schema declares and no setting names."""

    LENIENT = "lenient"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Directory:
    """Directory Sync of one organization."""

    id: str
    organization_id: str
    enabled: bool
    created_at: datetime
    on_deactivate: OnDeactivate = OnDeactivate.REMOVE
    manage_roles: bool = False
    role_attribute: str = DEFAULT_ROLE_ATTRIBUTE
    attribute_map: Mapping[str, str] = field(default_factory=dict[str, str])
    lenient_members: bool = True
    unknown_attributes: UnknownAttributes = UnknownAttributes.LENIENT
    enabled_at: datetime | None = None
    last_synced_at: datetime | None = None
    breaker: Breaker = field(default_factory=Breaker)
    breaker_tripped_at: datetime | None = None

    @property
    def settings(self) -> "Directory":
        """What people change of it: another sync is no other setting."""
        return replace(self, last_synced_at=None)


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user as the directory pushed it. Its id is the member's, so REST and SCIM name the person alike.

    `document` is the SCIM resource as last written, without what is joined at rendering (groups, locations).
    """

    id: str
    organization_id: str
    user_name: str
    external_id: str | None
    email: str | None
    display_name: str
    active: bool
    role_value: str | None
    document: Mapping[str, JsonValue]
    version: int
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A pushed group: a team whose members the directory keeps (R44)."""

    id: str
    organization_id: str
    display_name: str
    external_id: str | None
    document: Mapping[str, JsonValue]
    version: int
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class DirectoryCounts:
    """How much the directory has pushed."""

    users: int
    active_users: int
    groups: int
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A change of a group's members, by the values the directory names them with.

    Where it `replaces`, `added` are all members there are afterwards. A change names only what changes, so that a group
    of many costs what a group of few costs. `order` has the names as each was last mentioned: where two of them stand
    for one person, the later has the last word.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaces: bool = False
    order: tuple[str, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        """Whether it changes anything at all."""
        return self.replaces or bool(self.added or self.removed)

    def settled(self, coming: Mapping[str, str], going: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Who comes and who goes, each person once, of those whom the names stand for."""
        place = {name: number for number, name in enumerate(self.order)}
        last: dict[str, tuple[int, bool]] = {}
        for named, comes in ((going, False), (coming, True)):
            for name, person in named.items():
                said = (place.get(name, -1), comes)
                last[person] = max(last.get(person, said), said)
        return [who for who, (_, comes) in last.items() if comes], [
            who for who, (_, comes) in last.items() if not comes
        ]
