"""Members whom the directory does not know go when an administrator says so, and not before (R22)."""

from dataclasses import replace

import pytest

from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy, MemberStatus, Role
from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import MemberFilter
from tests.support.directory import DirectorySync, directory_sync, statements, user_document
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def pushed(sync: DirectorySync, email: str) -> None:
    await sync.house.services.users.create(sync.caller, user_document(email))


async def emails(house: House, ada: Person, matching: MemberFilter) -> list[str]:
    page = await house.services.members.list(ada.caller, "acme", matching, PageRequest())
    return [details.member.email for details in page.items]


async def demote(house: House, person: Person) -> None:
    """A member from before who is no administrator: enabling SSO removed all others of them (R10)."""
    await house.change_member(replace(await house.member(person), role=Role.MEMBER, awaiting_first_sso_sign_in=False))


async def test_R22_they_are_previewed_named_and_removed_with_what_hangs_on_them(house: House, ada: Person) -> None:
    services = house.services
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    cy = await house.joined(ada, "cy@acme.test", Role.ADMINISTRATOR)
    database = await services.databases.create(ada.caller, "acme", "orders")
    await services.databases.grant_administrator(ada.caller, "acme", database.id, (await house.member(bo)).id)
    made = await services.credentials.create(cy.caller, "acme", database.id, "app")
    sync = await directory_sync(house)
    await demote(house, bo)
    await pushed(sync, "ada@acme.test")
    session = await house.sso_session(bo)
    assert await emails(house, ada, MemberFilter(unmatched=True)) == ["bo@acme.test", "cy@acme.test"]

    previewed = await services.unmatched.preview(ada.caller, "acme")
    assert await emails(house, ada, MemberFilter()) == ["ada@acme.test", "bo@acme.test", "cy@acme.test"]
    effects = await services.unmatched.remove(ada.caller, "acme")
    assert effects == previewed
    assert (
        effects.members_removed,
        effects.database_administrators_revoked,
        effects.sessions_ended,
        effects.credentials_kept,
        effects.administrator_kept,
    ) == (2, 1, 1, 1, None)
    assert await emails(house, ada, MemberFilter()) == ["ada@acme.test"]
    assert await house.principal(session) is None
    # R15: what they made stays active, and says so.
    found = await services.credentials.verify(username=made.credential.username, secret=made.secret)
    assert found is not None
    assert found.creator_removed
    removed = {str(event.before["email"]) for event in await house.events("member.removed")}
    assert removed == {"bo@acme.test", "cy@acme.test"}
    [told] = await house.events("directory.unmatched_removed")
    assert told.after["members_removed"] == 2
    # Nobody is left to remove.
    assert (await services.unmatched.remove(ada.caller, "acme")).members_removed == 0


async def test_R22_R61_the_administrator_who_asks_stays_where_the_directory_knows_no_active_one(
    house: House, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    cy = await house.joined(ada, "cy@acme.test", Role.ADMINISTRATOR)
    sync = await directory_sync(house)
    await demote(house, cy)
    await pushed(sync, "di@acme.test")
    effects = await house.services.unmatched.remove(bo.caller, "acme")
    assert (effects.members_removed, effects.administrator_kept) == (2, (await house.member(bo)).id)
    assert await emails(house, bo, MemberFilter()) == ["bo@acme.test", "di@acme.test"]


async def test_R22_R61_a_suspended_administrator_whom_the_directory_knows_keeps_nobody_in_charge(
    house: House, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    sync = await directory_sync(house)
    await pushed(sync, "bo@acme.test")
    await house.change_member(replace(await house.member(bo), status=MemberStatus.SUSPENDED))
    effects = await house.services.unmatched.preview(ada.caller, "acme")
    assert (effects.members_removed, effects.administrator_kept) == (0, (await house.member(ada)).id)


async def test_R22_without_a_directory_nobody_is_unmatched(house: House, ada: Person) -> None:
    for attempt in (house.services.unmatched.preview, house.services.unmatched.remove):
        with pytest.raises(DomainError, match="directory_not_enabled"):
            await attempt(ada.caller, "acme")


async def test_R22_many_go_in_as_many_statements_as_few(house: House, ada: Person) -> None:
    sync = await directory_sync(house)
    await pushed(sync, "ada@acme.test")
    ran: list[int] = []
    for count in (2, 12):
        for number in range(count):
            person = await house.person(f"m{count}-{number}@acme.test")
            member = replace(
                await house.member(ada),
                id=house.kit.ids.new("mem"),
                account_id=person.account_id,
                email=person.email,
                role=Role.MEMBER,
                managed_by=ManagedBy.MANUAL,
            )
            async with house.uow() as uow:
                await uow.members.add(member)
                await uow.commit()
        with statements(house) as seen:
            assert (await house.services.unmatched.remove(ada.caller, "acme")).members_removed == count
        ran.append(len(seen))
    assert ran[0] == ran[1]
