"""Directory Sync of an organization: settings, enabling, disabling, tokens (R5, R40, R48, R55)."""

from dataclasses import dataclass, replace
from datetime import datetime

from ostiary.domain import ids
from ostiary.domain.audit import JsonValue
from ostiary.domain.directory import (
    Directory,
    DirectoryCounts,
    DirectoryGroup,
    DirectoryUser,
    OnDeactivate,
    UnknownAttributes,
)
from ostiary.domain.directory_breaker import BreakerChange
from ostiary.domain.directory_policy import DirectoryEnablementEffects, ensure_can_enable, ensure_one_role_source
from ostiary.domain.directory_reapply import ReapplyEffects
from ostiary.domain.directory_token import DirectoryToken, next_warning
from ostiary.domain.errors import conflict, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.service_account import ensure_lies_ahead
from ostiary.domain.setup_link import ensure_edits_directory
from ostiary.services import secrets
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.directory_reapply import reapply
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork

MAX_TOKENS = 2


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """What changes of a directory; None stays as it is."""

    on_deactivate: OnDeactivate | None = None
    manage_roles: bool | None = None
    role_attribute: str | None = None
    attribute_map: dict[str, str] | None = None
    lenient_members: bool | None = None
    unknown_attributes: UnknownAttributes | None = None
    breaker: BreakerChange | None = None


@dataclass(frozen=True, slots=True)
class DirectoryEnabled:
    """What enabling did. `token` is shown this once; None where the directory was on already."""

    directory: Directory
    effects: DirectoryEnablementEffects
    token: str | None


class DirectoryService:
    """Directory Sync of an organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def get(self, caller: Caller, reference: str) -> Directory:
        """The directory's settings."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_DIRECTORY)
            return await self._directory(uow, admitted)

    async def counts(self, caller: Caller, reference: str) -> DirectoryCounts:
        """How much the identity provider pushed."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_DIRECTORY)
            return await uow.directories.counts(admitted.organization.id)

    async def users(self, caller: Caller, reference: str, page: PageRequest) -> Page[DirectoryUser]:
        """The users the identity provider pushed."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DIRECTORY_USERS)
            return await uow.directories.users(admitted.organization.id, page)

    async def groups(self, caller: Caller, reference: str, page: PageRequest) -> Page[DirectoryGroup]:
        """The groups the identity provider pushed."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DIRECTORY_GROUPS)
            return await uow.directories.groups(admitted.organization.id, page)

    async def update(self, caller: Caller, reference: str, change: DirectoryChange) -> Directory:
        """Change the settings, and apply them to what was pushed before (R46, R47).

        Raises `role_source_conflict` (R50).
        """
        after, _ = await self._update(caller, reference, change, Operation.UPDATE_DIRECTORY)
        return after

    async def preview_update(self, caller: Caller, reference: str, change: DirectoryChange) -> ReapplyEffects:
        """What `update` would do to those the directory pushed: the same path, given back without a change."""
        _, effects = await self._update(caller, reference, change, Operation.PREVIEW_DIRECTORY_UPDATE)
        return effects

    async def _update(
        self, caller: Caller, reference: str, change: DirectoryChange, operation: Operation
    ) -> tuple[Directory, ReapplyEffects]:
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, operation, lock=Lock.EXCLUSIVE)
            before = await self._directory(uow, admitted)
            ensure_edits_directory(admitted.link, before)
            caller.ensure_seen(before.settings)
            after = replace(
                before,
                on_deactivate=change.on_deactivate or before.on_deactivate,
                manage_roles=before.manage_roles if change.manage_roles is None else change.manage_roles,
                role_attribute=change.role_attribute or before.role_attribute,
                attribute_map=before.attribute_map if change.attribute_map is None else change.attribute_map,
                lenient_members=before.lenient_members if change.lenient_members is None else change.lenient_members,
                unknown_attributes=change.unknown_attributes or before.unknown_attributes,
                breaker=change.breaker.applied_to(before.breaker) if change.breaker else before.breaker,
            )
            ensure_one_role_source(admitted.organization.sso.manage_roles, after.manage_roles)
            await uow.directories.put(after)
            journal = Journal.of(self._kit, uow, admitted)
            await journal.write(
                "directory.updated", "directory", after.id, before=_audited(before), after=_audited(after)
            )
            effects = await reapply(self._kit, uow, journal, before, after)
            if operation is Operation.UPDATE_DIRECTORY:
                await uow.commit()
        return after, effects

    async def preview_enablement(self, caller: Caller, reference: str) -> DirectoryEnablementEffects:
        """What enabling would do (R40)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.PREVIEW_DIRECTORY_ENABLEMENT, lock=Lock.EXCLUSIVE
            )
            ensure_can_enable(admitted.organization)
            return await uow.directories.enablement_effects(admitted.organization.id)

    async def enable(self, caller: Caller, reference: str) -> DirectoryEnabled:
        """Switch Directory Sync on: clears all teams (R40), makes a token. Enabling twice is one enabling."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.ENABLE_DIRECTORY, lock=Lock.EXCLUSIVE
            )
            ensure_can_enable(admitted.organization)
            before = await self._directory(uow, admitted)
            if before.enabled:
                return DirectoryEnabled(before, DirectoryEnablementEffects(0, 0, 0), None)
            effects = await uow.directories.enablement_effects(admitted.organization.id)
            await uow.directories.clear_teams(admitted.organization.id)
            directory = replace(before, enabled=True, enabled_at=self._kit.clock.now())
            await uow.directories.put(directory)
            _, secret = await self._new_token(uow, admitted)
            await Journal.of(self._kit, uow, admitted).write(
                "directory.enabled",
                "directory",
                directory.id,
                before={"enabled": False},
                after={
                    "enabled": True,
                    "teams_cleared": effects.teams_cleared,
                    "team_memberships_removed": effects.team_memberships_removed,
                },
            )
            await uow.commit()
        return DirectoryEnabled(directory, effects, secret)

    async def disable(self, caller: Caller, reference: str) -> Directory:
        """Switch Directory Sync off: members and teams stay and become manual, the tokens stop at once (R55)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DISABLE_DIRECTORY, lock=Lock.EXCLUSIVE
            )
            before = await self._directory(uow, admitted)
            if not before.enabled:
                return before
            now = self._kit.clock.now()
            after = replace(before, enabled=False)
            await uow.directories.put(after)
            await uow.directories.revoke_all_tokens(admitted.organization.id, now)
            await uow.directories.release(admitted.organization.id)
            await Journal.of(self._kit, uow, admitted).write(
                "directory.disabled", "directory", after.id, before={"enabled": True}, after={"enabled": False}
            )
            await uow.commit()
        return after

    async def create_token(
        self, caller: Caller, reference: str, *, expires_at: datetime | None = None
    ) -> tuple[DirectoryToken, str]:
        """A second token beside the first, so that it can be rotated without a gap (R48).

        Raises `too_many_tokens`, `expired_already`.
        """
        now = self._kit.clock.now()
        ensure_lies_ahead(expires_at, now)
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.CREATE_DIRECTORY_TOKEN, lock=Lock.EXCLUSIVE
            )
            directory = await self._directory(uow, admitted)
            if not directory.enabled:
                raise conflict("directory_not_enabled", "Enable Directory Sync first; that makes the first token.")
            tokens = await uow.directories.tokens(admitted.organization.id)
            if sum(not token.has_ended(now) for token in tokens) >= MAX_TOKENS:
                raise conflict(
                    "too_many_tokens", f"A directory has at most {MAX_TOKENS} tokens. Revoke the older one first."
                )
            token, secret = await self._new_token(uow, admitted, expires_at)
            await uow.commit()
        return token, secret

    async def tokens(self, caller: Caller, reference: str) -> tuple[DirectoryToken, ...]:
        """The tokens that are not revoked, those that ended lately too."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DIRECTORY_TOKENS)
            return await uow.directories.tokens(admitted.organization.id)

    async def revoke_token(self, caller: Caller, reference: str, token_id: str) -> None:
        """Stop one token at once; raises `token_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REVOKE_DIRECTORY_TOKEN, lock=Lock.EXCLUSIVE
            )
            if not await uow.directories.revoke_token(admitted.organization.id, token_id, self._kit.clock.now()):
                raise not_found("token")
            await Journal.of(self._kit, uow, admitted).write("directory.token_revoked", "token", token_id)
            await uow.commit()

    async def _directory(self, uow: UnitOfWork, admitted: Admitted) -> Directory:
        found = await uow.directories.get(admitted.organization.id)
        if found is None:
            raise not_found("directory")
        return found

    async def _new_token(
        self, uow: UnitOfWork, admitted: Admitted, expires_at: datetime | None = None
    ) -> tuple[DirectoryToken, str]:
        secret, now = self._kit.ids.secret(secrets.SCIM), self._kit.clock.now()
        token = DirectoryToken(
            id=self._kit.ids.new(ids.TOKEN),
            organization_id=admitted.organization.id,
            created_at=now,
            expires_at=expires_at,
            warn_at=next_warning(expires_at, now),
        )
        await uow.directories.add_token(token, secrets.digest(secret))
        await Journal.of(self._kit, uow, admitted).write(
            "directory.token_created",
            "token",
            token.id,
            after={"expires_at": expires_at.isoformat() if expires_at else None},
        )
        return token, secret


def _audited(directory: Directory) -> dict[str, JsonValue]:
    return {
        "on_deactivate": directory.on_deactivate,
        "manage_roles_via_directory": directory.manage_roles,
        "role_attribute": directory.role_attribute,
        "attribute_map": dict(directory.attribute_map),
        "lenient_members": directory.lenient_members,
        "unknown_attributes": directory.unknown_attributes,
        "breaker": {
            "enabled": directory.breaker.enabled,
            "share_percent": directory.breaker.share_percent,
            "minimum": directory.breaker.minimum,
            "window_seconds": int(directory.breaker.window.total_seconds()),
        },
    }
