"""Single sign-on of an organization: settings, preview, enabling, disabling (R1–R18, R55–R57)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_policy import ensure_one_role_source
from ostiary.domain.errors import invalid
from ostiary.domain.operation import Operation
from ostiary.domain.organization import SsoSettings, checked_session_duration
from ostiary.domain.sso_policy import (
    RECOVERY_CODE_COUNT,
    ROLES_REMOVED,
    DisablementEffects,
    EnablementEffects,
    allowed_domains,
    ensure_ready,
)
from ostiary.services import secrets
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class SsoView:
    """The SSO settings with the organization's sign-in URL."""

    settings: SsoSettings
    sign_in_url: str


@dataclass(frozen=True, slots=True)
class Enabled:
    """What enabling did. `recovery_codes` are shown this once; empty where SSO was on already (R18)."""

    view: SsoView
    effects: EnablementEffects
    recovery_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disabled:
    """What disabling did."""

    view: SsoView
    effects: DisablementEffects


class SsoService:
    """Single sign-on of an organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def get(self, caller: Caller, reference: str) -> SsoView:
        """The settings."""
        async with self._kit.uow() as uow:
            return self._view(await admit(uow, self._kit.urls, caller, reference, Operation.GET_SSO))

    async def update(
        self,
        caller: Caller,
        reference: str,
        *,
        session_duration_seconds: int | None,
        manage_roles: bool | None,
        role_attribute: str | None,
    ) -> SsoView:
        """Change how sign-ins behave; raises `role_source_conflict` (R50)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.UPDATE_SSO, lock=Lock.EXCLUSIVE)
            before = admitted.organization.sso
            caller.ensure_seen(self._view(admitted))
            directory = await uow.directories.get(admitted.organization.id)
            after = replace(
                before,
                session_duration=before.session_duration
                if session_duration_seconds is None
                else checked_session_duration(session_duration_seconds),
                manage_roles=before.manage_roles if manage_roles is None else manage_roles,
                role_attribute=role_attribute or before.role_attribute,
            )
            ensure_one_role_source(after.manage_roles, directory is not None and directory.manage_roles)
            await uow.organizations.set_sso(admitted.organization.id, after)
            await Journal.of(self._kit, uow, admitted).write(
                "sso.updated", "organization", admitted.organization.id, before=_audited(before), after=_audited(after)
            )
            await uow.commit()
        return SsoView(after, self._kit.urls.sign_in(admitted.organization.slug))

    async def preview_enablement(self, caller: Caller, reference: str) -> EnablementEffects:
        """What enabling would do: the same path, with the last step left out (R6)."""
        async with self._kit.uow() as uow:
            # Exclusive as enabling is, so that the counts are of one moment; given back without a change.
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.PREVIEW_SSO_ENABLEMENT, lock=Lock.EXCLUSIVE
            )
            return await self._effects(uow, admitted, self._kit.clock.now(), acknowledge_untested=True)

    async def enable(self, caller: Caller, reference: str, *, acknowledge_untested: bool) -> Enabled:
        """Switch SSO on, all or nothing (R10–R18).

        Raises `sso_not_entitled`, `sso_not_ready` or `connection_untested`.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.ENABLE_SSO, lock=Lock.EXCLUSIVE)
            organization, now = admitted.organization, self._kit.clock.now()
            if organization.sso.enabled:
                return Enabled(self._view(admitted), await self._present_effects(uow, admitted, now), ())
            effects = await self._effects(uow, admitted, now, acknowledge_untested=acknowledge_untested)
            await uow.sso.apply_enablement(organization.id, ROLES_REMOVED, now)
            settings = replace(organization.sso, enabled=True, enabled_at=now, enabled_by=admitted.principal.subject)
            await uow.organizations.set_sso(organization.id, settings)
            codes = await self._new_recovery_codes(uow, organization.id)
            await Journal.of(self._kit, uow, admitted).write(
                "sso.enabled",
                "organization",
                organization.id,
                before={"enabled": False},
                after={"enabled": True, **_counts(effects)},
            )
            await uow.commit()
        return Enabled(SsoView(settings, self._kit.urls.sign_in(organization.slug)), effects, codes)

    async def preview_disablement(self, caller: Caller, reference: str) -> DisablementEffects:
        """What disabling would do (R56, R57)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.PREVIEW_SSO_DISABLEMENT, lock=Lock.EXCLUSIVE
            )
            return await self._disablement(uow, admitted)

    async def disable(self, caller: Caller, reference: str, *, suspend_member_ids: Sequence[str]) -> Disabled:
        """Switch SSO off, and Directory Sync with it (R55–R57). Disabling twice is one disabling."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.DISABLE_SSO, lock=Lock.EXCLUSIVE)
            organization = admitted.organization
            effects = await self._disablement(uow, admitted)
            if not organization.sso.enabled:
                return Disabled(self._view(admitted), effects)
            await self._ensure_may_suspend(uow, admitted, suspend_member_ids)
            now = self._kit.clock.now()
            journal = Journal.of(self._kit, uow, admitted)
            directory = await uow.directories.get(organization.id, lock=True)
            if directory is not None and directory.enabled:
                await uow.directories.put(replace(directory, enabled=False))
                await uow.directories.revoke_all_tokens(organization.id, now)
                await uow.directories.release(organization.id)
                await journal.write(
                    "directory.disabled", "directory", directory.id, before={"enabled": True}, after={"enabled": False}
                )
            await uow.sso.apply_disablement(organization.id, admitted.principal.id, suspend_member_ids)
            settings = replace(organization.sso, enabled=False, enabled_at=None, enabled_by=None)
            await uow.organizations.set_sso(organization.id, settings)
            await journal.write(
                "sso.disabled",
                "organization",
                organization.id,
                before={"enabled": True},
                after={
                    "enabled": False,
                    "sessions_ended": effects.sessions_ended,
                    "members_suspended": list(suspend_member_ids),
                    "members_removed": effects.members_without_account,
                },
            )
            await uow.commit()
        return Disabled(SsoView(settings, self._kit.urls.sign_in(organization.slug)), effects)

    async def renew_recovery_codes(self, caller: Caller, reference: str) -> tuple[str, ...]:
        """Void the recovery codes and make ten new ones, shown this once (R62)."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.RENEW_RECOVERY_CODES, lock=Lock.EXCLUSIVE
            )
            codes = await self._new_recovery_codes(uow, admitted.organization.id)
            await Journal.of(self._kit, uow, admitted).write(
                "sso.recovery_codes_renewed", "organization", admitted.organization.id, after={"codes": len(codes)}
            )
            await uow.commit()
        return codes

    def _view(self, admitted: Admitted) -> SsoView:
        return SsoView(admitted.organization.sso, self._kit.urls.sign_in(admitted.organization.slug))

    async def _effects(
        self, uow: UnitOfWork, admitted: Admitted, now: datetime, *, acknowledge_untested: bool
    ) -> EnablementEffects:
        organization = admitted.organization
        if organization.sso.enabled:
            return await self._present_effects(uow, admitted, now)
        connections = await uow.connections.all(organization.id)
        domains = await uow.domains.all(organization.id)
        ensure_ready(organization, connections, domains, now, acknowledge_untested=acknowledge_untested)
        return await uow.sso.enablement_effects(
            organization.id, ROLES_REMOVED, allowed_domains(connections, domains, now), now
        )

    async def _present_effects(self, uow: UnitOfWork, admitted: Admitted, now: datetime) -> EnablementEffects:
        """What enabling does where SSO is on: nothing; it names who is there (R18)."""
        connections = await uow.connections.all(admitted.organization.id)
        domains = await uow.domains.all(admitted.organization.id)
        allowed = allowed_domains(connections, domains, now)
        return await uow.sso.enablement_effects(admitted.organization.id, frozenset(), allowed, now)

    async def _disablement(self, uow: UnitOfWork, admitted: Admitted) -> DisablementEffects:
        return await uow.sso.disablement_effects(admitted.organization.id, self._kit.clock.now(), admitted.principal.id)

    async def _ensure_may_suspend(self, uow: UnitOfWork, admitted: Admitted, member_ids: Sequence[str]) -> None:
        own = admitted.member.id if admitted.member else None
        for index, member_id in enumerate(member_ids):
            if member_id == own or await uow.members.get(admitted.organization.id, member_id) is None:
                raise invalid(
                    "cannot_suspend",
                    "Name members of this organization other than yourself.",
                    pointer=f"/suspend_member_ids/{index}",
                )

    async def _new_recovery_codes(self, uow: UnitOfWork, organization_id: str) -> tuple[str, ...]:
        codes = tuple(self._kit.ids.secret(secrets.RECOVERY) for _ in range(RECOVERY_CODE_COUNT))
        hashes = [secrets.digest(code) for code in codes]
        await uow.recovery_codes.replace(organization_id, hashes, self._kit.clock.now())
        return codes


def _counts(effects: EnablementEffects) -> dict[str, JsonValue]:
    return {
        "members_removed": effects.members_removed,
        "team_memberships_removed": effects.team_memberships_removed,
        "database_administrators_revoked": effects.database_administrators_revoked,
        "invitations_revoked": effects.invitations_revoked,
        "administrators_kept": effects.administrators_kept,
        "credentials_kept": effects.credentials_kept,
    }


def _audited(settings: SsoSettings) -> dict[str, JsonValue]:
    return {
        "session_duration_seconds": int(settings.session_duration.total_seconds()),
        "manage_roles_via_sso": settings.manage_roles,
        "role_attribute": settings.role_attribute,
    }
