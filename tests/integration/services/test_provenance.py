"""Who gave a role, and who may overwrite whose: the table of docs/provenance.md (R23, R40, R46, R49, R50, R55, R56)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ostiary.domain.errors import DomainError
from ostiary.domain.membership import ManagedBy, Member, Role, Source
from ostiary.services.context import Caller
from ostiary.services.directory import DirectoryChange
from tests.support.directory import DirectorySync, directory_sync, user_document
from tests.support.house import House, Person
from tests.support.sso import Idp, connect

ADMINISTRATOR, MEMBER = Role.ADMINISTRATOR, Role.MEMBER
BO = "bo@acme.test"


class Company:
    """An organization with both identity-provider sources, and bo, whom both know."""

    def __init__(self, house: House, ada: Person, idp: Idp, sync: DirectorySync, bo: str) -> None:
        self.house, self.ada, self.idp, self.sync, self.bo = house, ada, idp, sync, bo

    async def member(self) -> Member:
        found = await self.sync.member(self.bo)
        assert found is not None
        return found

    async def managed_by(self, source: str) -> None:
        if source == "sso":
            await self.house.change_sso(manage_roles=True)
        if source == "directory":
            await self.house.services.directory.update(self.ada.caller, "acme", DirectoryChange(manage_roles=True))

    async def by_a_person(self) -> None:
        await self.house.services.members.set_role(self.ada.caller, "acme", self.bo, ADMINISTRATOR)

    async def by_a_service_account(self) -> None:
        service = self.house.services.service_accounts
        robot = await service.create(self.ada.caller, "acme", name="Robot", role=ADMINISTRATOR)
        made = await service.create_token(self.ada.caller, "acme", robot.id, name="CI", expires_at=None)
        caller = Caller(await self.house.services.authenticator.lookup.service_account(made.secret))
        await self.house.services.members.set_role(caller, "acme", self.bo, ADMINISTRATOR)

    async def by_an_assertion(self) -> None:
        await self.idp.sign_in(BO, role="administrator")

    async def by_the_directory(self) -> None:
        await self.house.services.users.change(
            self.sync.caller, self.bo, lambda document: {**document, "role": "administrator"}
        )


@pytest.fixture
async def company(house: House) -> Company:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    idp = await connect(house, ada)
    sync = await directory_sync(house)
    pushed = await house.services.users.create(sync.caller, user_document(BO))
    return Company(house, ada, idp, sync, pushed.id)


ACTS: dict[str, Callable[[Company], Awaitable[None]]] = {
    "person": Company.by_a_person,
    "service_account": Company.by_a_service_account,
    "assertion": Company.by_an_assertion,
    "directory": Company.by_the_directory,
}
# Who manages roles, who tries to give one, and what becomes of it: the new source, nothing, or a refusal.
TABLE: list[tuple[str, str, Source | str | None]] = [
    ("nobody", "person", Source.PERSON),
    ("nobody", "service_account", Source.SERVICE_ACCOUNT),
    ("nobody", "assertion", None),
    ("nobody", "directory", None),
    ("sso", "person", "directory_managed"),
    ("sso", "service_account", "directory_managed"),
    ("sso", "assertion", Source.SAML),
    ("sso", "directory", None),
    ("directory", "person", "directory_managed"),
    ("directory", "service_account", "directory_managed"),
    ("directory", "assertion", None),
    ("directory", "directory", Source.DIRECTORY),
]


@pytest.mark.parametrize(("manager", "giver", "expected"), TABLE)
async def test_R23_R40_R46_who_may_overwrite_whose_role(
    company: Company, manager: str, giver: str, expected: Source | str | None
) -> None:
    await company.managed_by(manager)
    before = await company.member()
    assert (before.role, before.role_provenance.source) == (MEMBER, Source.DIRECTORY)
    if isinstance(expected, Source):
        await ACTS[giver](company)
        after = await company.member()
        assert (after.role, after.role_provenance.source) == (ADMINISTRATOR, expected)
        assert after.role_provenance.by is not None
        assert after.role_provenance.at > before.role_provenance.at
    elif expected is None:
        await ACTS[giver](company)
        after = await company.member()
        assert (after.role, after.role_provenance) == (before.role, before.role_provenance)
    else:
        with pytest.raises(DomainError, match=expected):
            await ACTS[giver](company)
        assert await company.member() == before
    assert (await company.member()).provenance == before.provenance


async def test_R50_two_sources_of_the_identity_provider_are_never_on(company: Company) -> None:
    await company.managed_by("sso")
    with pytest.raises(DomainError, match="role_source_conflict"):
        await company.managed_by("directory")


async def test_R49_whom_the_directory_takes_over_keeps_who_gave_membership_and_role(company: Company) -> None:
    before = await company.house.member(company.ada)
    await company.house.services.users.create(company.sync.caller, user_document(company.ada.email))
    after = await company.house.member(company.ada)
    assert after.managed_by is ManagedBy.DIRECTORY
    assert (after.provenance, after.role_provenance) == (before.provenance, before.role_provenance)
    assert after.provenance.source is Source.FOUNDER


@pytest.mark.parametrize("switched_off", ["directory", "sso"])
async def test_R55_R56_what_was_given_stays_when_it_is_switched_off_and_people_may_set_roles_again(
    company: Company, switched_off: str
) -> None:
    services, ada = company.house.services, company.ada.caller
    await company.managed_by("directory")
    await company.by_the_directory()
    await company.idp.sign_in(BO)
    before = await company.member()
    if switched_off == "directory":
        await services.directory.disable(ada, "acme")
    else:
        await services.sso.disable(ada, "acme", suspend_member_ids=[])
    after = await company.member()
    assert after.managed_by is ManagedBy.MANUAL
    assert (after.role, after.role_provenance, after.provenance) == (
        before.role,
        before.role_provenance,
        before.provenance,
    )
    changed = await services.members.set_role(ada, "acme", company.bo, MEMBER)
    assert changed.member.role_provenance.source is Source.PERSON


async def test_R43_who_comes_back_has_a_membership_and_a_role_of_their_own(company: Company) -> None:
    services = company.house.services
    await company.by_a_person()
    first = await company.member()
    await services.users.delete(company.sync.caller, company.bo)
    company.bo = (await services.users.create(company.sync.caller, user_document(BO))).id
    second = await company.member()
    assert second.id != first.id
    assert (second.role, second.role_provenance.source) == (MEMBER, Source.DIRECTORY)
    assert second.provenance.at > first.provenance.at
    assert replace(second.provenance, at=first.provenance.at) == first.provenance
