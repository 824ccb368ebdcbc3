"""Two changes at the same moment end as some order of them would have (R63): transactions that really wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import MemberStatus, Role
from ostiary.domain.sso_policy import ROLES_REMOVED
from ostiary.services.ports.organizations import Lock
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def settled(*attempts: Awaitable[object]) -> list[str]:
    """Run them at once; answers the codes of those refused, and raises anything else."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, DomainError):
            raise result
    return sorted(result.code for result in results if isinstance(result, DomainError))


async def while_holding(
    house: House, change: Callable[[SqlUnitOfWork, str], Awaitable[None]], attempt: Awaitable[object]
) -> object:
    """Make a change under the organization's exclusive lock and commit it only once the attempt waits for that lock."""
    async with house.uow() as uow:
        organization = await uow.organizations.get("acme", Lock.EXCLUSIVE)
        assert organization is not None
        await change(uow, organization.id)
        waiting = asyncio.ensure_future(attempt)
        await until_somebody_waits(house)
        assert not waiting.done()
        await uow.commit()
    return await waiting


async def until_somebody_waits(house: House) -> None:
    """Return once a session of this database waits for a row lock; the test's timeout ends it otherwise."""
    waiters = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        async with house.uow() as uow:
            if (await uow._transaction.execute(waiters)).scalar():
                return
        await asyncio.sleep(0.01)


async def enable(uow: SqlUnitOfWork, organization_id: str) -> None:
    organization = await uow.organizations.get(organization_id)
    assert organization is not None
    await uow.sso.apply_enablement(organization_id, ROLES_REMOVED, datetime.now(UTC))
    await uow.organizations.set_sso(organization_id, replace(organization.sso, enabled=True))


@pytest.mark.parametrize("attempt", range(5))
async def test_R61_R63_two_administrators_who_demote_each_other_leave_one(
    house: House, ada: Person, attempt: int
) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    member_of_ada, member_of_bo = await house.member(ada), await house.member(bo)
    refused = await settled(
        house.services.members.set_role(ada.caller, "acme", member_of_bo.id, Role.MEMBER),
        house.services.members.set_role(bo.caller, "acme", member_of_ada.id, Role.MEMBER),
    )
    # The slower one is no administrator any more when the turn comes.
    assert refused == ["forbidden"]
    roles = {(await house.member(person)).role for person in (ada, bo)}
    assert roles == {Role.ADMINISTRATOR, Role.MEMBER}


@pytest.mark.parametrize("attempt", range(5))
async def test_R61_R63_two_administrators_who_leave_at_once_leave_one(house: House, ada: Person, attempt: int) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    member_of_ada, member_of_bo = await house.member(ada), await house.member(bo)
    refused = await settled(
        house.services.members.remove(ada.caller, "acme", member_of_ada.id),
        house.services.members.suspend(bo.caller, "acme", member_of_bo.id),
    )
    assert refused == ["last_administrator"]
    async with house.uow() as uow:
        assert await uow.members.count_active_administrators(member_of_ada.organization_id) == 1


async def test_R63_a_right_lost_while_waiting_is_a_right_lost(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    member = await house.member(bo)

    async def suspend(uow: SqlUnitOfWork, _: str) -> None:
        await uow.members.save(replace(member, status=MemberStatus.SUSPENDED))

    with pytest.raises(DomainError, match="membership_suspended"):
        await while_holding(house, suspend, house.services.teams.create(bo.caller, "acme", "Mine"))
    assert await house.count("teams") == 0


async def test_R63_an_invitation_accepted_while_sso_is_being_enabled_is_refused(house: House, ada: Person) -> None:
    bo = await house.person("bo@acme.test")
    await house.services.invitations.create(ada.caller, "acme", email=bo.email, role=Role.MEMBER, team_ids=[])
    token = await house.invitation_token(bo.email)
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        await while_holding(house, enable, house.services.invitations.accept(bo.caller, token))
    assert not await house.is_member(bo)


async def test_R63_an_invitation_made_while_sso_is_being_enabled_is_refused(house: House, ada: Person) -> None:
    attempt = house.services.invitations.create(ada.caller, "acme", email="bo@acme.test", role=Role.MEMBER, team_ids=[])
    with pytest.raises(DomainError, match="invitations_disabled_by_sso"):
        await while_holding(house, enable, attempt)
    assert await house.count("invitations") == 0


@pytest.mark.parametrize("attempt", range(5))
async def test_R63_enabling_beside_accepting_never_leaves_a_member_who_came_by_invitation(
    house: House, ada: Person, attempt: int
) -> None:
    bo = await house.person("bo@acme.test")
    await house.services.invitations.create(ada.caller, "acme", email=bo.email, role=Role.MEMBER, team_ids=[])
    token = await house.invitation_token(bo.email)
    await settled(house.enable_sso(), house.services.invitations.accept(bo.caller, token))
    assert not await house.is_member(bo)
    assert await house.count("invitations", status="pending") == 0


async def test_R63_a_team_made_while_directory_sync_is_being_enabled_is_refused(house: House, ada: Person) -> None:
    async def enable_directory(uow: SqlUnitOfWork, organization_id: str) -> None:
        directory = await uow.directories.get(organization_id)
        assert directory is not None
        await uow.directories.clear_teams(organization_id)
        await uow.directories.put(replace(directory, enabled=True))

    with pytest.raises(DomainError, match="directory_managed"):
        await while_holding(house, enable_directory, house.services.teams.create(ada.caller, "acme", "Platform"))
    assert await house.count("teams") == 0


async def test_R63_one_invitation_accepted_twice_at_once_makes_one_member(house: House, ada: Person) -> None:
    bo = await house.person("bo@acme.test")
    await house.services.invitations.create(ada.caller, "acme", email=bo.email, role=Role.MEMBER, team_ids=[])
    token = await house.invitation_token(bo.email)
    refused = await settled(*(house.services.invitations.accept(bo.caller, token) for _ in range(3)))
    assert refused == ["invitation_not_pending", "invitation_not_pending"]
    assert await house.is_member(bo)


async def test_R63_two_invitations_for_one_address_at_once_leave_one(house: House, ada: Person) -> None:
    create = house.services.invitations.create
    refused = await settled(
        *(create(ada.caller, "acme", email="bo@acme.test", role=Role.MEMBER, team_ids=[]) for _ in range(2))
    )
    assert refused == ["invitation_pending"]
    assert await house.count("invitations") == 1
