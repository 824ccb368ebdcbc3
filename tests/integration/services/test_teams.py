"""Teams made by hand (R40)."""

import pytest

from ostiary.domain.errors import DomainError
from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import Lock
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def test_a_team_is_made_renamed_and_deleted_and_each_step_is_audited(house: House, ada: Person) -> None:
    teams = house.services.teams
    team = await teams.create(ada.caller, "acme", " Platform ")
    assert team.name == "Platform"
    renamed = await teams.rename(ada.caller, "acme", team.id, "Core")
    assert await teams.get(ada.caller, "acme", team.id) == renamed
    await teams.delete(ada.caller, "acme", team.id)
    with pytest.raises(DomainError, match="team_not_found"):
        await teams.get(ada.caller, "acme", team.id)
    [event] = await house.events("team.renamed")
    assert (event.before, event.after) == ({"name": "Platform"}, {"name": "Core"})
    assert [len(await house.events(action)) for action in ("team.created", "team.deleted")] == [1, 1]


async def test_two_teams_cannot_differ_by_case_alone(house: House, ada: Person) -> None:
    teams = house.services.teams
    await teams.create(ada.caller, "acme", "Platform")
    other = await teams.create(ada.caller, "acme", "Core")
    with pytest.raises(DomainError, match="team_name_taken"):
        await teams.create(ada.caller, "acme", "platform")
    with pytest.raises(DomainError, match="team_name_taken"):
        await teams.rename(ada.caller, "acme", other.id, "PLATFORM")


async def test_adding_and_taking_out_a_member_twice_is_doing_it_once(house: House, ada: Person) -> None:
    teams = house.services.teams
    team, member = await teams.create(ada.caller, "acme", "Platform"), await house.member(ada)
    for _ in range(2):
        await teams.add_member(ada.caller, "acme", team.id, member.id)
    details = await house.services.members.get(ada.caller, "acme", member.id)
    assert details.teams == ((team.id, "Platform"),)
    for _ in range(2):
        await teams.remove_member(ada.caller, "acme", team.id, member.id)
    assert (await house.services.members.get(ada.caller, "acme", member.id)).teams == ()
    assert [len(await house.events(action)) for action in ("team.member_added", "team.member_removed")] == [1, 1]


async def test_deleting_a_team_keeps_its_members(house: House, ada: Person) -> None:
    teams = house.services.teams
    team, member = await teams.create(ada.caller, "acme", "Platform"), await house.member(ada)
    await teams.add_member(ada.caller, "acme", team.id, member.id)
    await teams.delete(ada.caller, "acme", team.id)
    assert await house.is_member(ada)
    assert await house.count("team_members") == 0


async def test_R40_no_change_of_a_team_by_hand_while_directory_sync_is_on(house: House, ada: Person) -> None:
    teams = house.services.teams
    team, member = await teams.create(ada.caller, "acme", "Platform"), await house.member(ada)
    await house.enable_directory()
    assert (await teams.list(ada.caller, "acme", PageRequest())).items == ()
    for attempt in (
        teams.create(ada.caller, "acme", "Core"),
        teams.rename(ada.caller, "acme", team.id, "Core"),
        teams.delete(ada.caller, "acme", team.id),
        teams.add_member(ada.caller, "acme", team.id, member.id),
        teams.remove_member(ada.caller, "acme", team.id, member.id),
    ):
        with pytest.raises(DomainError, match="directory_managed"):
            await attempt


async def test_teams_and_members_of_another_organization_are_not_found(house: House, ada: Person) -> None:
    teams = house.services.teams
    eve = await house.person("eve@evil.test")
    await house.organization(eve, "evil")
    ours, theirs = await teams.create(ada.caller, "acme", "Platform"), await teams.create(eve.caller, "evil", "Evil")
    our_member, their_member = await house.member(ada), await house.member(eve, "evil")
    with pytest.raises(DomainError, match="team_not_found"):
        await teams.add_member(eve.caller, "evil", ours.id, their_member.id)
    with pytest.raises(DomainError, match="member_not_found"):
        await teams.add_member(eve.caller, "evil", theirs.id, our_member.id)
    with pytest.raises(DomainError, match="team_not_found"):
        await teams.delete(eve.caller, "evil", ours.id)
    assert (await teams.get(ada.caller, "acme", ours.id)).name == "Platform"


async def test_R63_a_team_or_member_that_goes_at_the_same_moment_is_one_that_is_not_there(
    house: House, ada: Person
) -> None:
    team, member = await house.services.teams.create(ada.caller, "acme", "Platform"), await house.member(ada)
    nowhere = "team_00000000000000000000000001"
    async with house.uow() as uow:
        await uow.organizations.get("acme", Lock.SHARED)
        with pytest.raises(DomainError, match="team_not_found"):
            await uow.teams.add_member(team.organization_id, nowhere, member.id, house.clock.now())
    async with house.uow() as uow:
        with pytest.raises(DomainError, match="member_not_found"):
            await uow.teams.add_member(team.organization_id, team.id, "no id at all", house.clock.now())


async def test_members_read_teams_and_only_administrators_change_them(house: House, ada: Person) -> None:
    teams = house.services.teams
    bo = await house.joined(ada, "bo@acme.test")
    team = await teams.create(ada.caller, "acme", "Platform")
    assert (await teams.list(bo.caller, "acme", PageRequest())).items == (team,)
    with pytest.raises(DomainError, match="forbidden"):
        await teams.create(bo.caller, "acme", "Mine")
    with pytest.raises(DomainError, match="forbidden"):
        await teams.add_member(bo.caller, "acme", team.id, (await house.member(bo)).id)
