"""Deleting an organization, and giving it back within 30 days."""

from ostiary.domain.audit import ActorKind, AuditActor, JsonValue
from ostiary.domain.errors import DomainError, Kind, conflict, not_found
from ostiary.domain.operation import Operation
from ostiary.domain.organization import Organization
from ostiary.services import mails
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork


class OrganizationDeletionService:
    """While an organization is deleted nothing of it can be reached or used; all of it is kept until it is purged."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def delete(self, caller: Caller, reference: str) -> Organization:
        """Delete it: every access ends at once, the slug stays taken, every administrator is told."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.DELETE_ORGANIZATION, lock=Lock.EXCLUSIVE
            )
            organization = admitted.organization
            caller.ensure_seen(organization)
            ended = await uow.access.end_all_access(organization.id)
            deleted = organization.deleted(self._kit.clock.now())
            await uow.organizations.set_deleted(organization.id, deleted.deleted_at)
            after: dict[str, JsonValue] = {**ended, "purged_at": _text(deleted)}
            await Journal.of(self._kit, uow, admitted).write(
                "organization.deleted", "organization", organization.id, before=_named(organization), after=after
            )
            for address in await uow.members.administrator_emails(organization.id):
                base_url = self._kit.urls.base_url
                await uow.outbox.mail(mails.organization_deleted(address, deleted, admitted.principal.label, base_url))
            await uow.commit()
        return deleted

    async def restore(self, caller: Caller, reference: str) -> Organization:
        """Give it back as it was, but for the sessions: for its administrators, by password while SSO is out of use.

        Raises `organization_not_deleted`.
        """
        async with self._kit.uow() as uow:
            admitted = await self._admit_to_deleted(uow, caller, reference)
            restored = await self._restore(uow, admitted.organization, Journal.of(self._kit, uow, admitted), None)
            await uow.commit()
        return restored

    async def restore_by_support(self, caller: Caller, reference: str, reason: str) -> Organization:
        """The operator gives it back, for administrators who cannot; raises `organization_not_deleted`."""
        caller.permitted(Operation.RESTORE_ORGANIZATION_BY_SUPPORT)
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(reference, Lock.EXCLUSIVE, deleted=True)
            if organization is None:
                raise not_found("organization") if await uow.organizations.get(reference) is None else _not_deleted()
            journal = Journal(self._kit, uow, organization.id, AuditActor(ActorKind.OPERATOR), caller.request_id)
            restored = await self._restore(uow, organization, journal, reason)
            await uow.commit()
        return restored

    async def _admit_to_deleted(self, uow: UnitOfWork, caller: Caller, reference: str) -> Admitted:
        operation, urls = Operation.RESTORE_ORGANIZATION, self._kit.urls
        try:
            return await admit(uow, urls, caller, reference, operation, lock=Lock.EXCLUSIVE, deleted=True)
        except DomainError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
        await admit(uow, urls, caller, reference, operation)
        raise _not_deleted()

    async def _restore(
        self, uow: UnitOfWork, organization: Organization, journal: Journal, reason: str | None
    ) -> Organization:
        restored = organization.restored()
        await uow.organizations.set_deleted(organization.id, None)
        await journal.write(
            "organization.restored",
            "organization",
            organization.id,
            before={"purged_at": _text(organization)},
            after={**_named(organization), **({} if reason is None else {"reason": reason})},
        )
        for address in await uow.members.administrator_emails(organization.id):
            await uow.outbox.mail(mails.organization_restored(address, restored))
        return restored


def _named(organization: Organization) -> dict[str, JsonValue]:
    return {"name": organization.name, "slug": organization.slug}


def _text(organization: Organization) -> str | None:
    return organization.purged_at.isoformat() if organization.purged_at else None


def _not_deleted() -> DomainError:
    return conflict("organization_not_deleted", "This organization is not deleted; there is nothing to restore.")
