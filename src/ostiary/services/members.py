"""Members of an organization: who they are, what they may, and taking access away (R12, R17, R35, R40, R49, R61)."""

from dataclasses import replace

from ostiary.domain.audit import JsonValue
from ostiary.domain.directory_policy import ensure_role_is_manual
from ostiary.domain.errors import not_found
from ostiary.domain.membership import (
    Member,
    MemberStatus,
    Provenance,
    Role,
    ensure_an_administrator_remains,
    ensure_removable,
    ensure_sso_can_be_required,
    ensure_suspension_is_manual,
)
from ostiary.domain.operation import Operation
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock, MemberDetails, MemberFilter
from ostiary.services.ports.sign_in import LinkedIdentity
from ostiary.services.ports.uow import UnitOfWork


class MemberService:
    """Members of an organization.

    Every change takes the organization alone: it may be the last administrator it is about (R61), and the rules it
    obeys change with SSO and Directory Sync (R63).
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def list(
        self, caller: Caller, reference: str, matching: MemberFilter, page: PageRequest
    ) -> Page[MemberDetails]:
        """The members, oldest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_MEMBERS)
            return await uow.members.list(admitted.organization.id, matching, page)

    async def get(self, caller: Caller, reference: str, member_id: str) -> MemberDetails:
        """One member; raises `member_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_MEMBER)
            return await self._details(uow, admitted, member_id)

    async def set_role(self, caller: Caller, reference: str, member_id: str, role: Role) -> MemberDetails:
        """Change the role; a demotion ends awaiting (R12).

        Raises `directory_managed` (R40), `last_administrator` (R61).
        """
        async with self._kit.uow() as uow:
            admitted, member = await self._change_of(uow, caller, reference, member_id, Operation.UPDATE_MEMBER)
            ensure_role_is_manual(admitted.organization, await uow.directories.get(admitted.organization.id))
            if role is not member.role:
                if role is Role.MEMBER:
                    await self._ensure_not_the_last(uow, member)
                changed = replace(
                    member,
                    role=role,
                    role_provenance=Provenance(admitted.source, admitted.principal.subject, self._kit.clock.now()),
                    awaiting_first_sso_sign_in=member.awaiting_first_sso_sign_in and role is Role.ADMINISTRATOR,
                )
                await self._save(uow, admitted, "member.role_changed", member, changed)
            details = await self._details(uow, admitted, member_id)
            await uow.commit()
        return details

    async def remove(self, caller: Caller, reference: str, member_id: str) -> None:
        """Remove the member with teams, database roles, sessions and links; credentials stay (R13–R17, R35).

        Raises `directory_managed` (R49), `last_administrator` (R61).
        """
        async with self._kit.uow() as uow:
            admitted, member = await self._change_of(uow, caller, reference, member_id, Operation.REMOVE_MEMBER)
            ensure_removable(member)
            await self._ensure_not_the_last(uow, member)
            details = await self._details(uow, admitted, member_id)
            after: dict[str, JsonValue] = {}
            if member.account_id is not None:
                ended = await uow.access.end_access(member.organization_id, member.account_id)
                unlinked = await uow.identities.remove_links(
                    member.organization_id, member.account_id, self._kit.clock.now()
                )
                after = {"sessions_ended": ended["sessions"], "identities_removed": unlinked}
            await uow.members.remove(member.organization_id, member.id)
            teams: list[JsonValue] = [name for _, name in details.teams]
            databases: list[JsonValue] = [name for _, name in details.database_administrator_of]
            await Journal.of(self._kit, uow, admitted).write(
                "member.removed",
                "member",
                member.id,
                before={
                    "email": member.email,
                    **_audited(member),
                    "teams": teams,
                    "database_administrator_of": databases,
                    "administers_all_databases": details.administers_all_databases,
                },
                after=after,
            )
            await uow.commit()

    async def require_sso(self, caller: Caller, reference: str, member_id: str) -> MemberDetails:
        """End the awaiting of another administrator: password sessions lose the organization (R12).

        Raises `sso_not_enabled`, `own_membership`.
        """
        async with self._kit.uow() as uow:
            admitted, member = await self._change_of(uow, caller, reference, member_id, Operation.REQUIRE_SSO_OF_MEMBER)
            own = admitted.member.id if admitted.member else None
            ensure_sso_can_be_required(admitted.organization.sso.enabled, member, own)
            if member.awaiting_first_sso_sign_in:
                changed = replace(member, awaiting_first_sso_sign_in=False)
                await self._save(uow, admitted, "member.sso_required", member, changed)
            details = await self._details(uow, admitted, member_id)
            await uow.commit()
        return details

    async def suspend(self, caller: Caller, reference: str, member_id: str) -> MemberDetails:
        """Take all access away and keep the member visible; ends awaiting (R12).

        Raises `directory_managed`, `last_administrator` (R61).
        """
        async with self._kit.uow() as uow:
            admitted, member = await self._change_of(uow, caller, reference, member_id, Operation.SUSPEND_MEMBER)
            ensure_suspension_is_manual(member)
            if member.is_active:
                await self._ensure_not_the_last(uow, member)
                if member.account_id is not None:
                    await uow.access.end_access(member.organization_id, member.account_id)
                changed = replace(member, status=MemberStatus.SUSPENDED, awaiting_first_sso_sign_in=False)
                await self._save(uow, admitted, "member.suspended", member, changed)
            details = await self._details(uow, admitted, member_id)
            await uow.commit()
        return details

    async def reactivate(self, caller: Caller, reference: str, member_id: str) -> MemberDetails:
        """Give a suspended member access again, with the role they had; raises `directory_managed`."""
        async with self._kit.uow() as uow:
            admitted, member = await self._change_of(uow, caller, reference, member_id, Operation.REACTIVATE_MEMBER)
            ensure_suspension_is_manual(member)
            if not member.is_active:
                changed = replace(member, status=MemberStatus.ACTIVE)
                await self._save(uow, admitted, "member.reactivated", member, changed)
            details = await self._details(uow, admitted, member_id)
            await uow.commit()
        return details

    async def identities(self, caller: Caller, reference: str, member_id: str) -> tuple[LinkedIdentity, ...]:
        """Whom the organization's connections know the member as (R35)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_MEMBER_IDENTITIES)
            member = await uow.members.get(admitted.organization.id, member_id)
            if member is None:
                raise not_found("member")
            if member.account_id is None:
                return ()
            return await uow.identities.of_account(member.organization_id, member.account_id)

    async def delete_identities(self, caller: Caller, reference: str, member_id: str) -> None:
        """Forget the member's links, so that the next sign-in links anew; sessions made through them end (R35)."""
        async with self._kit.uow() as uow:
            admitted, member = await self._change_of(
                uow, caller, reference, member_id, Operation.DELETE_MEMBER_IDENTITIES
            )
            if member.account_id is None:
                return
            links = await uow.identities.of_account(member.organization_id, member.account_id)
            if not links:
                return
            await uow.identities.remove_links(member.organization_id, member.account_id, self._kit.clock.now())
            ended = await uow.access.end_access(member.organization_id, member.account_id)
            before: list[JsonValue] = [
                {"connection_id": link.connection_id, "internal_id": link.internal_id} for link in links
            ]
            await Journal.of(self._kit, uow, admitted).write(
                "identity.removed",
                "account",
                member.account_id,
                before={"identities": before},
                after={"sessions_ended": ended["sessions"]},
            )
            await uow.commit()

    async def _change_of(
        self, uow: UnitOfWork, caller: Caller, reference: str, member_id: str, operation: Operation
    ) -> tuple[Admitted, Member]:
        admitted = await admit(uow, self._kit.urls, caller, reference, operation, lock=Lock.EXCLUSIVE)
        member = await uow.members.get(admitted.organization.id, member_id, lock=True)
        if member is None:
            raise not_found("member")
        if caller.seen is not None:
            caller.ensure_seen(await self._details(uow, admitted, member_id))
        return admitted, member

    async def _ensure_not_the_last(self, uow: UnitOfWork, member: Member) -> None:
        if member.is_active_administrator:
            ensure_an_administrator_remains(
                await uow.members.count_active_administrators(member.organization_id, excluding=member.id)
            )

    async def _save(self, uow: UnitOfWork, admitted: Admitted, action: str, before: Member, after: Member) -> None:
        await uow.members.save(after)
        was, now = _audited(before), _audited(after)
        changed = [key for key in was if was[key] != now[key]]
        await Journal.of(self._kit, uow, admitted).write(
            action,
            "member",
            after.id,
            before={key: was[key] for key in changed},
            after={"email": after.email, **{key: now[key] for key in changed}},
        )

    async def _details(self, uow: UnitOfWork, admitted: Admitted, member_id: str) -> MemberDetails:
        details = await uow.members.details(admitted.organization.id, member_id)
        if details is None:
            raise not_found("member")
        return details


def _audited(member: Member) -> dict[str, JsonValue]:
    return {
        "role": member.role,
        "status": member.status,
        "managed_by": member.managed_by,
        "awaiting_first_sso_sign_in": member.awaiting_first_sso_sign_in,
    }
