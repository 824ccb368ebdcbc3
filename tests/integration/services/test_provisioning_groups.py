"""Pushed groups are teams with the same members (R44, R45), at a cost that does not grow with them."""

from typing import Any

import pytest

from ostiary.domain.directory import GroupChange
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy
from ostiary.services.ports.provisioning import ListQuery, StoredGroup
from tests.support.directory import DirectorySync, directory_sync, fill, group_document, statements, user_document
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder of acme, whom the directory does not know yet."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def sync(house: House, ada: Person) -> DirectorySync:
    """Directory Sync of acme."""
    return await directory_sync(house)


async def user(sync: DirectorySync, name: str, **attributes: Any) -> str:
    return (await sync.house.services.users.create(sync.caller, user_document(f"{name}@acme.test", **attributes))).id


async def pushed(sync: DirectorySync, name: str, *members: str) -> StoredGroup:
    document = group_document(name)
    del document["members"]
    return await sync.house.services.groups.create(sync.caller, document, GroupChange(added=members))


async def change(
    sync: DirectorySync,
    group_id: str,
    *,
    added: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
    replaces: bool = False,
    **attributes: Any,
) -> StoredGroup:
    def revise(document: Document) -> Document:
        return {**document, **attributes}

    return await sync.house.services.groups.change(
        sync.caller, group_id, revise, GroupChange(added, removed, replaces), joined=True
    )


async def set_active(sync: DirectorySync, user_id: str, *, active: bool) -> None:
    await sync.house.services.users.change(sync.caller, user_id, lambda document: {**document, "active": active})


async def test_R44_a_pushed_group_becomes_a_managed_team_with_its_members(sync: DirectorySync) -> None:
    bo, cy = await user(sync, "bo"), await user(sync, "cy")

    group = await pushed(sync, "Engineering", bo, cy)

    async with sync.house.uow() as uow:
        team = await uow.teams.get(sync.organization_id, group.id)
    assert team is not None
    assert (team.name, team.managed_by) == ("Engineering", ManagedBy.DIRECTORY)
    assert await sync.team_members(group.id) == {bo, cy}
    assert group.members == tuple(sorted([bo, cy]))
    [created] = await sync.events("team.created")
    assert (created.actor.kind, created.after["name"]) == ("directory", "Engineering")


async def test_R44_two_groups_may_carry_one_name(sync: DirectorySync) -> None:
    one, other = await pushed(sync, "Engineering"), await pushed(sync, "Engineering")

    assert one.id != other.id
    assert (await sync.house.services.groups.list(sync.caller, ListQuery())).total == 2


async def test_R44_membership_follows_adding_removing_and_replacing(sync: DirectorySync) -> None:
    bo, cy, di = [await user(sync, name) for name in ("bo", "cy", "di")]
    group = await pushed(sync, "Engineering", bo)

    await change(sync, group.id, added=(cy,), removed=(bo,))
    assert await sync.team_members(group.id) == {cy}
    replaced = await change(sync, group.id, added=(bo, di), replaces=True)
    assert replaced.members == tuple(sorted([bo, di]))
    assert await sync.team_members(group.id) == {bo, di}
    await change(sync, group.id, replaces=True)
    assert await sync.team_members(group.id) == set()
    moves = [event.after for event in await sync.events("team.members_changed")]
    assert moves[1] == {"added": sorted([bo, di]), "removed": [cy]}


async def test_R44_renaming_follows_and_what_changes_nothing_makes_no_version(sync: DirectorySync) -> None:
    bo = await user(sync, "bo")
    group = await pushed(sync, "Engineering", bo)

    renamed = await change(sync, group.id, displayName="Platform")
    again = await change(sync, group.id, displayName="Platform", added=(bo,))

    assert (renamed.version, again.version) == (2, 2)
    async with sync.house.uow() as uow:
        team = await uow.teams.get(sync.organization_id, group.id)
    assert team is not None
    assert team.name == "Platform"
    assert len(await sync.events("team.renamed")) == 1
    assert await sync.team_members(group.id) == {bo}


async def test_R44_unlinking_a_group_deletes_its_team(sync: DirectorySync) -> None:
    group = await pushed(sync, "Engineering", await user(sync, "bo"), "not-yet-known")

    await sync.house.services.groups.delete(sync.caller, group.id)

    for table in (
        "teams",
        "team_members",
        "directory_groups",
        "directory_group_members",
        "directory_group_reservations",
    ):
        assert await sync.house.count(table) == 0
    with pytest.raises(DomainError, match="group_not_found"):
        await sync.house.services.groups.delete(sync.caller, group.id)


async def test_R43_R44_who_is_deactivated_leaves_the_team_and_returns_to_it(sync: DirectorySync) -> None:
    bo = await user(sync, "bo")
    group = await pushed(sync, "Engineering", bo)

    await set_active(sync, bo, active=False)
    assert await sync.team_members(group.id) == set()
    found = await sync.house.services.groups.get(sync.caller, group.id)
    assert found.members == (bo,), "the directory sees its group as it made it"
    other = await pushed(sync, "Platform", bo)
    assert await sync.team_members(other.id) == set()

    await set_active(sync, bo, active=True)
    assert await sync.team_members(group.id) == {bo}
    assert await sync.team_members(other.id) == {bo}


async def test_R45_who_is_not_yet_provisioned_has_a_place_kept(sync: DirectorySync) -> None:
    bo = await user(sync, "bo")
    group = await pushed(sync, "Engineering", bo, "00u-cy", "di@acme.test", "mem_01jzzzzzzzzzzzzzzzzzzzzzzz")
    assert group.members == (bo,)

    cy = await user(sync, "cy", externalId="00u-cy")
    di = await user(sync, "di")

    assert await sync.team_members(group.id) == {bo, cy, di}
    found = await sync.house.services.groups.get(sync.caller, group.id)
    assert found.members == tuple(sorted([bo, cy, di]))
    users = await sync.house.services.users.get(sync.caller, cy)
    assert [(named.id, named.name) for named in users.groups] == [(group.id, "Engineering")]


async def test_R45_a_place_given_up_stays_empty(sync: DirectorySync) -> None:
    group = await pushed(sync, "Engineering", "00u-cy", "00u-di")

    await change(sync, group.id, removed=("00u-cy",))
    await user(sync, "cy", externalId="00u-cy")
    assert await sync.team_members(group.id) == set()
    await change(sync, group.id, replaces=True)
    await user(sync, "di", externalId="00u-di")
    assert await sync.team_members(group.id) == set()


async def test_R45_a_user_renamed_to_a_kept_place_takes_it(sync: DirectorySync) -> None:
    group = await pushed(sync, "Engineering", "beau@acme.test")
    bo = await user(sync, "bo")

    await sync.house.services.users.change(sync.caller, bo, lambda document: {**document, "userName": "Beau@acme.test"})

    assert await sync.team_members(group.id) == {bo}


async def test_R45_a_strict_directory_refuses_and_names_the_unknown_member(sync: DirectorySync) -> None:
    await sync.change(lenient_members=False)
    bo = await user(sync, "bo")

    with pytest.raises(DomainError, match=r"unknown_member.*00u-cy"):
        await pushed(sync, "Engineering", bo, "00u-cy")
    assert await sync.house.count("teams") == 0


async def test_R49_pushing_an_unmanaged_member_takes_it_over(sync: DirectorySync, ada: Person) -> None:
    own = await sync.house.member(ada)

    group = await pushed(sync, "Founders", own.id)

    assert group.members == (own.id,)
    assert (await sync.house.member(ada)).managed_by is ManagedBy.DIRECTORY
    assert await sync.team_members(group.id) == {own.id}


async def test_a_deleted_user_leaves_every_group(sync: DirectorySync) -> None:
    bo = await user(sync, "bo")
    group = await pushed(sync, "Engineering", bo)

    await sync.house.services.users.delete(sync.caller, bo)

    assert (await sync.house.services.groups.get(sync.caller, group.id)).members == ()
    assert await sync.team_members(group.id) == set()


async def test_a_version_that_is_no_longer_refuses_the_change(sync: DirectorySync) -> None:
    group = await pushed(sync, "Engineering")

    for attempt in (
        sync.house.services.groups.change(
            sync.caller, group.id, lambda document: document, GroupChange(replaces=True), expected=frozenset({7})
        ),
        sync.house.services.groups.delete(sync.caller, group.id, expected=frozenset()),
    ):
        with pytest.raises(DomainError, match="version_mismatch"):
            await attempt


@pytest.mark.parametrize("many", [10, 10_000])
async def test_adding_one_member_runs_as_many_statements_in_a_group_of_many(sync: DirectorySync, many: int) -> None:
    bo = await user(sync, "bo")
    group = await pushed(sync, "Engineering")
    await fill(sync, many)

    with statements(sync.house) as ran:
        await sync.house.services.groups.change(
            sync.caller, group.id, lambda document: document, GroupChange(added=(bo,))
        )

    # Organization, directory, group, who it is, into the group; into the team, the event and the version together.
    assert len(ran) == 6, ran
    assert not [statement for statement, _ in ran if statement.startswith("SELECT") and "group_members" in statement]
    assert await sync.house.count("team_members") == many + 1


async def test_renaming_and_leaving_members_out_never_reads_members(sync: DirectorySync) -> None:
    group = await pushed(sync, "Engineering", await user(sync, "bo"))

    with statements(sync.house) as ran:
        await sync.house.services.groups.change(
            sync.caller, group.id, lambda document: {**document, "displayName": "Platform"}, GroupChange()
        )
        await sync.house.services.groups.get(sync.caller, group.id, joined=False)
        await sync.house.services.groups.list(sync.caller, ListQuery(joined=False))

    assert not [statement for statement, _ in ran if "group_members" in statement or "team_members" in statement]


@pytest.mark.parametrize("replaces", [False, True])
async def test_R45_whoever_is_added_by_id_and_then_removed_by_user_name_is_out(
    sync: DirectorySync, replaces: bool
) -> None:
    bo, cy = await user(sync, "bo"), await user(sync, "cy")
    group = await pushed(sync, "Engineering", cy)
    by_name = GroupChange((bo, cy), ("bo@acme.test",), replaces, order=(bo, cy, "bo@acme.test"))

    left = await sync.house.services.groups.change(sync.caller, group.id, lambda kept: kept, by_name, joined=True)

    assert left.members == (cy,)
    assert await sync.team_members(group.id) == {cy}
