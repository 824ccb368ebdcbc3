"""What every SCIM write begins and ends with: the directory's transaction."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ostiary.domain import ids
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import Directory
from ostiary.domain.directory_schema import newly_unknown
from ostiary.domain.errors import DomainError, Kind, unauthenticated
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.services.context import Caller, Journal, Kit, Urls, actor_of
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.provisioning import StoredGroup, StoredUser
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.sent_request import SentRequest

T = TypeVar("T")

_SYNC_NOTED_EVERY = timedelta(minutes=1)


class _NeedsTheOrganizationAloneError(Exception):
    """The work came to a question that others must not answer at the same moment."""


@dataclass(frozen=True, slots=True)
class Provisioning:
    """A directory let in to write: one transaction on its organization."""

    uow: UnitOfWork
    organization: Organization
    directory: Directory
    journal: Journal
    now: datetime
    lock: Lock
    urls: Urls
    sent: SentRequest | None = None

    @property
    def organization_id(self) -> str:
        """The tenant."""
        return self.organization.id

    def alone(self) -> None:
        """Go on only while nobody else writes to the organization; else the work begins again, alone (R61, R63).

        Call it before deciding by what others may be doing: counting administrators, naming somebody unknown.
        """
        if self.lock is not Lock.EXCLUSIVE:
            raise _NeedsTheOrganizationAloneError

    def ensure_known(self, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> None:
        """Refuse unknown attributes that were not there before, or let the request log name them."""
        names = newly_unknown(self.directory, before, after)
        if self.sent is not None:
            self.sent.unknown_attributes = names


def tenant_of(caller: Caller) -> str:
    """The organization whose directory asks; raises 401 for anybody else (R48)."""
    principal = caller.permitted(Operation.PROVISION)
    if principal is None or principal.organization_id is None:
        raise unauthenticated("invalid_token", "Send the directory's token.")
    return principal.organization_id


async def provision(kit: Kit, caller: Caller, work: Callable[[Provisioning], Awaitable[T]]) -> T:
    """Do the work in one transaction, beside other writes as long as it can, else alone.

    Raises 401 where the directory was switched off a moment ago.
    """
    try:
        return await _attempt(kit, caller, work, Lock.SHARED)
    except _NeedsTheOrganizationAloneError:
        return await _attempt(kit, caller, work, Lock.EXCLUSIVE)


async def _attempt(kit: Kit, caller: Caller, work: Callable[[Provisioning], Awaitable[T]], lock: Lock) -> T:
    organization_id = tenant_of(caller)
    async with kit.uow() as uow:
        entered = await uow.directories.enter(organization_id, lock)
        if entered is None or not entered[1].enabled or caller.principal is None:
            raise unauthenticated("directory_disabled", "Directory Sync is switched off. Enable it to get a new token.")
        organization, directory = entered
        now = kit.clock.now()
        journal = Journal(kit, uow, organization_id, actor_of(caller.principal), caller.request_id)
        result = await work(Provisioning(uow, organization, directory, journal, now, lock, kit.urls, caller.sent))
        # To the minute: all writes would queue up at this one row.
        if directory.last_synced_at is None or now - directory.last_synced_at >= _SYNC_NOTED_EVERY:
            await uow.directories.note_sync(organization_id, now)
        if caller.sent is not None and not caller.sent.is_logged:
            resource_id = result.id if isinstance(result, StoredUser | StoredGroup) else None
            entry = caller.sent.committed(kit.ids.new(ids.DIRECTORY_REQUEST), organization_id, resource_id)
            await uow.directory_requests.add(entry)
        await uow.commit()
        if caller.sent is not None:
            caller.sent.is_logged = True
    return result


def ensure_version(version: int, expected: frozenset[int] | None) -> None:
    """Refuse a change of what is no longer as the caller saw it; None expects nothing (RFC 7644 §3.14)."""
    if expected is not None and version not in expected:
        raise DomainError(
            Kind.PRECONDITION_FAILED,
            "version_mismatch",
            "It was changed since you read it. Read it again, and send the new version in If-Match.",
        )
