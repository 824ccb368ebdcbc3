"""Organizations: making, reading, renaming; and the operator's part."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from ostiary.domain import ids
from ostiary.domain.account import checked_name
from ostiary.domain.audit import ActorKind, AuditActor, AuditEvent
from ostiary.domain.directory import Directory
from ostiary.domain.errors import not_found
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.domain.operation import Operation
from ostiary.domain.organization import AddOn, Organization, Plan, checked_slug
from ostiary.services.context import Caller, Journal, Kit, actor_of, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import AuditFilter, Lock, OrganizationFilter

EXPORT_PAGE = 500


class OrganizationService:
    """Organizations and their audit events."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def create(self, caller: Caller, *, name: str, slug: str) -> Organization:
        """Found an organization; the founder becomes its administrator. Raises `slug_taken`."""
        principal = caller.account(Operation.CREATE_ORGANIZATION)
        now = self._kit.clock.now()
        organization = Organization(
            id=self._kit.ids.new(ids.ORGANIZATION),
            slug=checked_slug(slug),
            name=checked_name(name),
            plan=Plan.HOBBY,
            created_at=now,
        )
        founded = Provenance(Source.FOUNDER, principal.account_id, now)
        async with self._kit.uow() as uow:
            account = await uow.accounts.get(principal.account_id or "")
            if account is None:
                raise not_found("account")
            await uow.organizations.add(organization)
            member = Member(
                id=self._kit.ids.new(ids.MEMBER),
                organization_id=organization.id,
                account_id=account.id,
                email=account.email,
                name=account.name,
                role=Role.ADMINISTRATOR,
                status=MemberStatus.ACTIVE,
                managed_by=ManagedBy.MANUAL,
                awaiting_first_sso_sign_in=False,
                joined_at=now,
                provenance=founded,
                role_provenance=founded,
            )
            await uow.members.add(member)
            await uow.directories.put(
                Directory(self._kit.ids.new(ids.DIRECTORY), organization.id, enabled=False, created_at=now)
            )
            journal = Journal(self._kit, uow, organization.id, actor_of(principal), caller.request_id)
            await journal.write(
                "organization.created",
                "organization",
                organization.id,
                after={"name": organization.name, "slug": organization.slug},
            )
            await uow.commit()
        return organization

    async def get(self, caller: Caller, reference: str) -> Organization:
        """The organization, for its members."""
        async with self._kit.uow() as uow:
            return (await admit(uow, self._kit.urls, caller, reference, Operation.GET_ORGANIZATION)).organization

    async def update(self, caller: Caller, reference: str, *, name: str | None, slug: str | None) -> Organization:
        """Change name or slug; raises `slug_taken`."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.UPDATE_ORGANIZATION, lock=Lock.EXCLUSIVE
            )
            before = admitted.organization
            caller.ensure_seen(before)
            new_name = before.name if name is None else checked_name(name)
            new_slug = before.slug if slug is None else checked_slug(slug)
            await uow.organizations.rename(before.id, name=new_name, slug=new_slug)
            await Journal.of(self._kit, uow, admitted).write(
                "organization.updated",
                "organization",
                before.id,
                before={"name": before.name, "slug": before.slug},
                after={"name": new_name, "slug": new_slug},
            )
            await uow.commit()
        return replace(before, name=new_name, slug=new_slug)

    async def audit_events(
        self, caller: Caller, reference: str, matching: AuditFilter, page: PageRequest
    ) -> Page[AuditEvent]:
        """What happened in the organization, newest first (R60)."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_AUDIT_EVENTS)
            return await uow.audit.list(admitted.organization.id, matching, page)

    async def export_audit_events(
        self, caller: Caller, reference: str, matching: AuditFilter
    ) -> AsyncGenerator[AuditEvent]:
        """Every matching event, newest first, read in pages while they are taken.

        The caller is let in before anything is read; each page is a transaction of its own.
        """
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.EXPORT_AUDIT_EVENTS)
        return self._audit_pages(admitted.organization.id, matching)

    async def _audit_pages(self, organization_id: str, matching: AuditFilter) -> AsyncGenerator[AuditEvent]:
        page = PageRequest(EXPORT_PAGE)
        while True:
            async with self._kit.uow() as uow:
                found = await uow.audit.list(organization_id, matching, page)
            for event in found.items:
                yield event
            if found.next_cursor is None:
                return
            page = PageRequest(EXPORT_PAGE, found.next_cursor)

    async def set_entitlements(
        self,
        caller: Caller,
        reference: str,
        *,
        plan: Plan,
        add_ons: frozenset[AddOn],
        directory_held_back: bool,
    ) -> Organization:
        """The operator sets plan and add-ons (R2)."""
        caller.permitted(Operation.SET_ENTITLEMENTS)
        async with self._kit.uow() as uow:
            before = await uow.organizations.get(reference, Lock.EXCLUSIVE)
            if before is None:
                raise not_found("organization")
            await uow.organizations.set_entitlements(before.id, plan, add_ons, directory_held_back)
            journal = Journal(self._kit, uow, before.id, AuditActor(ActorKind.OPERATOR), caller.request_id)
            await journal.write(
                "organization.entitlements_set",
                "organization",
                before.id,
                before={"plan": before.plan, "add_ons": sorted(before.add_ons)},
                after={"plan": plan, "add_ons": sorted(add_ons), "directory_held_back": directory_held_back},
            )
            await uow.commit()
        return replace(before, plan=plan, add_ons=add_ons, directory_held_back=directory_held_back)

    async def list_all(self, caller: Caller, matching: OrganizationFilter, page: PageRequest) -> Page[Organization]:
        """Organizations of everybody, oldest first: the operator's view."""
        caller.permitted(Operation.LIST_ALL_ORGANIZATIONS)
        async with self._kit.uow() as uow:
            return await uow.organizations.list_all(matching, page)
