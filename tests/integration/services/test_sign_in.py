"""Signing in through a connection (R4, R12, R20–R27, R30–R35, R41, R63)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.domain import ids
from ostiary.domain.assertion import Reason, VerifiedResponse
from ostiary.domain.audit import JsonValue
from ostiary.domain.connection import ConnectionStatus, Provider
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy, MemberStatus, Role
from ostiary.services.accounts import SignedIn
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionChange
from ostiary.services.context import Caller
from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import MemberFilter
from ostiary.services.ports.sign_in import Outcome, Trace
from ostiary.services.saml_ports import Trust
from ostiary.services.sign_in_arrival import Next
from ostiary.services.sign_in_finish import Confirmation
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import PASSWORD, House, Person
from tests.support.saml_factory import NOW
from tests.support.sso import VERIFIER, Idp, connect, enable, identity_provider, read_request


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """An active connection of acme, where SSO is on."""
    idp = await connect(house, ada)
    await enable(house, ada)
    return idp


async def trace_of(house: House, ada: Person, error: DomainError) -> Trace:
    return await house.services.sign_in_log.get(ada.caller, "acme", str(error.extra["trace_id"]))


async def refused(house: House, ada: Person, idp: Idp, email: str, **said: object) -> tuple[DomainError, Trace]:
    """A sign-in that is refused, and its trace."""
    request_id, relay_state = await idp.depart()
    response = replace(idp.says(request_id, email), **said)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DomainError) as caught:
        await idp.arrive(response, relay_state)
    return caught.value, await trace_of(house, ada, caught.value)


async def test_R20_somebody_new_becomes_a_member_without_team_or_database_role(
    house: House, ada: Person, idp: Idp
) -> None:
    signed_in = await idp.sign_in("bo@acme.test")
    async with house.uow() as uow:
        entrance = await uow.organizations.enter("acme", signed_in.account.id)
        assert entrance is not None
        assert entrance.member is not None
        details = await uow.members.details(entrance.organization.id, entrance.member.id)
    assert details is not None
    assert (details.member.role, details.member.managed_by) == (Role.MEMBER, ManagedBy.SSO)
    assert (details.teams, details.database_administrator_of) == ((), ())
    assert signed_in.account.password_hash is None
    assert [event.action for event in await house.events("member.joined")] == ["member.joined"]


async def test_R20_a_removed_member_comes_back_to_the_same_account(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    idp = await connect(house, ada)
    await enable(house, ada)
    signed_in = await idp.sign_in("bo@acme.test")
    assert signed_in.account.id == bo.account_id
    assert await house.is_member(bo)


async def test_R21_an_address_outside_the_connections_domains_is_refused(house: House, ada: Person, idp: Idp) -> None:
    error, trace = await refused(house, ada, idp, "bo@elsewhere.test", attributes={"email": ("bo@elsewhere.test",)})
    assert error.code == "email_domain_not_allowed"
    assert trace.outcome is Outcome.REFUSED
    assert trace.code == "email_domain_not_allowed"
    assert trace.hint is not None
    assert "elsewhere.test" in trace.hint
    assert await house.count("accounts") == 1


async def test_R23_the_role_attribute_sets_the_role_at_sign_in_when_that_is_on(
    house: House, ada: Person, idp: Idp
) -> None:
    signed_in = await idp.sign_in("bo@acme.test", role="administrator")
    person = Person(signed_in.account.id, "bo@acme.test", signed_in.token, Caller(None))
    assert (await house.member(person)).role is Role.MEMBER
    await house.change_sso(manage_roles=True)
    for value, role in (("Admin", Role.ADMINISTRATOR), ("wizard", Role.ADMINISTRATOR), ("MEMBER", Role.MEMBER)):
        await idp.sign_in("bo@acme.test", role=value)
        assert (await house.member(person)).role is role
    traces = (await house.services.sign_in_log.list(ada.caller, "acme", PageRequest())).items
    assert any("wizard" in step.detail for trace in traces for step in trace.steps if step.name == "warning")


async def test_R23_R61_the_last_administrator_keeps_the_role_whatever_the_assertion_says(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.change_sso(manage_roles=True)
    await idp.sign_in(ada.email, role="member")
    assert (await house.member(ada)).role is Role.ADMINISTRATOR
    assert len(await house.events("member.last_administrator_kept")) == 1


async def test_R61_R63_roles_that_begin_to_be_managed_during_a_sign_in_are_not_set_by_it(
    house: House, ada: Person, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = house.services.sign_in_arrival._verifier
    verify = verifier.verify

    async def switched_meanwhile(saml_response: str, trust: Trust) -> VerifiedResponse:
        await house.change_sso(manage_roles=True)
        return await verify(saml_response, trust)

    monkeypatch.setattr(verifier, "verify", switched_meanwhile)
    with pytest.raises(DomainError, match="sign_in_refused"):
        await idp.sign_in(ada.email, role="member")
    assert (await house.member(ada)).role is Role.ADMINISTRATOR
    assert await house.events("member.last_administrator_kept") == []


async def test_R24_a_session_lasts_the_organizations_duration_and_never_past_what_the_idp_says(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.services.sso.update(
        ada.caller, "acme", session_duration_seconds=3600, manage_roles=None, role_attribute=None
    )
    session = (await idp.sign_in("bo@acme.test")).session
    assert timedelta(minutes=59) < session.expires_at - house.clock.now() <= timedelta(hours=1)
    request_id, relay_state = await idp.depart()
    soon = house.clock.now() + timedelta(minutes=20)
    statement = idp.says(request_id, "bo@acme.test").authn_statements.replace(
        "SessionIndex=", f'SessionNotOnOrAfter="{soon:%Y-%m-%dT%H:%M:%SZ}" SessionIndex='
    )
    arrived = await idp.arrive(replace(idp.says(request_id, "bo@acme.test"), authn_statements=statement), relay_state)
    assert arrived.code is not None
    session = (await house.services.sign_in_finish.exchange(arrived.code, VERIFIER)).session
    assert session.expires_at == soon.replace(microsecond=0)


async def test_R26_an_address_leads_to_the_organizations_that_sign_its_domain_in(
    house: House, ada: Person, idp: Idp
) -> None:
    discover = house.services.sign_in_start.discover
    [found] = await discover("nobody@ACME.test")
    assert (found.slug, found.connection_id) == ("acme", idp.connection.id)
    assert await discover("ada@sub.acme.test") == ()
    await house.services.sso.disable(ada.caller, "acme", suspend_member_ids=())
    assert await discover("ada@acme.test") == ()


async def test_R27_an_sso_session_opens_its_own_organization_and_me_but_not_the_password(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.organization(ada, "other")
    signed_in = await idp.sign_in(ada.email)
    caller = Caller(await house.principal(signed_in.token))
    accounts = house.services.accounts
    assert (await house.services.organizations.get(caller, "acme")).slug == "acme"
    assert (await accounts.me(caller)).email == ada.email
    assert [entrance.organization.slug for entrance in await accounts.my_organizations(caller)] == ["acme"]
    with pytest.raises(DomainError, match="password_sign_in_required"):
        await house.services.organizations.get(caller, "other")
    with pytest.raises(DomainError, match="forbidden"):
        await house.services.passwords.change(caller, current=PASSWORD, new="another long sentence")


async def test_R31_the_same_person_of_the_same_idp_joins_a_second_organization(house: House, ada: Person) -> None:
    first, second = await two_of_one_idp(house, ada)
    one = await first.sign_in("bo@acme.test", "00u1")
    two = await second.sign_in("bo@acme.test", "00u1")
    assert one.account.id == two.account.id
    assert {one.session.organization_id, two.session.organization_id} == {
        first.connection.organization_id,
        second.connection.organization_id,
    }


async def test_R32_the_same_internal_id_with_another_address_in_a_second_organization_is_a_conflict(
    house: House, ada: Person
) -> None:
    first, second = await two_of_one_idp(house, ada)
    await first.sign_in("bo@acme.test", "00u1")
    accounts = await house.count("accounts")
    request_id, relay_state = await second.depart()
    with pytest.raises(DomainError, match="identity_conflict"):
        await second.arrive(second.says(request_id, "bo+staging@acme.test", "00u1"), relay_state)
    assert await house.count("accounts") == accounts


async def test_R30_another_tenant_of_the_provider_is_another_idp(house: House, ada: Person) -> None:
    first, second = await two_of_one_idp(house, ada, other_host="evil.okta.test")
    one = await first.sign_in("bo@acme.test", "00u1")
    two = await second.sign_in("di@acme.test", "00u1")
    assert one.account.id != two.account.id


async def two_of_one_idp(house: House, ada: Person, other_host: str = "acme.okta.test") -> tuple[Idp, Idp]:
    """acme and staging, each with a connection at an Okta host and acme.test verified."""
    await house.organization(ada, "staging")
    first = await connect(house, ada, provider=Provider.OKTA, sso_url="https://acme.okta.test/app/1/sso")
    second = await connect(
        house, ada, "staging", provider=Provider.OKTA, sso_url=f"https://{other_host}/app/2/sso", name="second"
    )
    await enable(house, ada)
    await enable(house, ada, "staging")
    return first, second


async def test_R33_a_renamed_person_keeps_the_account_whose_address_follows_within_verified_domains(
    house: House, ada: Person, idp: Idp
) -> None:
    before = await idp.sign_in("bo@acme.test", "00u1")
    after = await idp.sign_in("robert@acme.test", "00u1")
    assert after.account.id == before.account.id
    assert after.account.email == "robert@acme.test"
    assert [mail.to for mail in await house.mails() if "was changed" in mail.subject] == ["bo@acme.test"]


async def test_R33_a_rename_to_a_taken_address_changes_the_profile_here_only(
    house: House, ada: Person, idp: Idp
) -> None:
    before = await idp.sign_in("bo@acme.test", "00u1")
    after = await idp.sign_in(ada.email, "00u1")
    assert after.account.id == before.account.id
    assert after.account.email == "bo@acme.test"
    person = Person(after.account.id, "", "", Caller(None))
    assert (await house.member(person)).email == ada.email


async def test_R34_R35_linking_an_unproven_account_erases_its_password_and_sessions_first(
    house: House, ada: Person, idp: Idp
) -> None:
    squatter = await house.person("bo@acme.test")
    signed_in = await idp.sign_in("bo@acme.test")
    assert signed_in.account.id == squatter.account_id
    assert await house.principal(squatter.token) is None
    with pytest.raises(DomainError, match="invalid_credentials"):
        await house.services.accounts.sign_in(email="bo@acme.test", password=PASSWORD)


async def test_R35_an_awaiting_administrator_keeps_the_password_when_first_linked(
    house: House, ada: Person, idp: Idp
) -> None:
    await idp.sign_in(ada.email)
    async with house.uow() as uow:
        account = await uow.accounts.get(ada.account_id)
    assert account is not None
    assert account.password_hash is not None
    assert await house.principal(ada.token) is not None


async def test_R35_another_internal_id_for_a_linked_account_is_a_conflict_until_the_link_is_deleted(
    house: House, ada: Person, idp: Idp
) -> None:
    first = await idp.sign_in("bo@acme.test", "00u1")
    request_id, relay_state = await idp.depart()
    with pytest.raises(DomainError, match="identity_conflict") as caught:
        await idp.arrive(idp.says(request_id, "bo@acme.test", "00u2"), relay_state)
    assert (await trace_of(house, ada, caught.value)).code == "identity_conflict"
    bo = await house.member(Person(first.account.id, "", "", Caller(None)))
    await house.services.members.delete_identities(ada.caller, "acme", bo.id)
    assert (await idp.sign_in("bo@acme.test", "00u2")).account.id == first.account.id


async def test_R35_relinking_after_a_removal_clears_the_password(house: House, ada: Person) -> None:
    bo = await house.joined(ada, "bo@acme.test")
    idp = await connect(house, ada)
    await enable(house, ada)
    await idp.sign_in("bo@acme.test")
    await house.services.members.remove(ada.caller, "acme", (await house.member(bo)).id)
    await idp.sign_in("bo@acme.test")
    async with house.uow() as uow:
        account = await uow.accounts.get(bo.account_id)
    assert account is not None
    assert account.password_hash is None
    # The link holds again: what happens to the account from here on is nothing that a removal calls for.
    async with house.uow() as uow:
        await uow.accounts.set_password(bo.account_id, "chosen since")
        await uow.commit()
    await idp.sign_in("bo@acme.test")
    async with house.uow() as uow:
        account = await uow.accounts.get(bo.account_id)
    assert account is not None
    assert account.password_hash == "chosen since"


async def provision(house: House, email: str, *, active: bool = True) -> str:
    """A person as the directory pushed them: a member tied to no account (R41)."""
    now = house.clock.now()
    async with house.uow() as uow:
        organization = await uow.organizations.get("acme")
        assert organization is not None
        template = (await uow.members.list(organization.id, MemberFilter(), PageRequest())).items[0].member
        member = replace(
            template,
            id=house._ids.new(ids.MEMBER),
            account_id=None,
            email=email,
            name="Dee",
            role=Role.MEMBER,
            managed_by=ManagedBy.DIRECTORY,
            awaiting_first_sso_sign_in=False,
        )
        if active:
            await uow.members.add(member)
        document: dict[str, JsonValue] = {"userName": email}
        await uow.directory_users.add(
            DirectoryUser(member.id, organization.id, email, None, email, "Dee", active, None, document, 1, now, now)
        )
        await uow.commit()
    return member.id


async def test_R22_with_directory_sync_on_nobody_unknown_to_the_directory_is_let_in(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.enable_directory()
    error, trace = await refused(house, ada, idp, "bo@acme.test")
    assert error.code == "user_not_provisioned"
    assert trace.hint is not None
    assert "provisioning may still be running" in trace.hint


async def test_R22_R41_a_provisioned_person_becomes_the_member_the_directory_made(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.enable_directory()
    member_id = await provision(house, "dee@acme.test")
    signed_in = await idp.sign_in("dee@acme.test")
    member = await house.member(Person(signed_in.account.id, "", "", Caller(None)))
    assert (member.id, member.managed_by) == (member_id, ManagedBy.DIRECTORY)


async def test_R41_R55_who_was_provisioned_before_directory_sync_was_disabled_signs_in_as_that_member(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.enable_directory()
    member_id = await provision(house, "dee@acme.test")
    await house.services.directory.disable(ada.caller, "acme")
    signed_in = await idp.sign_in("dee@acme.test")
    member = await house.member(Person(signed_in.account.id, "", "", Caller(None)))
    assert (member.id, member.managed_by) == (member_id, ManagedBy.MANUAL)
    assert await house.count("members", email="dee@acme.test") == 1


async def test_R22_a_person_the_directory_switched_off_is_refused(house: House, ada: Person, idp: Idp) -> None:
    await house.enable_directory()
    await provision(house, "dee@acme.test", active=False)
    error, _ = await refused(house, ada, idp, "dee@acme.test")
    assert error.code == "user_deactivated"


async def test_R22_a_member_from_before_whom_the_directory_does_not_know_may_sign_in(
    house: House, ada: Person, idp: Idp
) -> None:
    await house.enable_directory()
    signed_in = await idp.sign_in(ada.email)
    assert signed_in.account.id == ada.account_id


async def test_a_suspended_member_is_refused_with_a_hint(house: House, ada: Person, idp: Idp) -> None:
    signed_in = await idp.sign_in("bo@acme.test")
    bo = await house.member(Person(signed_in.account.id, "", "", Caller(None)))
    await house.change_member(replace(bo, status=MemberStatus.SUSPENDED))
    error, trace = await refused(house, ada, idp, "bo@acme.test")
    assert error.code == "membership_suspended"
    assert trace.hint is not None


async def test_R4_a_test_sign_in_makes_no_session_link_or_member(house: House, ada: Person) -> None:
    idp = await connect(house, ada)
    before = {table: await house.count(table) for table in ("accounts", "members", "identities", "sessions")}
    request_id, relay_state = await idp.depart_test(ada)
    arrived = await idp.arrive(idp.says(request_id, "new@acme.test"), relay_state)
    assert arrived.next is Next.TEST_RESULT
    assert arrived.code is None
    assert arrived.trace.outcome is Outcome.SUCCEEDED
    assert any("Nothing was changed" in step.detail for step in arrived.trace.steps)
    assert {table: await house.count(table) for table in before} == before
    assert (await house.services.connections.get(ada.caller, "acme", idp.connection.id)).connection.is_tested()


async def test_R4_a_changed_certificate_ends_what_a_test_proved(house: House, ada: Person) -> None:
    idp = await connect(house, ada)
    request_id, relay_state = await idp.depart_test(ada)
    await idp.arrive(idp.says(request_id, "ada@acme.test"), relay_state)

    source = IdpSource(
        entity_id=idp.entity_id,
        sso_url="https://idp.acme.test/sso",
        certificates=(identity_provider("rotated").certificate_pem,),
    )
    house.clock.turn(timedelta(seconds=1))
    view = await house.services.connections.update(ada.caller, "acme", idp.connection.id, ConnectionChange(idp=source))
    assert not view.connection.is_tested()


async def test_a_response_made_at_another_time_is_refused_and_its_trace_says_why(
    house: House, ada: Person, idp: Idp
) -> None:
    error, trace = await refused(house, ada, idp, "bo@acme.test", not_on_or_after=NOW, confirmed_until=NOW)
    assert error.code == "sign_in_refused"
    assert "expired" not in error.detail.lower()
    assert trace.code == Reason.EXPIRED
    assert [step.passed for step in trace.steps][-1] is False


async def test_a_replayed_response_is_refused_once_more_as_a_replay(house: House, ada: Person, idp: Idp) -> None:
    request_id, relay_state = await idp.depart()
    said = idp.says(request_id, "bo@acme.test")
    await idp.arrive(said, relay_state)
    with pytest.raises(DomainError, match="sign_in_refused") as caught:
        await idp.arrive(said, relay_state)
    assert (await trace_of(house, ada, caught.value)).code == Reason.REPLAYED


async def test_R63_one_response_posted_twice_at_the_same_moment_signs_in_once(
    house: House, ada: Person, idp: Idp
) -> None:
    request_id, relay_state = await idp.depart()
    said = idp.says(request_id, "bo@acme.test")
    results = await asyncio.gather(idp.arrive(said, relay_state), idp.arrive(said, relay_state), return_exceptions=True)
    assert sum(isinstance(result, DomainError) for result in results) == 1
    assert await house.count("one_time_codes") == 1


async def test_R63_two_first_sign_ins_of_one_person_make_one_account_and_one_member(
    house: House, ada: Person, idp: Idp
) -> None:
    one, two = await asyncio.gather(idp.sign_in("bo@acme.test"), idp.sign_in("bo@acme.test"))
    assert one.account.id == two.account.id
    assert await house.count("accounts", email="bo@acme.test") == 1
    assert await house.count("members", email="bo@acme.test") == 1


async def test_a_response_without_a_request_is_refused_unless_the_connection_allows_it(
    house: House, ada: Person, idp: Idp
) -> None:
    with pytest.raises(DomainError, match="sign_in_refused") as caught:
        await idp.arrive(idp.says(None, "bo@acme.test"), None)
    assert (await trace_of(house, ada, caught.value)).code == Reason.UNSOLICITED
    await house.services.connections.update(
        ada.caller, "acme", idp.connection.id, ConnectionChange(allow_idp_initiated=True)
    )
    arrived = await idp.arrive(idp.says(None, "bo@acme.test"), None)
    assert arrived.next is Next.FINISH
    assert arrived.code is not None
    finished = await house.services.sign_in_finish.finish(arrived.code, None, confirmed=False)
    assert isinstance(finished, Confirmation)


async def test_a_code_needs_its_verifier_lives_a_minute_and_a_second_use_revokes_the_session(
    house: House, ada: Person, idp: Idp
) -> None:
    exchange = house.services.sign_in_finish.exchange
    request_id, relay_state = await idp.depart()
    arrived = await idp.arrive(idp.says(request_id, "bo@acme.test"), relay_state)
    assert arrived.code is not None
    with pytest.raises(DomainError, match="invalid_code"):
        await exchange(arrived.code, "x" * 43)
    signed_in = await exchange(arrived.code, VERIFIER)
    assert await house.principal(signed_in.token) is not None
    with pytest.raises(DomainError, match="invalid_code"):
        await exchange(arrived.code, VERIFIER)
    assert await house.principal(signed_in.token) is None
    request_id, relay_state = await idp.depart()
    arrived = await idp.arrive(idp.says(request_id, "bo@acme.test"), relay_state)
    assert arrived.code is not None
    house.clock.turn(timedelta(seconds=61))
    with pytest.raises(DomainError, match="invalid_code"):
        await exchange(arrived.code, VERIFIER)


@pytest.mark.parametrize("change", ["disabled", "inactive", "removed"])
async def test_R63_what_changed_between_the_code_and_its_exchange_is_seen(
    house: House, ada: Person, idp: Idp, change: str
) -> None:
    request_id, relay_state = await idp.depart()
    arrived = await idp.arrive(idp.says(request_id, "bo@acme.test"), relay_state)
    assert arrived.code is not None
    assert arrived.trace.account_id is not None
    if change == "disabled":
        await house.services.sso.disable(ada.caller, "acme", suspend_member_ids=())
    elif change == "removed":
        bo = await house.member(Person(arrived.trace.account_id, "", "", Caller(None)))
        await house.services.members.remove(ada.caller, "acme", bo.id)
    else:
        async with house.uow() as uow:
            connection = await uow.connections.get(idp.connection.organization_id, idp.connection.id)
            assert connection is not None
            await uow.connections.save(replace(connection, status=ConnectionStatus.INACTIVE))
            await uow.commit()
    with pytest.raises(DomainError, match="invalid_code"):
        await house.services.sign_in_finish.exchange(arrived.code, VERIFIER)


async def test_a_browser_finishes_only_its_own_sign_in(house: House, ada: Person, idp: Idp) -> None:

    departed = await house.services.sign_in_start.start("acme", SignInWish())
    request_id, relay_state = read_request(departed.message.url)
    arrived = await idp.arrive(idp.says(request_id, "bo@acme.test"), relay_state)
    assert arrived.next is Next.FINISH
    assert arrived.code is not None
    for secret in (None, "ost_flow_of_another_browser"):
        with pytest.raises(DomainError, match="sign_in_not_yours"):
            await house.services.sign_in_finish.finish(arrived.code, secret, confirmed=True)
    with pytest.raises(DomainError, match="invalid_code"):
        await house.services.sign_in_finish.exchange(arrived.code, VERIFIER)
    finished = await house.services.sign_in_finish.finish(arrived.code, departed.browser_secret, confirmed=False)
    assert isinstance(finished, SignedIn)


async def test_an_address_that_is_not_on_the_list_is_no_redirect_target(house: House, ada: Person, idp: Idp) -> None:
    for uri in ("https://evil.test/", "http://localhost.evil.test/", "javascript:alert(1)", "//localhost/"):
        with pytest.raises(DomainError, match="invalid_redirect_uri"):
            await idp.depart(redirect_uri=uri)
