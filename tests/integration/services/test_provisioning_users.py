"""What a directory's users mean for the organization (R41-R43, R46, R47, R49, R61)."""

import re
from dataclasses import replace
from typing import Any

import pytest

from ostiary.domain import ids
from ostiary.domain.directory import OnDeactivate
from ostiary.domain.directory_document import Document
from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Role, Source
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import ListQuery, Position, Sorting, StoredUser
from tests.support.directory import ENTERPRISE, DirectorySync, directory_sync, fill, statements, user_document
from tests.support.house import House, Person


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder and only administrator of acme, whom the directory does not know yet."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def sync(house: House, ada: Person) -> DirectorySync:
    """Directory Sync of acme."""
    return await directory_sync(house)


async def provisioned(sync: DirectorySync, user_name: str = "bo@acme.test", **attributes: Any) -> StoredUser:
    return await sync.house.services.users.create(sync.caller, user_document(user_name, **attributes))


async def set_attributes(sync: DirectorySync, user_id: str, **attributes: Any) -> StoredUser:
    """Write attributes of a user; None clears one."""

    def revise(document: Document) -> Document:
        return {key: value for key, value in {**document, **attributes}.items() if value is not None}

    return await sync.house.services.users.change(sync.caller, user_id, revise)


async def member_of(sync: DirectorySync, user_id: str) -> Member:
    member = await sync.member(user_id)
    assert member is not None
    return member


async def signed_in(sync: DirectorySync, user_id: str, email: str = "bo@acme.test") -> tuple[Person, str]:
    """The person behind a user after their first sign-in, and the session it made."""
    person = await sync.house.person(email)
    await sync.house.change_member(replace(await member_of(sync, user_id), account_id=person.account_id))
    return person, await sync.house.sso_session(person)


async def test_R41_a_provisioned_user_becomes_a_managed_member_without_an_account(sync: DirectorySync) -> None:
    bo = await sync.house.person("bo@acme.test")

    user = await provisioned(sync)

    member = await member_of(sync, user.id)
    assert member.account_id is None, "an account of the same address gets nothing before its owner signs in"
    assert not await sync.house.is_member(bo)
    assert (member.email, member.name, member.role) == ("bo@acme.test", "Bo Example", Role.MEMBER)
    assert (member.status, member.managed_by) == (MemberStatus.ACTIVE, ManagedBy.DIRECTORY)
    assert (member.provenance.source, member.provenance.by) == (Source.DIRECTORY, sync.directory.id)
    assert [mail for mail in await sync.house.mails() if "Acme" in mail.text] == []
    [event] = await sync.events("member.joined")
    assert (event.actor.kind, event.actor.id, event.target_id) == ("directory", sync.directory.id, user.id)
    assert event.request_id == "a-request"


async def test_R41_any_user_name_and_address_is_stored_and_listed(sync: DirectorySync) -> None:
    user = await provisioned(sync, "boss", emails=[{"value": "not an address"}], active=True)

    assert (await member_of(sync, user.id)).email == "not an address"
    listed = await sync.house.services.users.list(sync.caller, ListQuery(filter='userName eq "BOSS"'))
    assert [found.id for found in listed.items] == [user.id]


async def test_a_user_provisioned_as_inactive_has_no_access(sync: DirectorySync) -> None:
    user = await provisioned(sync, active=False)

    assert await sync.member(user.id) is None
    assert [event.target_id for event in await sync.events("directory_user.created")] == [user.id]


async def test_R42_changes_are_applied_to_the_member_and_never_to_the_account(sync: DirectorySync) -> None:
    user = await provisioned(sync)
    person, _ = await signed_in(sync, user.id)

    await set_attributes(
        sync, user.id, userName="beau", displayName="Beau", emails=[{"value": "Beau@Acme.Test", "primary": True}]
    )

    member = await member_of(sync, user.id)
    assert (member.name, member.email) == ("Beau", "beau@acme.test")
    async with sync.house.uow() as uow:
        account = await uow.accounts.get(person.account_id)
    assert account is not None
    assert (account.email, account.name) == ("bo@acme.test", "Bo")
    [event] = await sync.events("directory_user.updated")
    assert event.before["user_name"] == "bo@acme.test"
    assert event.after["user_name"] == "beau"


async def test_R43_deactivation_removes_the_member_and_ends_all_access_at_once(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    user = await provisioned(sync)
    person, session = await signed_in(sync, user.id)
    database = await house.services.databases.create(ada.caller, "acme", "orders")
    await house.services.databases.grant_administrator(ada.caller, "acme", database.id, user.id)
    assert await house.principal(session) is not None
    async with house.uow() as uow:
        assert await uow.identities.of_account(sync.organization_id, person.account_id) != ()

    await set_attributes(sync, user.id, active=False)

    assert await sync.member(user.id) is None
    assert await house.principal(session) is None
    assert await house.principal(person.token) is not None, "other organizations are untouched"
    async with house.uow() as uow:
        assert await uow.identities.of_account(sync.organization_id, person.account_id) == ()
    assert await house.count("database_administrators") == 0
    [event] = await sync.events("member.removed")
    assert event.before["database_administrator_of"] == ["orders"]
    assert event.after == {"sessions_ended": 1, "identities_removed": 1}


async def test_R43_reactivation_gives_membership_back_but_no_database_role(
    house: House, ada: Person, sync: DirectorySync
) -> None:
    user = await provisioned(sync)
    await signed_in(sync, user.id)
    database = await house.services.databases.create(ada.caller, "acme", "orders")
    await house.services.databases.grant_administrator(ada.caller, "acme", database.id, user.id)
    await set_attributes(sync, user.id, active=False)

    await set_attributes(sync, user.id, active=True)

    member = await member_of(sync, user.id)
    assert (member.status, member.role, member.account_id) == (MemberStatus.ACTIVE, Role.MEMBER, None)
    assert await house.count("database_administrators") == 0


async def test_R43_a_directory_may_suspend_instead_and_deletion_removes_still(
    house: House, sync: DirectorySync
) -> None:
    await sync.change(on_deactivate=OnDeactivate.SUSPEND)
    user = await provisioned(sync)
    person, session = await signed_in(sync, user.id)

    await set_attributes(sync, user.id, active=False)

    member = await member_of(sync, user.id)
    assert (member.status, member.account_id) == (MemberStatus.SUSPENDED, person.account_id)
    assert await house.principal(session) is None

    await set_attributes(sync, user.id, active=True)
    assert (await member_of(sync, user.id)).status is MemberStatus.ACTIVE
    assert [event.target_id for event in await sync.events("member.reactivated")] == [user.id]

    await house.services.users.delete(sync.caller, user.id)
    assert await sync.member(user.id) is None
    with pytest.raises(DomainError, match="user_not_found"):
        await house.services.users.get(sync.caller, user.id)


async def test_a_document_silent_about_active_changes_nothing_of_it(sync: DirectorySync) -> None:
    user = await provisioned(sync)
    await set_attributes(sync, user.id, active=False)

    await set_attributes(sync, user.id, active=None, title="Tester")

    assert await sync.member(user.id) is None


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("admin", Role.ADMINISTRATOR),
        ("Administrator", Role.ADMINISTRATOR),
        ("member", Role.MEMBER),
        ("owner", Role.MEMBER),
    ],
)
async def test_R46_the_role_attribute_sets_the_role_at_once(sync: DirectorySync, value: str, role: Role) -> None:
    await sync.change(manage_roles=True)
    user = await provisioned(sync)

    await set_attributes(sync, user.id, role=value)

    member = await member_of(sync, user.id)
    assert member.role is role
    assert member.role_provenance.source is Source.DIRECTORY


@pytest.mark.parametrize(
    ("attribute", "attributes"),
    [
        ("role", {"role": "admin"}),
        ("planetscale_role", {"PlanetScale_Role": "admin"}),
        ("accessLevel", {"urn:example:params:scim:schemas:extension:db:2.0:User": {"accessLevel": "admin"}}),
        ("urn:example:db:2.0:User:level", {"urn:example:db:2.0:User": {"level": "admin"}}),
        ("roles", {"roles": [{"value": "member"}, {"value": "admin", "primary": True}]}),
        ("employeeNumber", {ENTERPRISE: {"employeeNumber": "admin"}}),
    ],
)
async def test_R46_the_role_attribute_is_found_in_the_core_schema_and_in_extensions(
    sync: DirectorySync, attribute: str, attributes: dict[str, Any]
) -> None:
    await sync.change(manage_roles=True, role_attribute=attribute)

    user = await provisioned(sync, **attributes)

    assert (await member_of(sync, user.id)).role is Role.ADMINISTRATOR


async def test_R46_clearing_the_role_attribute_returns_to_member(sync: DirectorySync) -> None:
    await sync.change(manage_roles=True)
    user = await provisioned(sync, role="admin")

    await set_attributes(sync, user.id, role=None)

    assert (await member_of(sync, user.id)).role is Role.MEMBER


async def test_R46_a_role_attribute_never_sent_takes_nothing_away(sync: DirectorySync, ada: Person) -> None:
    await provisioned(sync, "bo@acme.test", role="admin")
    await sync.change(manage_roles=True)

    taken = await provisioned(sync, "ada@acme.test")

    assert (await member_of(sync, taken.id)).role is Role.ADMINISTRATOR


async def test_R46_off_the_attribute_is_stored_and_changes_nothing(sync: DirectorySync) -> None:
    user = await provisioned(sync, role="admin")

    assert user.document["role"] == "admin"
    assert (await member_of(sync, user.id)).role is Role.MEMBER


async def test_R47_the_attribute_map_names_the_directorys_attributes(sync: DirectorySync) -> None:
    await sync.change(
        manage_roles=True, attribute_map={"planetscale_role": "role", "mail": "email", "preferredName": "name"}
    )

    user = await provisioned(sync, planetscale_role="admin", mail="bo@mail.acme.test", preferredName="Beau")

    member = await member_of(sync, user.id)
    assert (member.role, member.email, member.name) == (Role.ADMINISTRATOR, "bo@mail.acme.test", "Beau")


async def test_R49_the_first_write_takes_a_member_over_by_user_name(sync: DirectorySync, ada: Person) -> None:
    own = await sync.house.member(ada)

    taken = await provisioned(sync, "ADA@acme.test", displayName="Ada L")

    member = await sync.house.member(ada)
    assert taken.id == member.id == own.id
    assert (member.managed_by, member.name, member.account_id) == (ManagedBy.DIRECTORY, "Ada L", ada.account_id)
    assert (member.role, member.provenance) == (Role.ADMINISTRATOR, own.provenance)
    [event] = await sync.events("member.taken_over")
    assert event.before == {"managed_by": "manual"}


async def test_R49_the_first_write_takes_a_member_over_by_e_mail(sync: DirectorySync, ada: Person) -> None:
    taken = await provisioned(sync, "alovelace", emails=[{"value": "Ada@ACME.test", "primary": True}])

    assert taken.id == (await sync.house.member(ada)).id


async def test_R49_an_unmanaged_member_is_changed_and_deleted_by_its_id(sync: DirectorySync, ada: Person) -> None:
    bo = await sync.house.services.users.create(sync.caller, user_document("bo@acme.test"))
    await sync.house.change_member(replace(await member_of(sync, bo.id), role=Role.ADMINISTRATOR))
    own = await sync.house.member(ada)
    listed = await sync.house.services.users.get(sync.caller, own.id)
    assert (listed.version, listed.document["userName"], listed.document["active"]) == (0, "ada@acme.test", True)

    changed = await set_attributes(sync, own.id, title="Founder")
    assert changed.version == 1
    assert (await member_of(sync, own.id)).managed_by is ManagedBy.DIRECTORY

    await sync.house.services.users.delete(sync.caller, own.id)
    assert not await sync.house.is_member(ada)


async def test_R49_a_managed_user_name_is_taken(sync: DirectorySync) -> None:
    await provisioned(sync)

    with pytest.raises(DomainError, match="user_name_taken") as refused:
        await provisioned(sync, "BO@acme.test")
    assert refused.value.kind is Kind.CONFLICT
    other = await provisioned(sync, "cy@acme.test")
    with pytest.raises(DomainError, match="user_name_taken"):
        await set_attributes(sync, other.id, userName="bo@acme.test")


async def test_R61_the_last_administrator_is_suspended_where_access_is_taken(sync: DirectorySync, ada: Person) -> None:
    user = await provisioned(sync, "ada@acme.test")

    await set_attributes(sync, user.id, active=False)

    member = await member_of(sync, user.id)
    assert (member.role, member.status, member.awaiting_first_sso_sign_in) == (
        Role.ADMINISTRATOR,
        MemberStatus.SUSPENDED,
        False,
    )
    assert [event.target_id for event in await sync.events("member.last_administrator_kept")] == [user.id]

    await set_attributes(sync, user.id, active=True)
    assert (await member_of(sync, user.id)).is_active_administrator


async def test_R61_the_last_administrator_stays_even_when_deleted_and_comes_back_by_being_pushed(
    sync: DirectorySync, ada: Person
) -> None:
    user = await provisioned(sync, "ada@acme.test")

    await sync.house.services.users.delete(sync.caller, user.id)

    member = await member_of(sync, user.id)
    assert (member.role, member.status) == (Role.ADMINISTRATOR, MemberStatus.SUSPENDED)
    with pytest.raises(DomainError, match="user_not_found"):
        await sync.house.services.users.get(sync.caller, user.id)
    assert (await sync.house.services.users.list(sync.caller, ListQuery())).total == 0

    back = await provisioned(sync, "ada@acme.test")
    assert back.id == user.id
    assert (await member_of(sync, user.id)).is_active_administrator


async def test_R61_the_last_administrator_keeps_the_role_the_directory_takes(sync: DirectorySync, ada: Person) -> None:
    await sync.change(manage_roles=True)
    user = await provisioned(sync, "ada@acme.test", role="admin")

    await set_attributes(sync, user.id, role="member")
    await set_attributes(sync, user.id, title="Founder")

    assert (await member_of(sync, user.id)).role is Role.ADMINISTRATOR
    assert len(await sync.events("member.last_administrator_kept")) == 1, "the warning is given once"


async def test_of_two_administrators_one_may_go(sync: DirectorySync, ada: Person) -> None:
    await sync.change(manage_roles=True)
    await provisioned(sync, "bo@acme.test", role="admin")
    user = await provisioned(sync, "ada@acme.test", role="admin")

    await set_attributes(sync, user.id, active=False)

    assert await sync.member(user.id) is None
    assert await sync.events("member.last_administrator_kept") == []


async def test_the_directory_is_remembered_as_synced(sync: DirectorySync) -> None:
    await provisioned(sync)

    async with sync.house.uow() as uow:
        directory = await uow.directories.get(sync.organization_id)
    assert directory is not None
    assert directory.last_synced_at is not None


async def test_nobody_but_a_directory_provisions(sync: DirectorySync, ada: Person) -> None:
    for caller, code in ((ada.caller, "forbidden"), (Caller(None), "authentication_required")):
        with pytest.raises(DomainError, match=code):
            await sync.house.services.users.create(caller, user_document("bo@acme.test"))


async def test_R63_a_directory_switched_off_a_moment_ago_writes_nothing(sync: DirectorySync) -> None:
    await sync.change(enabled=False)

    with pytest.raises(DomainError, match="directory_disabled") as refused:
        await provisioned(sync)
    assert refused.value.kind is Kind.UNAUTHENTICATED
    assert await sync.house.count("directory_users") == 0


async def test_an_id_of_another_kind_is_nobodys(sync: DirectorySync) -> None:
    for user_id in ("nonsense", sync.directory.id, f"{ids.MEMBER}_00000000000000000000000000"):
        with pytest.raises(DomainError, match="user_not_found"):
            await sync.house.services.users.get(sync.caller, user_id)


@pytest.mark.parametrize(
    "text_of_filter",
    [
        'userName eq "USER77"',
        'externalId eq "ext77"',
        'id eq "mem_01j00000000e008000000002d"',
        'emails eq "User77@Acme.test"',
        'emails.value eq "User77@Acme.test"',
        'emails[type eq "work" and value eq "User77@Acme.test"]',
        'emails[type eq "work"].value eq "User77@Acme.test"',
    ],
)
async def test_a_look_up_among_ten_thousand_reads_by_an_index(sync: DirectorySync, text_of_filter: str) -> None:
    await fill(sync, 10_000)

    with statements(sync.house) as ran:
        await sync.house.services.users.list(sync.caller, ListQuery(filter=text_of_filter))

    async with sync.house.uow() as uow:
        for statement, parameters in ran:
            plan = await uow._transaction._connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            lines = "\n".join(str(line[0]) for line in plan)
            assert "on directory_users" in lines
            assert ("ix_directory_users_email_values" in lines) is text_of_filter.startswith("emails"), lines
            assert not re.search("Seq Scan on (directory_users|members)", lines), lines


async def test_a_page_among_ten_thousand_is_read_in_the_order_of_an_index(sync: DirectorySync) -> None:
    await fill(sync, 10_000)

    with statements(sync.house) as ran:
        page = await sync.house.services.users.list(sync.caller, ListQuery(start_index=50, count=20))

    assert (page.total, len(page.items)) == (10_001, 20)
    async with sync.house.uow() as uow:
        statement, parameters = ran[0]
        plan = await uow._transaction._connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        lines = "\n".join(str(line[0]) for line in plan)
    assert "Index Scan using pk_directory_users on directory_users" in lines, lines
    assert "Seq Scan on directory_users" not in lines, lines


@pytest.mark.parametrize(
    ("sorting", "value", "index"),
    [(None, None, "pk_directory_users"), (Sorting("userName"), "user9", "uq_directory_users_user_name")],
)
async def test_the_last_page_by_cursor_is_read_where_it_begins(
    sync: DirectorySync, sorting: Sorting | None, value: str | None, index: str
) -> None:
    await fill(sync, 10_000)
    after = Position("01900000-0000-7000-8000-000000002000", value)

    with statements(sync.house) as ran:
        async with sync.house.uow() as uow:
            query = ListQuery(count=20, sorting=sorting, cursor="of the page before", after=after)
            page = await uow.directory_users.list(sync.organization_id, query)

    assert (page.total, len(page.items)) == (10_001, 20)
    async with sync.house.uow() as uow:
        statement, parameters = ran[0]
        plan = await uow._transaction._connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        lines = "\n".join(str(line[0]) for line in plan)
    read = lines.partition(f"using {index} on directory_users")[2].splitlines()
    assert "Index Cond" in read[1], lines
    assert ">" in read[1], lines
