"""Two writes of a directory at the same moment end as some order of them would have (R63)."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest

from ostiary.domain.directory import GroupChange
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import MemberStatus
from ostiary.services.directory_drift import DirectoryDriftService
from ostiary.services.ports.provisioning import ListQuery
from tests.support.directory import DirectorySync, directory_sync, user_document
from tests.support.house import House

again = pytest.mark.parametrize("attempt", range(4))


@pytest.fixture
async def sync(house: House) -> AsyncGenerator[DirectorySync]:
    """Directory Sync of acme, which ada founded. However the race ends, the organization is what was pushed."""
    await house.organization(await house.person("ada@acme.test"))
    yield await directory_sync(house)
    assert await DirectoryDriftService(house.kit).check("acme") == ()


async def at_once(*attempts: Awaitable[object]) -> list[str]:
    """Run them at once; answers the codes of those refused, and raises anything else."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, DomainError):
            raise result
    return sorted(result.code for result in results if isinstance(result, DomainError))


async def user(sync: DirectorySync, user_name: str, **attributes: Any) -> str:
    return (await sync.house.services.users.create(sync.caller, user_document(user_name, **attributes))).id


async def set_active(sync: DirectorySync, user_id: str, *, active: bool) -> None:
    await sync.house.services.users.change(sync.caller, user_id, lambda document: {**document, "active": active})


async def group(sync: DirectorySync, *members: str) -> str:
    document: Document = {"displayName": "Engineering"}
    return (await sync.house.services.groups.create(sync.caller, document, GroupChange(added=members))).id


async def add(sync: DirectorySync, group_id: str, *members: str) -> None:
    await sync.house.services.groups.change(
        sync.caller, group_id, lambda document: document, GroupChange(added=members)
    )


@again
async def test_R61_R63_two_administrators_deactivated_at_once_leave_one(sync: DirectorySync, attempt: int) -> None:
    await sync.change(manage_roles=True)
    ada = await user(sync, "ada@acme.test")
    bo = await user(sync, "bo@acme.test", role="admin")

    refused = await at_once(set_active(sync, ada, active=False), set_active(sync, bo, active=False))

    assert refused == []
    left = [member for member in (await sync.member(ada), await sync.member(bo)) if member is not None]
    assert [member.status for member in left] == [MemberStatus.SUSPENDED]
    assert [event.target_id for event in await sync.events("member.last_administrator_kept")] == [left[0].id]


@again
async def test_one_user_name_is_given_once(sync: DirectorySync, attempt: int) -> None:
    refused = await at_once(user(sync, "bo@acme.test"), user(sync, "BO@acme.test"), user(sync, "bo@acme.TEST"))

    assert refused == ["user_name_taken", "user_name_taken"]
    assert await sync.house.count("members") == 2


@again
async def test_R49_a_member_is_taken_over_once(sync: DirectorySync, attempt: int) -> None:
    refused = await at_once(user(sync, "ada@acme.test"), user(sync, "al", emails=[{"value": "ada@acme.test"}]))

    # The slower one finds no member to take over any more, and is somebody else.
    assert refused == []
    assert await sync.house.count("members") == await sync.house.count("members", managed_by="directory") == 2


@again
async def test_R49_two_changes_of_an_unmanaged_member_both_happen(sync: DirectorySync, attempt: int) -> None:
    users = sync.house.services.users
    [ada] = (await users.list(sync.caller, ListQuery())).items

    refused = await at_once(
        users.change(sync.caller, ada.id, lambda document: {**document, "title": "Founder"}),
        users.change(sync.caller, ada.id, lambda document: {**document, "nickName": "Countess"}),
    )

    found = await users.get(sync.caller, ada.id)
    assert refused == []
    assert (found.version, found.document["title"], found.document["nickName"]) == (2, "Founder", "Countess")


@again
async def test_R45_who_is_provisioned_while_a_place_is_kept_gets_it(sync: DirectorySync, attempt: int) -> None:
    await at_once(group(sync, "00u-bo"), user(sync, "bo@acme.test", externalId="00u-bo"))

    assert await sync.house.count("directory_group_members") == 1
    assert await sync.house.count("team_members") == 1
    assert await sync.house.count("directory_group_reservations") == 0


@again
async def test_R44_who_comes_back_while_put_into_a_group_is_in_its_team(sync: DirectorySync, attempt: int) -> None:
    bo, engineering = await user(sync, "bo@acme.test", active=False), await group(sync)

    refused = await at_once(set_active(sync, bo, active=True), add(sync, engineering, bo))

    assert refused == []
    assert await sync.team_members(engineering) == {bo}


@again
async def test_who_is_deleted_while_put_into_a_group_is_in_none(sync: DirectorySync, attempt: int) -> None:
    bo, engineering = await user(sync, "bo@acme.test"), await group(sync)

    await at_once(sync.house.services.users.delete(sync.caller, bo), add(sync, engineering, bo))

    assert await sync.house.count("directory_group_members") == await sync.house.count("team_members") == 0


@again
async def test_many_changes_of_one_group_lose_nobody(sync: DirectorySync, attempt: int) -> None:
    people = [await user(sync, f"user{number}@acme.test") for number in range(6)]
    engineering = await group(sync, *people[:3])

    refused = await at_once(*(add(sync, engineering, person) for person in people[3:]))

    assert refused == []
    assert await sync.team_members(engineering) == set(people)
    assert (await sync.house.services.groups.get(sync.caller, engineering)).version == 4
