"""Changed settings of a directory are applied to what it pushed before, as previewed (R46, R47, R50, R61)."""

from dataclasses import replace

import pytest

from ostiary.domain.errors import DomainError
from ostiary.domain.membership import Member, Role, Source
from ostiary.services import directory_reapply
from ostiary.services.directory import DirectoryChange
from tests.support.directory import DirectorySync, directory_sync, statements, user_document
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def sync(house: House, ada: Person) -> DirectorySync:
    assert ada.email
    return await directory_sync(house)


async def pushed(sync: DirectorySync, email: str, **attributes: object) -> str:
    return (await sync.house.services.users.create(sync.caller, user_document(email, **attributes))).id


async def member(sync: DirectorySync, member_id: str) -> Member:
    found = await sync.member(member_id)
    assert found is not None
    return found


async def test_R46_turning_role_management_on_applies_the_stored_roles_as_previewed(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    bo = await pushed(sync, "bo@acme.test", role="administrator")
    cy = await pushed(sync, "cy@acme.test", role="member")
    di = await pushed(sync, "di@acme.test")
    await house.change_member(replace(await member(sync, cy), role=Role.ADMINISTRATOR))
    await house.change_member(replace(await member(sync, di), role=Role.ADMINISTRATOR))
    change = DirectoryChange(manage_roles=True)
    previewed = await house.services.directory.preview_update(ada.caller, "acme", change)
    assert (previewed.users, previewed.roles_raised, previewed.roles_lowered) == (3, 1, 1)
    assert (await member(sync, bo)).role is Role.MEMBER
    assert await sync.events("member.role_changed") == []

    assert (await house.services.directory.update(ada.caller, "acme", change)).manage_roles
    # Whom the directory never gave a role keeps theirs.
    assert [(await member(sync, each)).role for each in (bo, cy, di)] == [
        Role.ADMINISTRATOR,
        Role.MEMBER,
        Role.ADMINISTRATOR,
    ]
    assert (await member(sync, bo)).role_provenance.source is Source.DIRECTORY
    told = {
        event.target_id: (event.before["role"], event.after["role"])
        for event in await sync.events("member.role_changed")
    }
    assert told == {bo: ("member", "administrator"), cy: ("administrator", "member")}


async def test_R46_R61_the_last_administrator_keeps_the_role_and_an_event_warns(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    mine = await pushed(sync, "ada@acme.test", role="member")
    assert mine == (await house.member(ada)).id
    later = await pushed(sync, "bo@acme.test", role="member")
    await house.change_member(replace(await member(sync, later), role=Role.ADMINISTRATOR))
    change = DirectoryChange(manage_roles=True)
    previewed = await house.services.directory.preview_update(ada.caller, "acme", change)
    assert (previewed.roles_lowered, previewed.administrator_kept) == (1, mine)
    await house.services.directory.update(ada.caller, "acme", change)
    assert [(await member(sync, each)).role for each in (mine, later)] == [Role.ADMINISTRATOR, Role.MEMBER]
    [warning] = await sync.events("member.last_administrator_kept")
    assert warning.target_id == mine


async def test_R47_a_changed_map_is_applied_to_stored_users(house: House, ada: Person, sync: DirectorySync) -> None:
    bo = await pushed(sync, "bo@acme.test", nickName="Bobo", planetscale_role="administrator")
    await house.services.directory.update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    change = DirectoryChange(attribute_map={"nickName": "name", "planetscale_role": "role"})
    previewed = await house.services.directory.preview_update(ada.caller, "acme", change)
    assert (previewed.users, previewed.profiles_changed, previewed.roles_raised) == (1, 1, 1)
    assert (await member(sync, bo)).name != "Bobo"
    await house.services.directory.update(ada.caller, "acme", change)
    changed = await member(sync, bo)
    assert (changed.name, changed.role) == ("Bobo", Role.ADMINISTRATOR)
    stored = await house.services.users.get(sync.caller, bo)
    assert stored.version == 1
    # The directory's next write finds nothing left to do.
    await house.services.users.change(sync.caller, bo, lambda document: document)
    assert await member(sync, bo) == changed


async def test_R47_another_role_attribute_reads_the_stored_documents_anew(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    bo = await pushed(sync, "bo@acme.test", department="admin")
    await house.services.directory.update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    await house.services.directory.update(ada.caller, "acme", DirectoryChange(role_attribute="department"))
    assert (await member(sync, bo)).role is Role.ADMINISTRATOR
    # Nobody sends the next one: a name that is wrong takes nobody's role away.
    await house.services.directory.update(ada.caller, "acme", DirectoryChange(role_attribute="misspelt"))
    assert (await member(sync, bo)).role is Role.ADMINISTRATOR


async def test_R46_members_the_directory_does_not_manage_stay_as_they_are(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    before = await house.member(ada)
    previewed = await house.services.directory.preview_update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    assert previewed.users == 0
    await house.services.directory.update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    assert await house.member(ada) == before


async def test_R50_one_of_two_sources_of_roles_is_refused_in_the_preview_too(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    assert sync.directory.enabled
    await house.change_sso(manage_roles=True)
    for attempt in (house.services.directory.preview_update, house.services.directory.update):
        with pytest.raises(DomainError, match="role_source_conflict"):
            await attempt(ada.caller, "acme", DirectoryChange(manage_roles=True))


async def test_R46_parts_are_read_one_after_the_other_and_written_at_once(
    house: House, ada: Person, sync: DirectorySync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_reapply, "PART", 2)
    people = [await pushed(sync, f"m{number}@acme.test", role="administrator") for number in range(5)]
    with statements(house) as ran:
        await house.services.directory.update(ada.caller, "acme", DirectoryChange(manage_roles=True))
    assert {(await member(sync, each)).role for each in people} == {Role.ADMINISTRATOR}
    assert len([statement for statement, _ in ran if statement.startswith("UPDATE members")]) == 1


async def test_other_settings_read_nobody_anew(house: House, ada: Person, sync: DirectorySync) -> None:
    await pushed(sync, "bo@acme.test")
    with statements(house) as ran:
        await house.services.directory.update(ada.caller, "acme", DirectoryChange(lenient_members=False))
    assert [statement for statement, _ in ran if "FROM directory_users" in statement] == []
