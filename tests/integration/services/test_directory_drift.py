"""Each way in which an organization can differ from its directory, brought about by SQL: found and mended."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from ostiary.adapters.system import SystemIds
from ostiary.cli import app
from ostiary.domain import ids
from ostiary.domain.directory import GroupChange
from ostiary.domain.directory_drift import MEANINGS, Drift, Finding
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy, MemberStatus, Role
from ostiary.services import directory_drift
from ostiary.services.directory_drift import DirectoryDriftService
from ostiary.services.ports.organizations import Lock
from tests.support.directory import DirectorySync, directory_sync, statements, user_document
from tests.support.house import House, Person


@dataclass(frozen=True)
class World:
    """acme, whose directory pushed bo and cy and the group Engineering with bo in it."""

    house: House
    sync: DirectorySync
    ada: Person
    bo: str
    cy: str
    team: str

    @property
    def drift(self) -> DirectoryDriftService:
        return DirectoryDriftService(self.house.kit)

    async def sql(self, statement: str) -> None:
        """Bring a difference about. `:bo`, `:cy`, `:team` and `:org` are the ids."""
        async with self.house.uow() as uow:
            values = {
                "bo": ids.decode(ids.MEMBER, self.bo),
                "cy": ids.decode(ids.MEMBER, self.cy),
                "team": ids.decode(ids.TEAM, self.team),
                "org": ids.decode(ids.ORGANIZATION, self.sync.organization_id),
                "new": ids.decode(ids.TEAM, SystemIds().new(ids.TEAM)),
            }
            await uow._transaction.execute(
                text(statement), {name: value for name, value in values.items() if f":{name}" in statement}
            )
            await uow.commit()


@pytest.fixture
async def world(house: House) -> World:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    sync = await directory_sync(house, manage_roles=True)
    users = house.services.users
    bo = await users.create(sync.caller, user_document("bo@acme.test", role="administrator"))
    cy = await users.create(sync.caller, user_document("cy@acme.test"))
    document = {"displayName": "Engineering"}
    team = await house.services.groups.create(sync.caller, document, GroupChange(added=(bo.id,)))
    return World(house, sync, ada, bo.id, cy.id, team.id)


BO = "organization_id = :org AND id = :bo"
CY = "organization_id = :org AND id = :cy"
OFF = "active = false, document = jsonb_set(document, '{active}', 'false')"
STRAY = "organization_id, id, name, managed_by, created_at"
# The SQL that brings each kind about, and the action that is then in the audit.
DRIFTS: dict[Drift, tuple[str, str]] = {
    Drift.USER_READ_OTHERWISE: (f"UPDATE directory_users SET external_id = 'other' WHERE {BO}", "directory.reconciled"),
    Drift.ACCESS_KEPT: (
        f"UPDATE directory_users SET {OFF} WHERE {CY}",
        "member.suspended",
    ),
    Drift.MEMBER_NOT_PUSHED: (
        "DELETE FROM directory_users WHERE organization_id = :org AND id = :cy",
        "member.suspended",
    ),
    Drift.ACCESS_MISSING: (f"UPDATE members SET status = 'suspended' WHERE {BO}", "member.reactivated"),
    Drift.MEMBER_NOT_MANAGED: (f"UPDATE members SET managed_by = 'manual' WHERE {BO}", "member.taken_over"),
    Drift.MEMBER_MISSING: (f"DELETE FROM members WHERE {CY}", "member.joined"),
    Drift.PROFILE_DIFFERS: (f"UPDATE members SET name = 'Other' WHERE {BO}", "directory.reconciled"),
    Drift.ROLE_DIFFERS: (f"UPDATE members SET role = 'member' WHERE {BO}", "member.role_changed"),
    Drift.TEAM_WITHOUT_GROUP: (
        f"INSERT INTO teams ({STRAY}) VALUES (:org, :new, 'Stray', 'manual', now())",
        "team.deleted",
    ),
    Drift.TEAM_DIFFERS: ("UPDATE teams SET name = 'Other' WHERE organization_id = :org", "team.renamed"),
    Drift.PLACE_NOT_TAKEN: (
        "INSERT INTO directory_group_reservations VALUES (:org, :team, 'Cy@acme.test')",
        "team.members_changed",
    ),
    Drift.TEAM_MEMBER_MISSING: ("DELETE FROM team_members WHERE organization_id = :org", "team.members_changed"),
    Drift.TEAM_MEMBER_EXTRA: (
        "INSERT INTO team_members (organization_id, team_id, member_id, added_at) VALUES (:org, :team, :cy, now())",
        "team.members_changed",
    ),
    Drift.COUNT_DIFFERS: (
        "UPDATE directory_counts SET n = n + 3 WHERE organization_id = :org AND kind = 'unmanaged'",
        "directory.reconciled",
    ),
}


def kinds(found: tuple[Finding, ...]) -> list[Drift]:
    return [finding.drift for finding in found]


@pytest.mark.parametrize("kind", Drift)
async def test_R40_R44_R46_each_difference_is_found_told_and_mended(world: World, kind: Drift) -> None:
    assert await world.drift.check("acme") == ()
    statement, action = DRIFTS[kind]
    await world.sql(statement)
    before = len(await world.sync.events(action))

    assert kinds(await world.drift.check("acme")) == [kind]
    assert kinds(await world.drift.check("acme")) == [kind], "a check changes nothing"
    assert kinds(await world.drift.reconcile("acme")) == [kind]

    assert await world.drift.check("acme") == ()
    assert len(await world.sync.events(action)) == before + 1
    [event] = await world.sync.events("directory.reconciled")
    assert event.after == {kind: 1}
    assert event.actor.kind == "operator"
    assert MEANINGS[kind]


async def test_what_is_mended_is_what_the_directory_said(world: World) -> None:
    for kind in (Drift.ROLE_DIFFERS, Drift.TEAM_DIFFERS, Drift.TEAM_MEMBER_MISSING):
        await world.sql(DRIFTS[kind][0])
    await world.sql(f"DELETE FROM members WHERE {CY}")

    await world.drift.reconcile("acme")

    bo, cy = await world.sync.member(world.bo), await world.sync.member(world.cy)
    assert bo is not None
    assert bo.role is Role.ADMINISTRATOR
    assert cy is not None
    assert (cy.managed_by, cy.status, cy.account_id) == (ManagedBy.DIRECTORY, MemberStatus.ACTIVE, None)
    assert await world.sync.team_members(world.team) == {world.bo}


async def test_R43_who_has_access_too_much_loses_it_and_is_still_there(world: World) -> None:
    token = await world.house.sso_session(world.ada)
    ada = await world.house.member(world.ada)
    await world.sql(f"UPDATE members SET managed_by = 'directory' WHERE email = '{world.ada.email}'")
    assert await world.house.principal(token) is not None

    [finding] = await world.drift.reconcile("acme")

    assert (finding.drift, finding.target_id) == (Drift.MEMBER_NOT_PUSHED, ada.id)
    assert await world.house.principal(token) is None
    left = await world.sync.member(ada.id)
    assert left is not None
    assert (left.status, left.role) == (MemberStatus.SUSPENDED, Role.ADMINISTRATOR)
    assert await world.sync.events("member.last_administrator_kept") == []


async def test_R61_where_no_administrator_is_left_an_event_warns(world: World) -> None:
    await world.sql("UPDATE members SET role = 'member' WHERE organization_id = :org AND id <> :bo")
    await world.sql(f"UPDATE directory_users SET {OFF} WHERE {BO}")

    await world.drift.reconcile("acme")

    [event] = await world.sync.events("member.last_administrator_kept")
    assert event.target_id == world.bo


async def test_whom_the_breaker_holds_back_waits_for_an_administrator(world: World) -> None:
    await world.sql("UPDATE directories SET breaker_tripped_at = now() WHERE organization_id = :org")
    await world.house.services.users.delete(world.sync.caller, world.cy)
    await world.house.services.users.change(world.sync.caller, world.bo, lambda document: {**document, "active": False})

    assert await world.drift.check("acme") == ()


async def test_mending_many_takes_no_more_statements_than_mending_few(world: World) -> None:
    counts: list[int] = []
    for number in (2, 6):
        for each in range(number):
            await world.house.services.users.create(world.sync.caller, user_document(f"u{number}{each}@acme.test"))
        await world.sql(
            "UPDATE members SET name = 'Other', status = 'suspended' WHERE managed_by = 'directory'"
            " AND organization_id = :org"
        )
        with statements(world.house) as seen:
            await world.drift.reconcile("acme")
        counts.append(len(seen))
    assert counts[0] == counts[1]


async def test_a_check_neither_waits_for_writers_nor_keeps_them_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def and_meanwhile(mending: directory_drift._Mending) -> None:
        async with asyncio.timeout(5):
            eve = await world.house.services.users.create(world.sync.caller, user_document("eve@acme.test"))
            joining = GroupChange(added=(eve.id,))
            await world.house.services.groups.change(world.sync.caller, world.team, lambda same: same, joining)
            await world.house.services.users.delete(world.sync.caller, world.bo)
        await mend_access(mending)

    mend_access = directory_drift._mend_access
    monkeypatch.setattr(directory_drift, "_mend_access", and_meanwhile)
    assert await world.drift.check("acme") == ()
    monkeypatch.undo()
    assert await world.sync.member(world.bo) is None

    async with world.house.uow() as uow, asyncio.timeout(5):
        await uow.organizations.get("acme", Lock.EXCLUSIVE)
        assert await world.drift.check("acme") == ()


async def test_a_check_that_meets_a_writer_tells_the_truth_all_the_same(world: World) -> None:
    await world.sql(DRIFTS[Drift.PROFILE_DIFFERS][0])
    async with world.house.uow() as uow:
        # Somebody is about to mend the very row: the check gives way, waits for them, and looks again.
        await uow.organizations.get("acme", Lock.SHARED)
        member = await uow.members.get(world.sync.organization_id, world.bo, lock=True)
        assert member is not None
        checking = asyncio.create_task(world.drift.check("acme"))
        await asyncio.sleep(0.3)
        await uow.members.save(replace(member, name="Bo Example"))
        await uow.commit()

    assert await checking == ()


async def test_a_directory_that_is_off_cannot_be_compared_with(world: World) -> None:
    await world.house.services.directory.disable(world.ada.caller, "acme")
    with pytest.raises(DomainError, match="directory_not_enabled"):
        await world.drift.check("acme")
    with pytest.raises(DomainError, match="organization_not_found"):
        await world.drift.check("nobody")


async def test_the_command_tells_and_mends(world: World) -> None:
    settings = world.house.settings
    environment = {
        "OSTIARY_DATABASE_URL": settings.database_url,
        "OSTIARY_SECRET_KEY": settings.secret_key.get_secret_value(),
        "OSTIARY_BASE_URL": settings.base_url,
        "OSTIARY_ENVIRONMENT": "development",
    }

    async def ostiary(*arguments: str) -> Result:
        # A thread of its own, because the command has an event loop of its own.
        return await asyncio.to_thread(CliRunner().invoke, app, ["directory", *arguments], env=environment)

    await world.sql(DRIFTS[Drift.TEAM_DIFFERS][0])
    found = await ostiary("check", "acme")
    dry = await ostiary("reconcile", "acme", "--dry-run")
    mended = await ostiary("reconcile", "acme")
    again = await ostiary("check", "acme")
    nobody = await ostiary("check", "nobody")

    assert (found.exit_code, dry.exit_code, mended.exit_code, again.exit_code, nobody.exit_code) == (2, 0, 0, 0, 1)
    assert found.output == dry.output
    assert found.output.splitlines() == [
        f"team_differs (1): {MEANINGS[Drift.TEAM_DIFFERS]}",
        f"  {world.team}  Engineering",
        "1 difference would be mended.",
    ]
    assert mended.output.splitlines()[-1] == "1 difference mended."
    assert again.output == "The organization is what its directory pushed.\n"
    assert "no such organization" in nobody.output
