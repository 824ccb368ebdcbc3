"""Audit events: who did what, to what, before and after (R60)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"


class ActorKind(StrEnum):
    """What kind of caller did it."""

    ACCOUNT = "account"
    SERVICE_ACCOUNT = "service_account"
    OPERATOR = "operator"
    DIRECTORY = "directory"
    CONNECTION = "connection"
    SETUP_LINK = "setup_link"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class AuditActor:
    """Who did it: an account, a service account, the operator, a directory (by SCIM), a connection (by sign-in), a
    setup link, or ourselves.
    """

    kind: ActorKind
    id: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change. `action` is stable and dotted (`sso.enabled`, `member.removed`); no secret is ever in it."""

    id: str
    organization_id: str
    at: datetime
    actor: AuditActor
    action: str
    target_kind: str
    target_id: str
    before: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    after: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    request_id: str | None = None
