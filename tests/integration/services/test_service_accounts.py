"""Service accounts: what they may, what outlives whom, and what never counts them (R1, R15, R48, R61)."""

from datetime import timedelta

import pytest

from ostiary.domain.audit import ActorKind
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import Role, Source
from ostiary.domain.principal import CredentialKind
from ostiary.services.context import Caller
from ostiary.services.paging import PageRequest
from ostiary.services.service_accounts import MAX_TOKENS, NewToken
from tests.support.house import House, Person
from tests.support.sso import connect


@pytest.fixture
async def ada(house: House) -> Person:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def token_of(house: House, by: Person, role: Role, name: str = "Robot") -> NewToken:
    service = house.services.service_accounts
    account = await service.create(by.caller, "acme", name=name, role=role)
    return await service.create_token(by.caller, "acme", account.id, name="CI", expires_at=None)


async def robot(house: House, by: Person, role: Role, name: str = "Robot") -> Caller:
    made = await token_of(house, by, role, name)
    return await caller_of(house, made.secret)


async def caller_of(house: House, secret: str) -> Caller:
    principal = await house.services.authenticator.lookup.service_account(secret)
    assert principal is not None
    return Caller(principal)


async def test_R1_an_administrating_service_account_enables_and_disables_sso_and_directory_sync(
    house: House, ada: Person
) -> None:
    await connect(house, ada, "acme")
    caller = await robot(house, ada, Role.ADMINISTRATOR)
    sso, directory = house.services.sso, house.services.directory
    enabled = await sso.enable(caller, "acme", acknowledge_untested=True)
    assert enabled.view.settings.enabled_by == caller.principal.subject if caller.principal else None
    assert (await directory.enable(caller, "acme")).directory.enabled
    assert not (await directory.disable(caller, "acme")).enabled
    assert not (await sso.disable(caller, "acme", suspend_member_ids=[])).view.settings.enabled
    for action in ("sso.enabled", "directory.enabled", "directory.disabled", "sso.disabled"):
        [event] = await house.events(action)
        assert (event.actor.kind, event.actor.label) == (ActorKind.SERVICE_ACCOUNT, "Robot")


async def test_R1_a_service_account_with_the_role_of_a_member_changes_nothing(house: House, ada: Person) -> None:
    caller = await robot(house, ada, Role.MEMBER)
    with pytest.raises(DomainError, match="forbidden"):
        await house.services.sso.enable(caller, "acme", acknowledge_untested=True)
    assert (await house.services.organizations.get(caller, "acme")).slug == "acme"


async def test_a_demotion_and_a_revocation_hold_for_the_next_call(house: House, ada: Person) -> None:
    service = house.services.service_accounts
    made = await token_of(house, ada, Role.ADMINISTRATOR)
    caller = await caller_of(house, made.secret)
    await house.services.teams.create(caller, "acme", "Platform")
    await service.update(ada.caller, "acme", made.token.service_account_id, name=None, role=Role.MEMBER)
    with pytest.raises(DomainError, match="forbidden"):
        await house.services.teams.create(caller, "acme", "Core")
    await service.revoke(ada.caller, "acme", made.token.id)
    # Also for a caller who was let in a moment before (R63).
    with pytest.raises(DomainError, match="invalid_token"):
        await house.services.teams.list(caller, "acme", PageRequest())
    assert await house.services.authenticator.lookup.service_account(made.secret) is None


async def test_an_expired_token_opens_nothing_and_a_use_is_noted_to_the_minute(house: House, ada: Person) -> None:
    service, lookup = house.services.service_accounts, house.services.authenticator.lookup
    account = await service.create(ada.caller, "acme", name="Robot", role=Role.MEMBER)
    now = house.clock.now()
    with pytest.raises(DomainError, match="expired_already"):
        await service.create_token(ada.caller, "acme", account.id, name="CI", expires_at=now - timedelta(seconds=1))
    made = await service.create_token(ada.caller, "acme", account.id, name="CI", expires_at=now + timedelta(hours=1))
    for _ in range(3):
        assert await lookup.service_account(made.secret) is not None
    [shown] = (await service.tokens_of(ada.caller, "acme", account.id, PageRequest())).items
    assert shown.last_used_at is not None
    house.clock.turn(timedelta(seconds=30))
    await lookup.service_account(made.secret)
    assert (await service.tokens_of(ada.caller, "acme", account.id, PageRequest())).items == (shown,)
    house.clock.turn(timedelta(hours=1))
    assert await lookup.service_account(made.secret) is None


async def test_R15_tokens_stay_active_and_attributed_when_their_creator_is_removed_and_go_in_one_call(
    house: House, ada: Person
) -> None:
    service, lookup = house.services.service_accounts, house.services.authenticator.lookup
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    hers = await token_of(house, ada, Role.MEMBER, "Ada's")
    his = await token_of(house, bo, Role.ADMINISTRATOR, "Bo's")
    await house.services.members.remove(ada.caller, "acme", (await house.member(bo)).id)
    assert await lookup.service_account(his.secret) is not None
    [left] = (await service.tokens(ada.caller, "acme", PageRequest(), creator_removed=True)).items
    assert (left.id, left.created_by, left.created_by_email) == (his.token.id, bo.account_id, "bo@acme.test")
    accounts = (await service.list(ada.caller, "acme", PageRequest())).items
    assert [(account.name, account.creator_removed) for account in accounts] == [("Ada's", False), ("Bo's", True)]
    with pytest.raises(DomainError, match="token_not_found"):
        await service.revoke_all(ada.caller, "acme", [hers.token.id, "tok_nobody"])
    assert [token.id for token in await service.revoke_all(ada.caller, "acme", None)] == [his.token.id]
    assert await lookup.service_account(his.secret) is None
    assert await lookup.service_account(hers.secret) is not None
    assert [event.target_id for event in await house.events("service_account.token_revoked")] == [his.token.id]


async def test_R15_what_a_service_account_made_stays_and_says_who_made_it(house: House, ada: Person) -> None:
    caller = await robot(house, ada, Role.ADMINISTRATOR)
    database = await house.services.databases.create(caller, "acme", "orders")
    made = await house.services.credentials.create(caller, "acme", database.id, "app")
    bo = await house.joined(ada, "bo@acme.test")
    member = (await house.member(bo)).id
    changed = await house.services.members.set_role(caller, "acme", member, Role.ADMINISTRATOR)
    subject = caller.principal.subject if caller.principal else None
    assert (changed.member.role_provenance.source, changed.member.role_provenance.by) == (
        Source.SERVICE_ACCOUNT,
        subject,
    )
    [account] = (await house.services.service_accounts.list(ada.caller, "acme", PageRequest())).items
    await house.services.service_accounts.delete(ada.caller, "acme", account.id)
    found = await house.services.credentials.verify(username=made.credential.username, secret=made.secret)
    assert found is not None
    assert (found.created_by, found.created_by_email, found.creator_removed) == (account.id, "Robot", True)


async def test_R61_a_service_account_is_no_administrator_who_remains(house: House, ada: Person) -> None:
    caller = await robot(house, ada, Role.ADMINISTRATOR)
    with pytest.raises(DomainError, match="last_administrator"):
        await house.services.members.remove(caller, "acme", (await house.member(ada)).id)


async def test_a_service_account_makes_no_more_of_its_kind_and_is_a_stranger_elsewhere(
    house: House, ada: Person
) -> None:
    caller = await robot(house, ada, Role.ADMINISTRATOR)
    service = house.services.service_accounts
    [account] = (await service.list(caller, "acme", PageRequest())).items
    for attempt in (
        service.create(caller, "acme", name="Another", role=Role.MEMBER),
        service.update(caller, "acme", account.id, name="Another", role=None),
        service.delete(caller, "acme", account.id),
        service.create_token(caller, "acme", account.id, name="Another", expires_at=None),
        house.services.sso.renew_recovery_codes(caller, "acme"),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt
    await house.organization(ada, "bolts")
    with pytest.raises(DomainError, match="organization_not_found"):
        await house.services.organizations.get(caller, "bolts")


async def test_R48_an_administrating_service_account_speaks_for_the_directory_while_that_is_on(
    house: House, ada: Person
) -> None:
    lookup, service = house.services.authenticator.lookup, house.services.service_accounts
    made = await token_of(house, ada, Role.ADMINISTRATOR)
    plain = await token_of(house, ada, Role.MEMBER, "Plain")
    assert await lookup.directory_by_service_account(made.secret) is None
    await house.enable_sso()
    await house.enable_directory()
    principal = await lookup.directory_by_service_account(made.secret)
    assert principal is not None
    assert (principal.kind, principal.name) == (CredentialKind.DIRECTORY_TOKEN, "Robot")
    assert await lookup.directory_by_service_account(plain.secret) is None
    await service.update(ada.caller, "acme", made.token.service_account_id, name=None, role=Role.MEMBER)
    assert await lookup.directory_by_service_account(made.secret) is None


async def test_there_are_only_so_many_tokens_of_one_account_and_names_are_its_own(house: House, ada: Person) -> None:
    service = house.services.service_accounts
    account = await service.create(ada.caller, "acme", name="Robot", role=Role.MEMBER)
    with pytest.raises(DomainError, match="service_account_name_taken"):
        await service.create(ada.caller, "acme", name="robot", role=Role.MEMBER)
    for number in range(MAX_TOKENS):
        await service.create_token(ada.caller, "acme", account.id, name=f"CI {number}", expires_at=None)
    with pytest.raises(DomainError, match="too_many_tokens"):
        await service.create_token(ada.caller, "acme", account.id, name="CI", expires_at=None)
