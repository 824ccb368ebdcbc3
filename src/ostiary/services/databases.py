"""Databases and who administers them (R14)."""

from collections.abc import Mapping

from ostiary.domain import ids
from ostiary.domain.account import checked_name
from ostiary.domain.audit import JsonValue
from ostiary.domain.database import Database
from ostiary.domain.errors import not_found
from ostiary.domain.membership import Member
from ostiary.domain.operation import Operation
from ostiary.services.context import Admitted, Caller, Journal, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.organizations import Lock
from ostiary.services.ports.uow import UnitOfWork

# In the place of a database's id, which has a prefix.
ALL = "all"


class DatabaseService:
    """Databases of an organization."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def create(self, caller: Caller, reference: str, name: str) -> Database:
        """Add a database; raises `database_name_taken`."""
        checked = checked_name(name)
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.CREATE_DATABASE, lock=Lock.SHARED)
            database = Database(
                id=self._kit.ids.new(ids.DATABASE),
                organization_id=admitted.organization.id,
                name=checked,
                created_at=self._kit.clock.now(),
            )
            await uow.databases.add(database)
            await Journal.of(self._kit, uow, admitted).write(
                "database.created", "database", database.id, after={"name": database.name}
            )
            await uow.commit()
        return database

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[Database]:
        """The databases, oldest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_DATABASES)
            return await uow.databases.list(admitted.organization.id, page)

    async def get(self, caller: Caller, reference: str, database_id: str) -> Database:
        """One database; raises `database_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_DATABASE)
            return await self._database(uow, admitted, database_id)

    async def delete(self, caller: Caller, reference: str, database_id: str) -> None:
        """Delete the database; its credentials stop at once. Raises `database_not_found`."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.DELETE_DATABASE, lock=Lock.SHARED)
            database = await self._database(uow, admitted, database_id, lock=True)
            caller.ensure_seen(database)
            await uow.databases.delete(database.organization_id, database.id)
            await Journal.of(self._kit, uow, admitted).write(
                "database.deleted", "database", database.id, before={"name": database.name}
            )
            await uow.commit()

    async def grant_administrator(self, caller: Caller, reference: str, database_id: str, member_id: str) -> None:
        """Make a member administrator of the database, or of `all` there are and will be; harmless where they are."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.GRANT_DATABASE_ADMINISTRATOR, lock=Lock.SHARED
            )
            one = await self._one_or_all(uow, admitted, database_id)
            member, now = await self._member(uow, admitted, member_id), self._kit.clock.now()
            if await uow.databases.grant_administrator(member.organization_id, one, member.id, now):
                after: dict[str, JsonValue] = {"member_id": member.id, "email": member.email}
                await self._tell(uow, admitted, "database.administrator_granted", one, after=after)
            await uow.commit()

    async def revoke_administrator(self, caller: Caller, reference: str, database_id: str, member_id: str) -> None:
        """Take the role away, of one database or of `all`; harmless where the member does not have that."""
        async with self._kit.uow() as uow:
            admitted = await admit(
                uow, self._kit.urls, caller, reference, Operation.REVOKE_DATABASE_ADMINISTRATOR, lock=Lock.SHARED
            )
            one = await self._one_or_all(uow, admitted, database_id, lock=True)
            member = await self._member(uow, admitted, member_id)
            if await uow.databases.revoke_administrator(member.organization_id, one, member.id):
                before: dict[str, JsonValue] = {"member_id": member.id, "email": member.email}
                await self._tell(uow, admitted, "database.administrator_revoked", one, before=before)
            await uow.commit()

    async def _one_or_all(
        self, uow: UnitOfWork, admitted: Admitted, database_id: str, *, lock: bool = False
    ) -> str | None:
        """The id of the database, None for all."""
        return None if database_id == ALL else (await self._database(uow, admitted, database_id, lock=lock)).id

    async def _tell(
        self,
        uow: UnitOfWork,
        admitted: Admitted,
        action: str,
        database_id: str | None,
        *,
        before: Mapping[str, JsonValue] | None = None,
        after: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Audit it: of all databases, the organization is the target."""
        kind = "organization" if database_id is None else "database"
        target = admitted.organization.id if database_id is None else database_id
        await Journal.of(self._kit, uow, admitted).write(action, kind, target, before=before, after=after)

    async def _database(self, uow: UnitOfWork, admitted: Admitted, database_id: str, *, lock: bool = False) -> Database:
        """The database; locked, so that what is told of it is so until the commit (R60, R63)."""
        database = await uow.databases.get(admitted.organization.id, database_id, lock=lock)
        if database is None:
            raise not_found("database")
        return database

    async def _member(self, uow: UnitOfWork, admitted: Admitted, member_id: str) -> Member:
        member = await uow.members.get(admitted.organization.id, member_id)
        if member is None:
            raise not_found("member")
        return member
