"""The breaker: a directory that takes away many at once is held back, and an administrator decides (R43, R61, R63)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.domain.directory import Directory, GroupChange, OnDeactivate
from ostiary.domain.directory_breaker import Breaker, BreakerChange
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.membership import ManagedBy, MemberStatus
from ostiary.services.directory import DirectoryChange
from ostiary.services.directory_breaker import BreakerDecided
from ostiary.services.paging import PageRequest
from ostiary.services.ports.provisioning import ListQuery
from tests.support.directory import DirectorySync, directory_sync, statements, user_document
from tests.support.house import House, Person

# Of five members, ada among them, two may go; the third trips it.
SMALL = Breaker(share_percent=40, minimum=2)


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder and administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def sync(house: House, ada: Person) -> DirectorySync:
    """Directory Sync of acme, with a breaker for small companies."""
    return await directory_sync(house, breaker=SMALL)


@pytest.fixture
async def people(sync: DirectorySync) -> list[str]:
    """Four users."""
    return [await push(sync, f"person{number}@acme.test") for number in range(4)]


Departing = Callable[[DirectorySync, str], Awaitable[None]]


async def push(sync: DirectorySync, user_name: str, **attributes: object) -> str:
    return (await sync.house.services.users.create(sync.caller, user_document(user_name, **attributes))).id


async def deactivate(sync: DirectorySync, user_id: str) -> None:
    await sync.house.services.users.change(sync.caller, user_id, lambda document: {**document, "active": False})


async def activate(sync: DirectorySync, user_id: str) -> None:
    await sync.house.services.users.change(sync.caller, user_id, lambda document: {**document, "active": True})


async def delete(sync: DirectorySync, user_id: str) -> None:
    await sync.house.services.users.delete(sync.caller, user_id)


async def status(sync: DirectorySync, user_id: str) -> MemberStatus | None:
    member = await sync.member(user_id)
    return None if member is None else member.status


async def settings(sync: DirectorySync, ada: Person) -> Directory:
    return await sync.house.services.directory.get(ada.caller, sync.slug)


async def held(sync: DirectorySync, ada: Person) -> list[str]:
    page = await sync.house.services.directory_breaker.held(ada.caller, sync.slug, PageRequest())
    return [who.member_id for who in page.items]


async def with_everything(sync: DirectorySync, ada: Person, user_id: str) -> tuple[str, Person]:
    """Put the user into a group, make them administrator of a database and sign them in; answers the group."""
    database = await sync.house.services.databases.create(ada.caller, sync.slug, name=f"db-{user_id[-6:].lower()}")
    await sync.house.services.databases.grant_administrator(ada.caller, sync.slug, database.id, user_id)
    document: Document = {"displayName": f"Team of {user_id}"}
    group = await sync.house.services.groups.create(sync.caller, document, GroupChange(added=(user_id,)))
    member = await sync.member(user_id)
    assert member is not None
    person = await sync.house.person(member.email)
    await sync.house.change_member(replace(member, account_id=person.account_id))
    return group.id, person


async def test_R43_who_goes_after_the_breaker_tripped_is_suspended_and_loses_nothing(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    group, person = await with_everything(sync, ada, people[2])
    session = await sync.house.sso_session(person)
    for user_id in people[:2]:
        await deactivate(sync, user_id)
    assert (await settings(sync, ada)).breaker_tripped_at is None

    await deactivate(sync, people[2])
    await delete(sync, people[3])

    assert [await status(sync, user_id) for user_id in people] == [None, None, *[MemberStatus.SUSPENDED] * 2]
    assert await sync.house.principal(session) is None, "access ends in the same request"
    assert await sync.team_members(group) == {people[2]}
    assert await sync.house.count("database_administrators") == 1
    assert (await settings(sync, ada)).breaker_tripped_at is not None
    assert await held(sync, ada) == sorted(people[2:])
    assert (await sync.house.services.directory.counts(ada.caller, "acme")).held_back == 2
    (tripped,) = await sync.events("directory.breaker_tripped")
    assert (tripped.after["departures"], tripped.after["members"]) == (3, 5)
    (mail,) = [mail for mail in await sync.house.mails() if "taking away many" in mail.subject]
    assert mail.to == "ada@acme.test"
    assert "/v1/organizations/acme/directory/breaker/undo" in mail.text


async def test_a_deleted_user_is_gone_for_the_directory_though_held_back(
    sync: DirectorySync, people: list[str]
) -> None:
    for user_id in people[:3]:
        await delete(sync, user_id)

    assert await status(sync, people[2]) is MemberStatus.SUSPENDED
    with pytest.raises(DomainError) as refused:
        await sync.house.services.users.get(sync.caller, people[2])
    assert refused.value.code == "user_not_found"


@pytest.mark.parametrize("how", [deactivate, delete], ids=["active=false", "DELETE"])
async def test_undo_gives_back_everything(sync: DirectorySync, ada: Person, people: list[str], how: Departing) -> None:
    group, person = await with_everything(sync, ada, people[2])
    await sync.house.sso_session(person)
    before = await sync.house.services.users.get(sync.caller, people[2])
    for user_id in people[:3]:
        await how(sync, user_id)

    decided = await sync.house.services.directory_breaker.undo(ada.caller, "acme")

    assert decided == BreakerDecided(reactivated=1)
    member = await sync.member(people[2])
    assert member is not None
    assert (member.status, member.managed_by) == (MemberStatus.ACTIVE, ManagedBy.DIRECTORY)
    assert member.account_id == person.account_id
    assert await sync.team_members(group) == {people[2]}
    assert await sync.house.count("database_administrators") == 1
    user = await sync.house.services.users.get(sync.caller, people[2])
    assert (user.document, user.groups) == (before.document, before.groups)
    assert user.version > before.version
    identities = await sync.house.services.members.identities(ada.caller, "acme", people[2])
    assert [link.internal_id for link in identities] == ["00u1"], "links stay, so nothing is erased at the next sign-in"
    assert await held(sync, ada) == []
    assert (await settings(sync, ada)).breaker_tripped_at is None
    (event,) = await sync.events("member.reactivated")
    assert event.target_id == people[2]
    assert (await sync.events("directory.breaker_undone"))[0].after == {"reactivated": 1}


async def test_a_directory_that_goes_on_after_undo_is_held_back_at_once(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    for user_id in people[:3]:
        await deactivate(sync, user_id)
    await sync.house.services.directory_breaker.undo(ada.caller, "acme")

    await deactivate(sync, people[2])

    assert await held(sync, ada) == [people[2]]


@pytest.mark.parametrize("how", [deactivate, delete], ids=["active=false", "DELETE"])
async def test_R43_confirm_removes_whom_the_directory_took(
    sync: DirectorySync, ada: Person, people: list[str], how: Departing
) -> None:
    _, person = await with_everything(sync, ada, people[2])
    await sync.house.sso_session(person)
    for user_id in people[:3]:
        await how(sync, user_id)

    decided = await sync.house.services.directory_breaker.confirm(ada.caller, "acme")

    assert decided == BreakerDecided(removed=1)
    assert await sync.member(people[2]) is None
    assert await sync.house.count("identities", removed_at="null") == 0
    assert await sync.house.count("database_administrators") == 0
    assert people[2] in [event.target_id for event in await sync.events("member.removed")]
    assert (await sync.events("directory.breaker_confirmed"))[0].after == {"removed": 1, "suspended": 0}
    assert await sync.house.count("directory_departures") == 0, "counting begins anew"
    await deactivate(sync, people[3])
    assert await sync.member(people[3]) is None


async def test_R43_confirm_leaves_suspended_where_the_directory_only_suspends(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    await sync.change(on_deactivate=OnDeactivate.SUSPEND)
    for user_id in people:
        await deactivate(sync, user_id)
    assert await held(sync, ada) == sorted(people[2:])

    decided = await sync.house.services.directory_breaker.confirm(ada.caller, "acme")

    assert decided == BreakerDecided(suspended=2)
    assert [await status(sync, user_id) for user_id in people] == [MemberStatus.SUSPENDED] * 4


async def test_whom_the_directory_brings_back_itself_is_held_back_no_longer(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    group, _ = await with_everything(sync, ada, people[3])
    for user_id in people[:3]:
        await deactivate(sync, user_id)
    await delete(sync, people[3])

    await activate(sync, people[2])
    again = await push(sync, "person3@acme.test")

    assert again == people[3], "the member is taken over, not doubled"
    assert await held(sync, ada) == []
    assert [await status(sync, user_id) for user_id in people[2:]] == [MemberStatus.ACTIVE] * 2
    assert (await sync.house.services.groups.get(sync.caller, group)).members == (people[3],)
    assert await sync.house.services.directory_breaker.confirm(ada.caller, "acme") == BreakerDecided()


@pytest.mark.parametrize("call", ["undo", "confirm"])
async def test_nothing_is_decided_where_nothing_tripped(sync: DirectorySync, ada: Person, call: str) -> None:
    with pytest.raises(DomainError) as refused:
        await getattr(sync.house.services.directory_breaker, call)(ada.caller, "acme")

    assert refused.value.code == "breaker_not_tripped"


async def test_departures_outside_the_window_do_not_count(sync: DirectorySync, ada: Person, people: list[str]) -> None:
    for user_id in people:
        await deactivate(sync, user_id)
        sync.house.clock.turn(timedelta(hours=1))

    assert [await status(sync, user_id) for user_id in people] == [None] * 4
    assert (await settings(sync, ada)).breaker_tripped_at is None


async def test_one_person_who_comes_and_goes_counts_once(sync: DirectorySync, ada: Person, people: list[str]) -> None:
    for _ in range(4):
        await deactivate(sync, people[0])
        await activate(sync, people[0])

    assert (await settings(sync, ada)).breaker_tripped_at is None


async def test_switched_off_everybody_goes(sync: DirectorySync, ada: Person, people: list[str]) -> None:
    change = DirectoryChange(breaker=BreakerChange(enabled=False))
    after = await sync.house.services.directory.update(ada.caller, "acme", change)
    assert after.breaker == replace(SMALL, enabled=False)

    for user_id in people:
        await deactivate(sync, user_id)

    assert [await status(sync, user_id) for user_id in people] == [None] * 4


async def test_below_the_minimum_nobody_is_counted_and_nothing_trips(sync: DirectorySync, people: list[str]) -> None:
    await sync.change(breaker=Breaker())

    with statements(sync.house) as seen:
        for user_id in people:
            await deactivate(sync, user_id)

    assert not [statement for statement, _ in seen if "count(*)" in statement and "FROM members" in statement]
    assert [await status(sync, user_id) for user_id in people] == [None] * 4


async def test_members_are_counted_once_a_minute_while_far_from_the_share(sync: DirectorySync) -> None:
    await sync.change(breaker=Breaker(share_percent=90, minimum=1))
    people = [await push(sync, f"person{number}@acme.test") for number in range(5)]

    with statements(sync.house) as seen:
        for user_id in people[:3]:
            await deactivate(sync, user_id)

    assert len([statement for statement, _ in seen if "count(*)" in statement and "FROM members" in statement]) == 1


async def test_R61_the_last_administrator_held_back_comes_back_by_undo_and_stays_at_confirm(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    bo = await sync.house.person("bo@acme.test")
    await sync.change(manage_roles=True)
    boss = await push(sync, "bo@acme.test", role="admin")
    member = await sync.member(boss)
    assert member is not None
    await sync.house.change_member(replace(member, account_id=bo.account_id))
    for user_id in people[:3]:
        await deactivate(sync, user_id)
    taken_over = await push(sync, "ada@acme.test", role="admin")
    await deactivate(sync, taken_over)
    assert await status(sync, taken_over) is MemberStatus.SUSPENDED

    await deactivate(sync, boss)

    assert await status(sync, boss) is MemberStatus.SUSPENDED
    assert len(await sync.events("member.last_administrator_kept")) == 1
    async with sync.house.uow() as uow:
        await uow.breaker.remove(sync.organization_id, sync.house.clock.now(), keep_administrators=True)
        await uow.commit()
    assert await status(sync, boss) is MemberStatus.SUSPENDED
    assert await status(sync, people[2]) is None


async def test_R55_disabling_closes_the_breaker_and_leaves_the_suspended_to_be_reactivated_by_hand(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    for user_id in people[:3]:
        await deactivate(sync, user_id)

    await sync.house.services.directory.disable(ada.caller, "acme")

    assert await status(sync, people[2]) is MemberStatus.SUSPENDED
    assert await held(sync, ada) == []
    await sync.house.services.members.reactivate(ada.caller, "acme", people[2])
    assert await status(sync, people[2]) is MemberStatus.ACTIVE


@pytest.mark.parametrize("attempt", range(3))
async def test_R63_of_many_taken_away_at_once_no_more_slip_by_than_one_after_the_other(
    sync: DirectorySync, ada: Person, attempt: int
) -> None:
    people = [await push(sync, f"person{number}@acme.test") for number in range(9)]

    await asyncio.gather(*(deactivate(sync, user_id) for user_id in people))

    gone = [user_id for user_id in people if await status(sync, user_id) is None]
    assert len(gone) == 4, "of ten, 40 %"
    assert sorted(await held(sync, ada)) == sorted(set(people) - set(gone))
    assert len(await sync.events("directory.breaker_tripped")) == 1


async def test_nobody_but_administrators_decides(sync: DirectorySync, ada: Person, people: list[str]) -> None:
    cy = await sync.house.person("person0@acme.test")
    member = await sync.member(people[0])
    assert member is not None
    await sync.house.change_member(replace(member, account_id=cy.account_id))
    for user_id in people[1:]:
        await deactivate(sync, user_id)
    principal = await sync.house.principal(await sync.house.sso_session(cy))
    assert principal is not None
    breaker, with_sso = sync.house.services.directory_breaker, replace(cy.caller, principal=principal)

    for act in (breaker.undo, breaker.confirm):
        with pytest.raises(DomainError) as by_password:
            await act(cy.caller, "acme")
        with pytest.raises(DomainError) as by_sso:
            await act(with_sso, "acme")
        assert by_password.value.code == "sso_required"
        assert (by_sso.value.code, by_sso.value.kind) == ("forbidden", Kind.FORBIDDEN)
    assert await held(sync, ada) == [people[3]]


@pytest.mark.parametrize("named", [False, True], ids=["left out", "named"])
async def test_R44_a_deleted_user_held_back_returns_to_groups_as_the_directory_wrote_them_last(
    sync: DirectorySync, ada: Person, people: list[str], *, named: bool
) -> None:
    group, _ = await with_everything(sync, ada, people[3])
    for user_id in people[1:3]:
        await deactivate(sync, user_id)
    await delete(sync, people[3])

    after = GroupChange(added=(people[0], *people[3:]) if named else (people[0],), replaces=True)
    await sync.house.services.groups.change(sync.caller, group, lambda document: document, after)
    expected = {people[0], people[3]} if named else {people[0]}
    assert await sync.team_members(group) == expected
    await sync.house.services.directory_breaker.undo(ada.caller, "acme")

    assert await sync.team_members(group) == expected
    members = (await sync.house.services.groups.get(sync.caller, group)).members
    assert members is not None
    assert set(members) == expected


async def test_R44_a_deleted_user_held_back_stays_out_of_a_group_the_directory_removes_them_from(
    sync: DirectorySync, ada: Person, people: list[str]
) -> None:
    group, _ = await with_everything(sync, ada, people[3])
    for user_id in people[1:3]:
        await deactivate(sync, user_id)
    await delete(sync, people[3])

    going = GroupChange(removed=(people[3],))
    await sync.house.services.groups.change(sync.caller, group, lambda document: document, going)
    await sync.house.services.directory_breaker.undo(ada.caller, "acme")

    assert await sync.team_members(group) == set()
    assert (await sync.house.services.groups.get(sync.caller, group)).members == ()


async def test_the_held_back_are_listed_to_the_directory_as_it_wrote_them(
    sync: DirectorySync, people: list[str]
) -> None:
    for user_id in people[:3]:
        await deactivate(sync, user_id)

    listing = await sync.house.services.users.list(sync.caller, ListQuery(filter="active eq false"))

    assert {user.id for user in listing.items} == set(people[:3])
