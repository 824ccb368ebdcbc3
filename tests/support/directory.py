"""Directory Sync switched on for an organization, and whoever provisions through it."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.transaction import Found, Transaction
from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.adapters.system import SystemIds
from ostiary.domain import ids
from ostiary.domain.audit import AuditEvent
from ostiary.domain.directory import Directory
from ostiary.domain.directory_token import DirectoryToken
from ostiary.domain.membership import Member
from ostiary.services import secrets
from ostiary.services.context import Caller
from tests.support.house import House

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass(frozen=True, slots=True)
class DirectorySync:
    """A directory that is on, its token, and looks at what it brought about."""

    house: House
    slug: str
    directory: Directory
    token: str
    caller: Caller

    @property
    def organization_id(self) -> str:
        return self.directory.organization_id

    async def change(self, **settings: Any) -> None:
        """Change the directory's settings."""
        async with self.house.uow() as uow:
            await uow.directories.put(replace(await _directory(uow, self.organization_id), **settings))
            await uow.commit()

    async def member(self, member_id: str) -> Member | None:
        """The membership of a user."""
        async with self.house.uow() as uow:
            return await uow.members.get(self.organization_id, member_id)

    async def team_members(self, team_id: str) -> set[str]:
        """Who is in a team."""
        async with self.house.uow() as uow:
            rows = await uow._transaction.execute(text("SELECT team_id, member_id FROM team_members"))
            return {
                ids.encode(ids.MEMBER, row.member_id) for row in rows if ids.encode(ids.TEAM, row.team_id) == team_id
            }

    async def events(self, action: str) -> list[AuditEvent]:
        """The audit events of an action, newest first."""
        return await self.house.events(action, self.slug)


async def _directory(uow: SqlUnitOfWork, organization_id: str) -> Directory:
    directory = await uow.directories.get(organization_id)
    assert directory is not None
    return directory


async def directory_sync(house: House, slug: str = "acme", **settings: Any) -> DirectorySync:
    """Switch SSO and Directory Sync on for an organization, with a token."""
    await house.enable_sso(slug)
    await house.enable_directory(slug)
    secret = SystemIds().secret(secrets.SCIM)
    async with house.uow() as uow:
        organization = await uow.organizations.get(slug)
        assert organization is not None
        directory = replace(await _directory(uow, organization.id), **settings)
        await uow.directories.put(directory)
        token = DirectoryToken(SystemIds().new(ids.TOKEN), organization.id, house.clock.now())
        await uow.directories.add_token(token, secrets.digest(secret))
        await uow.commit()
    principal = await house.services.authenticator.lookup.directory_token(secret)
    assert principal is not None
    return DirectorySync(house, slug, directory, secret, Caller(principal, "a-request"))


def post_of(data: dict[str, Any], bulk_id: str = "one", path: str = "/Users") -> dict[str, Any]:
    """An operation of a bulk request that creates something."""
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def bulk_of(*operations: dict[str, Any]) -> dict[str, Any]:
    """A bulk request."""
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": list(operations)}


def user_document(user_name: str, **attributes: Any) -> dict[str, Any]:
    """A user as an identity provider sends it."""
    return {
        "schemas": [USER],
        "userName": user_name,
        "name": {"givenName": user_name.partition("@")[0].capitalize(), "familyName": "Example"},
        "emails": [{"value": user_name, "type": "work", "primary": True}],
        "active": True,
        **attributes,
    }


def group_document(name: str, *members: str, **attributes: Any) -> dict[str, Any]:
    """A group as an identity provider sends it."""
    return {
        "schemas": [GROUP],
        "displayName": name,
        "members": [{"value": member} for member in members],
        **attributes,
    }


def patch_of(*operations: Mapping[str, Any]) -> dict[str, Any]:
    """A PATCH."""
    return {"schemas": [PATCH], "Operations": list(operations)}


@contextmanager
def statements(house: House) -> Generator[list[tuple[str, Any]]]:
    """The statements that run inside the block, with their parameters."""
    seen: list[tuple[str, Any]] = []
    engine = house._house.engine.sync_engine
    run, run_many, exchange = Transaction.run, Transaction.run_many, Transaction._exchange
    hold = Transaction.hold

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    async def noting_run(self: Transaction, statement: Prepared, parameters: Mapping[str, Any]) -> Found:
        seen.append((statement.sql, tuple(statement.arguments(parameters))))
        return await run(self, statement, parameters)

    async def noting_run_many(self: Transaction, statement: Prepared, each: Sequence[Mapping[str, Any]]) -> None:
        seen.append((statement.sql, [tuple(statement.arguments(parameters)) for parameters in each]))
        await run_many(self, statement, each)

    async def noting_exchange(self: Transaction, sql: str, arguments: Sequence[Any]) -> Sequence[asyncpg.Record]:
        seen.append((sql, tuple(arguments)))
        return await exchange(self, sql, arguments)

    async def noting_hold(self: Transaction, lock: Prepared, parameters: Mapping[str, Any]) -> None:
        seen.append((lock.sql, tuple(lock.arguments(parameters))))
        await hold(self, lock, parameters)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Transaction, "run", noting_run)
            patch.setattr(Transaction, "run_many", noting_run_many)
            patch.setattr(Transaction, "_exchange", noting_exchange)
            patch.setattr(Transaction, "hold", noting_hold)
            yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def fill(sync: DirectorySync, many: int) -> None:
    """Many users, who are members, and in every group there is and its team."""
    people = f"FROM generate_series(1, {many}) AS n"
    one_id = "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
    organization = "(SELECT id FROM organizations)"
    async with sync.house.uow() as uow:
        for statement in (
            f"""INSERT INTO directory_users (organization_id, id, user_name, external_id, display_name, active,
                document, version, created_at, modified_at)
            SELECT {organization}, {one_id}, 'user' || n, 'ext' || n, 'User', true,
                jsonb_build_object('userName', 'user' || n, 'emails', jsonb_build_array(
                    jsonb_build_object('value', 'user' || n || '@acme.test', 'type', 'work'))),
                1, now(), now() {people}""",
            f"""INSERT INTO members (organization_id, id, email, name, role, status, managed_by, joined_at,
                membership_source, membership_at, role_source, role_at)
            SELECT {organization}, {one_id}, 'user' || n, 'User', 'member', 'active', 'directory', now(),
                'directory', now(), 'directory', now() {people}""",
            f"""INSERT INTO directory_group_members SELECT {organization}, g.id, u.id
            FROM directory_groups g, directory_users u WHERE u.display_name = 'User'""",
            f"""INSERT INTO team_members SELECT {organization}, g.id, u.id, now()
            FROM directory_groups g, directory_users u WHERE u.display_name = 'User'""",
        ):
            await uow._transaction.execute(text(statement))
        await uow.commit()
    async with sync.house.uow() as uow:
        await uow._transaction.execute(text("ANALYZE directory_users, members, directory_group_members, team_members"))
        await uow.commit()
