"""E-mail domains: added, proven by a real DNS server, lost, vouched for, removed (R3)."""

import asyncio
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.adapters.dns import DnsResolver
from ostiary.adapters.domain_ownership import ListedOwnership
from ostiary.domain.connection import Provider
from ostiary.domain.domain_name import DomainStatus, EmailDomain
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import MemberStatus, Role
from ostiary.domain.principal import OPERATOR
from ostiary.services.connections import ConnectionChange
from ostiary.services.context import Caller
from ostiary.services.domain_checks import DomainCheckService
from ostiary.services.domains import MAX_DOMAINS, DomainService
from tests.integration.services.test_races import settled, while_holding
from tests.support.dns import RunningDns, running_dns
from tests.support.house import House, Person
from tests.support.sso import connect, enable, verified_domain

SUPPORT = Caller(OPERATOR, "a-request")
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def server() -> Generator[RunningDns]:
    with running_dns() as running:
        yield running


@pytest.fixture
def dns(server: RunningDns) -> RunningDns:
    """A DNS server without a record."""
    for name in list(server.zone.records()):
        server.zone.remove(name)
    return server


@pytest.fixture
def domains(house: House, dns: RunningDns) -> DomainService:
    return DomainService(house.kit, DnsResolver(dns.resolver), ListedOwnership())


@pytest.fixture
def checks(house: House, dns: RunningDns) -> DomainCheckService:
    return DomainCheckService(house.kit, DnsResolver(dns.resolver))


@pytest.fixture
async def ada(house: House) -> Person:
    """The founder, administrator of acme."""
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    return ada


async def proven(domains: DomainService, dns: RunningDns, ada: Person, name: str = "acme.test") -> EmailDomain:
    added = await domains.add(ada.caller, "acme", name)
    dns.zone.set_txt(added.txt_name, [added.txt_value])
    return await domains.verify(ada.caller, "acme", added.id)


async def test_R3_a_domain_is_proven_by_the_organizations_own_record(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    added = await domains.add(ada.caller, "acme", "ACME.test.")
    assert (added.name, added.status) == ("acme.test", DomainStatus.PENDING)
    dns.zone.set_txt(added.txt_name, ["ostiary-domain-verification=of somebody else"])
    with pytest.raises(DomainError, match=r"domain_not_verified.*found 1 other value") as refused:
        await domains.verify(ada.caller, "acme", added.id)
    assert added.txt_value in refused.value.detail
    dns.zone.set_txt(added.txt_name, ["of somebody else", added.txt_value])
    verified = await domains.verify(ada.caller, "acme", added.id)
    assert verified.status is DomainStatus.VERIFIED
    assert await domains.get(ada.caller, "acme", added.id) == verified
    assert [event.after["status"] for event in await house.events("domain.verified")] == ["verified"]
    # Verifying once more is no event.
    await domains.verify(ada.caller, "acme", added.id)
    assert len(await house.events("domain.verified")) == 1


async def test_R3_several_organizations_verify_one_domain_each_by_its_own_value(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    bo = await house.person("bo@bolts.test")
    await house.organization(bo, "bolts")
    first = await proven(domains, dns, ada)
    second = await domains.add(bo.caller, "bolts", "acme.test")
    with pytest.raises(DomainError, match="domain_not_verified"):
        await domains.verify(bo.caller, "bolts", second.id)
    dns.zone.set_txt(first.txt_name, [first.txt_value, second.txt_value])
    assert (await domains.verify(bo.caller, "bolts", second.id)).status is DomainStatus.VERIFIED
    # And neither reaches the other's.
    with pytest.raises(DomainError, match="domain_not_found"):
        await domains.get(bo.caller, "bolts", first.id)


async def test_R3_a_domain_covers_no_subdomains(house: House, domains: DomainService, ada: Person) -> None:
    idp = await connect(house, ada)
    await enable(house, ada)
    with pytest.raises(DomainError, match="email_domain_not_allowed"):
        await idp.sign_in("cy@mail.acme.test")
    assert await house.services.sign_in_start.discover("cy@acme.test")
    assert not await house.services.sign_in_start.discover("cy@mail.acme.test")


@pytest.mark.parametrize(
    ("name", "code"),
    [("co.uk", "public_suffix_domain"), ("github.io", "public_suffix_domain"), ("gmail.com", "free_mail_domain")],
)
async def test_R3_a_name_nobody_has_for_himself_is_added_by_the_operator_alone(
    house: House, domains: DomainService, ada: Person, name: str, code: str
) -> None:
    with pytest.raises(DomainError, match=code):
        await domains.add(ada.caller, "acme", name)
    added = await domains.add_for(SUPPORT, "acme", name, "They run it.")
    # It still has to be proven.
    assert (await domains.get(ada.caller, "acme", added.id)).status is DomainStatus.PENDING
    event = (await house.events("domain.added"))[0]
    assert (event.actor.kind, event.after["operator_reason"]) == ("operator", "They run it.")


async def test_an_organization_has_so_many_domains_and_no_more(
    house: House, domains: DomainService, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.domains.MAX_DOMAINS", 2)
    names = [f"acme{number}.test" for number in range(4)]
    refused = await settled(*(domains.add(ada.caller, "acme", name) for name in names))
    assert refused == ["too_many_domains", "too_many_domains"]
    assert MAX_DOMAINS >= 100
    with pytest.raises(DomainError, match="too_many_domains"):
        await domains.add_for(SUPPORT, "acme", "gmail.com", "x")


async def test_R1_only_administrators_see_or_touch_domains_and_only_the_operator_vouches(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    added = await proven(domains, dns, ada)
    bo = await house.joined(ada, "bo@acme.test")
    for attempt in (
        domains.get(bo.caller, "acme", added.id),
        domains.verify(bo.caller, "acme", added.id),
        domains.delete(bo.caller, "acme", added.id),
        domains.vouch(ada.caller, "acme", added.id, None),
        domains.add_for(ada.caller, "acme", "gmail.com", "x"),
    ):
        with pytest.raises(DomainError, match="forbidden"):
            await attempt


async def test_R3_a_lost_record_warns_for_seven_days_then_lapses_and_counts_again_when_it_is_back(
    house: House, domains: DomainService, checks: DomainCheckService, dns: RunningDns, ada: Person
) -> None:
    bo = await house.joined(ada, "bo@acme.test", Role.ADMINISTRATOR)
    cy = await house.joined(ada, "cy@acme.test", Role.ADMINISTRATOR)
    await house.change_member(replace(await house.member(cy), status=MemberStatus.SUSPENDED))
    domain = await proven(domains, dns, ada)
    assert await checks.run() == {}
    house.clock.turn(DAY)
    assert await checks.run() == {"found": 1}
    dns.zone.remove(domain.txt_name)
    house.clock.turn(DAY)
    assert await checks.run() == {"lost": 1}
    failing = await domains.get(ada.caller, "acme", domain.id)
    assert failing.status is DomainStatus.FAILING
    assert failing.failing_since is not None
    assert failing.fails_at == failing.failing_since + 7 * DAY
    warned = [mail for mail in await house.mails() if "is missing" in mail.subject]
    assert {mail.to for mail in warned} == {ada.email, bo.email}
    assert domain.txt_value in warned[0].text
    event = (await house.events("domain.failing"))[0]
    assert (event.actor.kind, event.before["status"], event.after["status"]) == ("system", "verified", "failing")
    # It is asked every hour, and says it once.
    assert await checks.run() == {}
    house.clock.turn(timedelta(hours=1))
    assert await checks.run() == {"lost": 1}
    assert len(await house.events("domain.failing")) == 1
    house.clock.turn(7 * DAY)
    assert await checks.run() == {"lost": 1}
    assert len(await house.events("domain.lapsed")) == 1
    assert [mail.to for mail in await house.mails() if "no new users" in mail.subject] == [ada.email, bo.email]
    house.clock.turn(DAY)
    await checks.run()
    assert len(await house.events("domain.lapsed")) == 1
    dns.zone.set_txt(domain.txt_name, [domain.txt_value])
    house.clock.turn(DAY)
    assert await checks.run() == {"found": 1}
    assert (await domains.get(ada.caller, "acme", domain.id)).fails_at is None
    assert (await house.events("domain.verified"))[0].actor.kind == "system"


async def test_R3_a_dns_failure_is_no_lost_record(
    house: House, domains: DomainService, dns: RunningDns, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.adapters.dns._SECONDS_IN_ALL", 0.2)
    domain = await proven(domains, dns, ada)
    house.clock.turn(DAY)
    deaf = DomainCheckService(house.kit, DnsResolver("127.0.0.1:9"))
    assert await deaf.run() == {"unanswered": 1}
    assert (await domains.get(ada.caller, "acme", domain.id)).status is DomainStatus.VERIFIED
    # It is asked again in an hour and not before.
    assert await deaf.run() == {}
    house.clock.turn(timedelta(hours=1))
    assert await deaf.run() == {"unanswered": 1}


async def test_R3_two_workers_share_the_domains_that_are_due_and_each_is_looked_at_once(
    house: House, domains: DomainService, checks: DomainCheckService, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.domain_checks.BATCH", 4)
    for number in range(9):
        await verified_domain(house, ada, f"acme{number}.test")
    async with house.uow() as uow:
        for domain in await uow.domains.all((await house.member(ada)).organization_id):
            await uow.domains.save(replace(domain, next_check_at=house.clock.now()))
        await uow.commit()
    first, second = await asyncio.gather(checks.run(), checks.run())
    assert first.get("lost", 0) + second.get("lost", 0) == 9
    assert len(await house.events("domain.failing")) == 9


async def test_R63_what_dns_said_before_the_domain_was_verified_by_hand_changes_nothing(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    domain = await proven(domains, dns, ada)
    house.clock.turn(DAY)

    class Slow(DnsResolver):
        """Has the record looked up, and found by hand, while its own answer, from before, travels."""

        async def txt(self, name: str) -> frozenset[str]:
            await domains.verify(ada.caller, "acme", domain.id)
            return frozenset()

    assert await DomainCheckService(house.kit, Slow(dns.resolver)).run() == {"lost": 1}
    assert (await domains.get(ada.caller, "acme", domain.id)).status is DomainStatus.VERIFIED
    assert await house.events("domain.failing") == []


async def test_R63_a_domain_deleted_while_dns_answers_stays_deleted(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    domain = await proven(domains, dns, ada)
    house.clock.turn(DAY)

    class Slow(DnsResolver):
        """Has the domain deleted while its answer travels."""

        async def txt(self, name: str) -> frozenset[str]:
            await domains.delete(ada.caller, "acme", domain.id)
            return await super().txt(name)

    assert await DomainCheckService(house.kit, Slow(dns.resolver)).run() == {"found": 1}
    assert await house.count("domains") == 0
    assert len(await house.events("domain.verified")) == 1


async def lapsed(house: House, domain_id: str, slug: str = "acme") -> None:
    """Let the domain's record be lost for eight days."""
    async with house.uow() as uow:
        organization = await uow.organizations.get(slug)
        assert organization is not None
        domain = await uow.domains.get(organization.id, domain_id)
        assert domain is not None
        since = house.clock.now() - 8 * DAY
        await uow.domains.save(replace(domain, status=DomainStatus.FAILING, failing_since=since))
        await uow.commit()


async def test_R3_R20_R34_a_lapsed_domain_admits_nobody_new_links_nobody_and_lets_members_in(
    house: House, ada: Person
) -> None:
    idp = await connect(house, ada)
    await enable(house, ada)
    bo = await idp.sign_in("bo@acme.test")
    (domain_id,) = idp.connection.domain_ids
    await lapsed(house, domain_id)
    again = await idp.sign_in("bo@acme.test")
    assert again.account.id == bo.account.id
    # A stranger, an account to link, an administrator who awaits the first sign-in: all new to the connection.
    await house.person("cy@acme.test")
    for email in ("di@acme.test", "cy@acme.test", ada.email):
        with pytest.raises(DomainError, match="domain_verification_lapsed") as refused:
            await idp.sign_in(email)
        assert "TXT" not in refused.value.detail
    assert await house.count("accounts", email="di@acme.test") == 0
    assert await house.count("identities") == 1
    # Who was removed and is linked still is new as well.
    async with house.uow() as uow:
        member = await uow.members.by_account((await house.member(ada)).organization_id, bo.account.id)
        assert member is not None
        await uow.members.remove(member.organization_id, member.id)
        await uow.commit()
    with pytest.raises(DomainError, match="domain_verification_lapsed"):
        await idp.sign_in("bo@acme.test")


async def test_R3_R30_organizations_that_share_a_lapsed_domain_share_no_identity_provider(
    house: House, ada: Person
) -> None:
    await house.organization(ada, "staging")
    okta = "https://acme.okta.test/app/sso"
    first = await connect(house, ada, provider=Provider.OKTA, sso_url=okta)
    both = ("acme.test", "acme.example")
    second = await connect(house, ada, "staging", domains=both, provider=Provider.OKTA, sso_url=okta, name="second")
    for slug in ("acme", "staging"):
        await enable(house, ada, slug)
    bo = await first.sign_in("bo@acme.test", "00u1")
    with pytest.raises(DomainError, match="identity_conflict"):
        await second.sign_in("di@acme.example", "00u1")
    await lapsed(house, first.connection.domain_ids[0])
    assert (await second.sign_in("di@acme.example", "00u1")).account.id != bo.account.id


async def test_R3_R26_a_lapsed_domain_is_not_discovered(house: House, ada: Person) -> None:
    idp = await connect(house, ada)
    await enable(house, ada)
    assert await house.services.sign_in_start.discover("cy@acme.test")
    await lapsed(house, idp.connection.domain_ids[0])
    assert not await house.services.sign_in_start.discover("cy@acme.test")


async def test_R3_R4_with_a_lapsed_domain_sso_is_not_enabled_but_its_connection_can_be_repaired(
    house: House, ada: Person
) -> None:
    idp = await connect(house, ada)
    (domain_id,) = idp.connection.domain_ids
    await lapsed(house, domain_id)
    with pytest.raises(DomainError, match="sso_not_ready"):
        await enable(house, ada)
    await house.enable_sso()
    # The domain may stay on its connection, and comes on no other.
    change = ConnectionChange(name="Renamed", domain_ids=(domain_id,))
    edited = await house.services.connections.update(ada.caller, "acme", idp.connection.id, change)
    assert edited.connection.name == "Renamed"
    with pytest.raises(DomainError, match="sso_in_use"):
        await house.services.domains.delete(ada.caller, "acme", domain_id)


async def test_R3_R33_a_domain_support_vouches_for_admits_but_changes_no_email(
    house: House, domains: DomainService, ada: Person
) -> None:
    idp = await connect(house, ada, domains=("acme.test", "new.test"))
    await enable(house, ada)
    bo = await idp.sign_in("bo@acme.test", "00u-bo")
    await lapsed(house, idp.connection.domain_ids[1])
    vouched = await domains.vouch(SUPPORT, "acme", idp.connection.domain_ids[1], "Their DNS team is on strike.")
    assert vouched.override_until is not None
    assert (await idp.sign_in("di@new.test")).account.email == "di@new.test"
    renamed = await idp.sign_in("bo@new.test", "00u-bo")
    assert (renamed.account.id, renamed.account.email) == (bo.account.id, "bo@acme.test")
    event = (await house.events("domain.vouched_for"))[0]
    assert (event.actor.kind, event.after["reason"]) == ("operator", "Their DNS team is on strike.")
    assert [mail.to for mail in await house.mails() if "vouches" in mail.subject] == [ada.email]


async def test_R3_the_operators_word_runs_out_after_thirty_days(
    house: House, domains: DomainService, checks: DomainCheckService, dns: RunningDns, ada: Person
) -> None:
    added = await domains.add(ada.caller, "acme", "acme.test")
    await domains.vouch(SUPPORT, "acme", added.id, None)
    house.clock.turn(24 * DAY)
    assert await checks.run() == {"lost": 1}
    warned = await domains.get(ada.caller, "acme", added.id)
    assert (warned.status, warned.fails_at) == (DomainStatus.FAILING, warned.override_until)
    assert warned.admits(house.clock.now())
    house.clock.turn(6 * DAY)
    await checks.run()
    assert not (await domains.get(ada.caller, "acme", added.id)).admits(house.clock.now())
    assert len(await house.events("domain.lapsed")) == 1
    # The record makes it the organization's own.
    dns.zone.set_txt(added.txt_name, [added.txt_value])
    assert (await domains.verify(ada.caller, "acme", added.id)).permits_email_changes(house.clock.now())


async def test_R3_the_operators_word_leaves_a_proven_domain_as_it_is(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    domain = await proven(domains, dns, ada)
    assert await domains.vouch(SUPPORT, "acme", domain.id, None) == domain
    assert await house.events("domain.vouched_for") == []
    for org, domain_id in (("bolts", domain.id), ("acme", "dom_unknown")):
        with pytest.raises(DomainError, match="not_found"):
            await domains.vouch(SUPPORT, org, domain_id, None)


async def test_R3_the_operators_word_is_refused_where_another_organization_has_verified_the_domain(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    bo = await house.person("bo@bolts.test")
    await house.organization(bo, "bolts")
    theirs = await domains.add(bo.caller, "bolts", "acme.test")
    own = await proven(domains, dns, ada)
    with pytest.raises(DomainError, match="domain_verified_elsewhere"):
        await domains.vouch(SUPPORT, "bolts", theirs.id, None)
    await lapsed(house, own.id)
    assert (await domains.vouch(SUPPORT, "bolts", theirs.id, None)).override_until


@pytest.mark.parametrize("attempt", range(3))
async def test_R3_R63_proving_in_one_organization_beside_vouching_in_another_takes_turns(
    house: House, domains: DomainService, dns: RunningDns, ada: Person, attempt: int
) -> None:
    bo = await house.person("bo@bolts.test")
    await house.organization(bo, "bolts")
    theirs, own = await domains.add(bo.caller, "bolts", "acme.test"), await domains.add(ada.caller, "acme", "acme.test")
    dns.zone.set_txt(own.txt_name, [own.txt_value])
    refused = await settled(
        domains.verify(ada.caller, "acme", own.id), domains.vouch(SUPPORT, "bolts", theirs.id, None)
    )
    vouched = (await domains.get(bo.caller, "bolts", theirs.id)).override_until is not None
    assert refused == ([] if vouched else ["domain_verified_elsewhere"])


async def test_R63_a_domain_deleted_while_it_is_being_verified_stays_deleted(
    house: House, domains: DomainService, dns: RunningDns, ada: Person
) -> None:
    added = await domains.add(ada.caller, "acme", "acme.test")
    dns.zone.set_txt(added.txt_name, [added.txt_value])

    async def delete(uow: SqlUnitOfWork, organization_id: str) -> None:
        await uow.domains.delete(organization_id, added.id)

    with pytest.raises(DomainError, match="domain_not_found"):
        await while_holding(house, delete, domains.verify(ada.caller, "acme", added.id))
    assert await house.count("domains") == 0
    assert await house.events("domain.verified") == []


@pytest.mark.parametrize("attempt", range(5))
async def test_R63_verifying_beside_deleting_leaves_no_domain(
    house: House, domains: DomainService, dns: RunningDns, ada: Person, attempt: int
) -> None:
    added = await domains.add(ada.caller, "acme", "acme.test")
    dns.zone.set_txt(added.txt_name, [added.txt_value])
    refused = await settled(domains.verify(ada.caller, "acme", added.id), domains.delete(ada.caller, "acme", added.id))
    assert refused in ([], ["domain_not_found"])
    assert await house.count("domains") == 0
    (deleted,) = await house.events("domain.deleted")
    assert deleted.before["status"] == ("pending" if refused else "verified")
