"""Random steps, legal and illegal, on one organization: after each the rules say what is true.

R10–R18, R40–R44, R60, R61. The machine acts through the services over PostgreSQL; what should come of each step says
`tests.support.organization_model`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from ostiary.domain import ids
from ostiary.domain.account import Session, SessionKind
from ostiary.domain.errors import DomainError
from ostiary.domain.membership import Role
from ostiary.services import secrets
from ostiary.services.context import Caller
from ostiary.services.directory_drift import DirectoryDriftService
from tests.support.directory import USER
from tests.support.house import House, Person, open_house
from tests.support.organization_model import Expected, Model
from tests.support.sso import Idp, connect

T = TypeVar("T")
NAMES = ("ada", "bo", "cy", "dee")
TEAMS = ("Data", "Platform")
PEOPLE = st.sampled_from(NAMES)
_numbers = count(1)


class OrganizationMachine(RuleBasedStateMachine):
    """One organization with four people, its identity provider and its directory."""

    runner: ClassVar[asyncio.Runner]
    house: ClassVar[House]
    # How steps ended: the codes of refusals, and `done`.
    endings: ClassVar[Counter[str]] = Counter()
    # The directory's, and who acted last.
    scim: Caller
    acted: str

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(already=st.sampled_from(["founded", "single sign-on", "directory", "directory"]))
    def found(self, already: str) -> None:
        self.slug = f"model-{next(_numbers)}"
        self.people: dict[str, Person] = {}
        self.team_ids: dict[str, str] = {}
        self.user_ids: dict[str, str] = {}
        self._await(self._found())
        self.model = Model(founder="ada")
        if already != "founded":
            self.enable_sso()
        if already == "directory":
            self.enable_directory()

    async def _found(self) -> None:
        house = self.house
        for name in NAMES:
            self.people[name] = await house.person(f"{name}@{self.slug}.test")
        ada = self.people["ada"]
        self.organization = await house.organization(ada, self.slug)
        self.idp: Idp = await connect(
            house, ada, self.slug, domains=(f"{self.slug}.test",), name=f"{self.slug} idp", sso_url="https://i.test/sso"
        )
        self.database_id = (await house.services.databases.create(ada.caller, self.slug, name="orders")).id

    # Who acts, and how a step is held against the model.

    async def _actor(self) -> tuple[str, Caller]:
        """The first administrator who can act, with a session that opens the organization (R12, R27)."""
        name = self.model.administrators()[0]
        if not self.model.sso or self.model.members[name].awaiting:
            return name, await self._password(name)
        signed_in = await self.idp.sign_in(self.people[name].email)
        return name, Caller(await self.house.principal(signed_in.token), "a-request")

    async def _password(self, name: str) -> Caller:
        """A new password session: linking may have ended the ones before (R35)."""
        now, secret = self.house.clock.now(), self.house.kit.ids.secret(secrets.SESSION)
        async with self.house.uow() as uow:
            session = Session(
                id=self.house.kit.ids.new(ids.SESSION),
                account_id=self.people[name].account_id,
                kind=SessionKind.PASSWORD,
                created_at=now,
                expires_at=now + timedelta(hours=1),
                ends_at=now + timedelta(hours=1),
                last_used_at=now,
            )
            await uow.sessions.add(session, secrets.digest(secret))
            await uow.commit()
        return Caller(await self.house.principal(secret), "a-request")

    async def _member_id(self, name: str) -> str:
        async with self.house.uow() as uow:
            rows = await uow._transaction.execute(
                text("SELECT id FROM members WHERE organization_id = :org AND email = :email"),
                {"org": ids.decode(ids.ORGANIZATION, self.organization.id), "email": self.people[name].email},
            )
            return ids.encode(ids.MEMBER, rows.scalar())

    async def _try(self, step: Awaitable[object]) -> str | None:
        """The code of the refusal; None where the step was carried out. A refusal writes no event (R60)."""
        before = await self._events()
        try:
            await step
        except DomainError as refused:
            assert await self._events() == before, "a refused step left an event"
            self.endings[refused.code] += 1
            return refused.code
        self.endings["done"] += 1
        return None

    async def _events(self) -> int:
        return await self.house.count("audit_events", organization_id=self._raw())

    def _raw(self) -> str:
        return str(ids.decode(ids.ORGANIZATION, self.organization.id))

    def _step(self, attempt: Callable[[str, Caller], Awaitable[object]]) -> Callable[[], str | None]:
        async def carry_out() -> tuple[str, str | None]:
            name, caller = await self._actor()
            # Signing in to act is a step of its own.
            if self.model.sso and not self.model.members[name].awaiting:
                self.model.sign_in(name)
            return name, await self._try(attempt(name, caller))

        def run() -> str | None:
            self.acted, code = self._await(carry_out())
            return code

        return run

    def can_act(self) -> bool:
        """Whether somebody could do something by hand."""
        return bool(self.model.administrators())

    def can_push(self) -> bool:
        """Whether the directory is on."""
        return self.model.directory

    # Steps.

    @precondition(can_act)
    @rule(who=PEOPLE, role=st.sampled_from(Role), accepts=st.booleans())
    def invite(self, who: str, role: Role, accepts: bool) -> None:
        """R16."""
        email = self.people[who].email

        async def attempt(_: str, caller: Caller) -> None:
            await self.house.services.invitations.create(caller, self.slug, email=email, role=role, team_ids=[])

        refused = self._step(attempt)()
        assert refused == self.model.invite(who)
        if refused is None and accepts:
            self._await(self._accept(who))
            self.model.accept(who, role.value)

    async def _accept(self, who: str) -> None:
        token = await self.house.invitation_token(self.people[who].email)
        await self.house.services.invitations.accept(await self._password(who), token)

    @precondition(can_act)
    @rule(who=PEOPLE, role=st.sampled_from(Role))
    def set_role(self, who: str, role: Role) -> None:
        """R61."""
        self._on_member(
            who,
            lambda caller, member: self.house.services.members.set_role(caller, self.slug, member, role),
            lambda: self.model.set_role(who, role.value),
        )

    @precondition(can_act)
    @rule(who=PEOPLE, what=st.sampled_from(["remove", "suspend", "reactivate"]))
    def change_membership(self, who: str, what: str) -> None:
        """R13, R14, R17, R43, R49, R61."""
        self._on_member(
            who,
            lambda caller, member: getattr(self.house.services.members, what)(caller, self.slug, member),
            lambda: getattr(self.model, what)(who),
        )

    @precondition(can_act)
    @rule(who=PEOPLE)
    def require_sso(self, who: str) -> None:
        """R12."""
        self._on_member(
            who,
            lambda caller, member: self.house.services.members.require_sso(caller, self.slug, member),
            lambda: self.model.require_sso(who, self.acted),
        )

    @precondition(can_act)
    @rule(who=PEOPLE)
    def grant_database(self, who: str) -> None:
        """R14."""

        def expected() -> None:
            self.model.members[who].administers_database = True

        databases = self.house.services.databases
        self._on_member(
            who,
            lambda caller, member: databases.grant_administrator(caller, self.slug, self.database_id, member),
            expected,
        )

    @precondition(can_act)
    @rule(who=PEOPLE, name=st.sampled_from(TEAMS))
    def join_team(self, who: str, name: str) -> None:
        """R40."""
        if name in self.model.teams:
            teams = self.house.services.teams
            self._on_member(
                who,
                lambda caller, member: teams.add_member(caller, self.slug, self.team_ids[name], member),
                lambda: self.model.join_team(name, who),
            )

    def _on_member(
        self, who: str, act: Callable[[Caller, str], Awaitable[object]], expected: Callable[[], str | None]
    ) -> None:
        if who not in self.model.members:
            return

        async def attempt(_: str, caller: Caller) -> None:
            await act(caller, await self._member_id(who))

        refused = self._step(attempt)()
        assert refused == expected()

    @precondition(can_act)
    @rule(name=st.sampled_from(TEAMS))
    def create_team(self, name: str) -> None:
        """R40."""

        async def attempt(_: str, caller: Caller) -> None:
            self.team_ids[name] = (await self.house.services.teams.create(caller, self.slug, name)).id

        assert self._step(attempt)() == self.model.create_team(name)

    @precondition(can_act)
    @rule()
    def create_credential(self) -> None:
        """R15."""

        async def attempt(_: str, caller: Caller) -> None:
            await self.house.services.credentials.create(caller, self.slug, self.database_id, "app")

        assert self._step(attempt)() is None
        self.model.credentials += 1

    @precondition(can_act)
    @rule()
    def enable_sso(self) -> None:
        """R6, R10–R16, R18: what the preview says is what happens, and the second time nothing does."""
        seen: dict[str, Any] = {}

        async def attempt(_: str, caller: Caller) -> None:
            sso = self.house.services.sso
            if not self.model.sso:
                seen["preview"] = await sso.preview_enablement(caller, self.slug)
            seen["effects"] = (await sso.enable(caller, self.slug, acknowledge_untested=True)).effects

        assert self._step(attempt)() is None
        effects = self.model.enable_sso()
        if effects is not None:
            assert seen["preview"] == seen["effects"]
            assert {name: asdict(seen["effects"])[name] for name in effects} == effects

    @precondition(can_act)
    @rule()
    def disable_sso(self) -> None:
        """R55, R56."""

        async def attempt(_: str, caller: Caller) -> None:
            await self.house.services.sso.disable(caller, self.slug, suspend_member_ids=[])

        was_on = self.model.sso
        refused = self._step(attempt)()
        assert refused is None
        if was_on:
            self.model.disable_sso()

    @rule(who=PEOPLE)
    def sign_in(self, who: str) -> None:
        """R12, R20, R22."""
        assert self._await(self._try_sign_in(who)) == self.model.sign_in(who)

    async def _try_sign_in(self, who: str) -> str | None:
        try:
            await self.idp.sign_in(self.people[who].email)
        except DomainError as refused:
            self.endings[refused.code] += 1
            return refused.code
        return None

    @precondition(can_act)
    @rule()
    def enable_directory(self) -> None:
        """R5, R40."""

        async def attempt(_: str, caller: Caller) -> None:
            enabled = await self.house.services.directory.enable(caller, self.slug)
            if enabled.token is not None:
                found = await self.house.services.authenticator.lookup.directory_token(enabled.token)
                self.scim = Caller(found, "a-request")

        assert self._step(attempt)() == self.model.enable_directory()

    @precondition(can_act)
    @rule()
    def disable_directory(self) -> None:
        """R55."""

        async def attempt(_: str, caller: Caller) -> None:
            await self.house.services.directory.disable(caller, self.slug)

        assert self._step(attempt)() is None
        self.model.disable_directory()

    @precondition(can_push)
    @rule(who=PEOPLE)
    def provision(self, who: str) -> None:
        """R41, R49."""
        email = self.people[who].email
        document = {"schemas": [USER], "userName": email, "active": True}

        async def push() -> None:
            self.user_ids[who] = (await self.house.services.users.create(self.scim, document)).id

        assert self._await(self._try(push())) == self.model.provision(who)

    @precondition(can_push)
    @rule(who=PEOPLE, active=st.booleans())
    def set_active(self, who: str, active: bool) -> None:
        """R43, R61."""
        if who in self.model.users:
            change = self.house.services.users.change(
                self.scim, self.user_ids[who], lambda document: {**document, "active": active}
            )
            assert self._await(self._try(change)) == self.model.set_active(who, active)

    @precondition(can_push)
    @rule(who=PEOPLE)
    def deprovision(self, who: str) -> None:
        """R43, R61."""
        if who in self.model.users:
            delete = self.house.services.users.delete(self.scim, self.user_ids[who])
            assert self._await(self._try(delete)) == self.model.deprovision(who)

    # What is true after every step.

    @invariant()
    def the_organization_is_what_the_rules_say(self) -> None:
        """R10–R14, R40–R44, R61."""
        found = self._await(self._members())
        expected = {
            name: replace(member, awaiting=member.awaiting and self.model.sso, teams=set(member.teams))
            for name, member in self.model.members.items()
        }
        assert found == expected
        assert [member for member in found.values() if member.role == "administrator"], "R61: nobody administers"

    @invariant()
    def nothing_outlives_its_member(self) -> None:
        """R15–R17: sessions and invitations end, credentials stay."""
        sessions, pending, credentials = self._await(self._left())
        assert sessions == 0, "R17: a session of somebody who is no active member"
        assert pending == len(self.model.invited)
        assert credentials == self.model.credentials

    def teardown(self) -> None:
        """R40–R47: wherever the steps led, the organization is what its directory pushed."""
        if self.model.directory:
            assert self._await(DirectoryDriftService(self.house.kit).check(self.slug)) == ()

    async def _members(self) -> dict[str, Expected]:
        statement = text(
            "SELECT m.email, m.role, m.status, m.managed_by, m.awaiting_first_sso_sign_in AS awaiting,"
            " m.account_id IS NOT NULL AS has_account,"
            " ARRAY(SELECT t.name FROM team_members tm JOIN teams t ON t.id = tm.team_id WHERE tm.member_id = m.id)"
            " AS teams,"
            " EXISTS (SELECT FROM database_administrators d WHERE d.member_id = m.id) AS administers_database"
            " FROM members m WHERE m.organization_id = :org"
        )
        async with self.house.uow() as uow:
            rows = (await uow._transaction.execute(statement, {"org": self._raw()})).all()
        return {
            row.email.partition("@")[0]: Expected(
                row.role,
                row.status,
                row.managed_by,
                row.awaiting and self.model.sso,
                row.has_account,
                set(row.teams),
                row.administers_database,
            )
            for row in rows
        }

    async def _left(self) -> tuple[int, ...]:
        statement = text(
            "SELECT (SELECT count(*) FROM sessions s WHERE s.organization_id = :org AND NOT EXISTS"
            " (SELECT FROM members m WHERE m.organization_id = :org AND m.account_id = s.account_id"
            " AND m.status = 'active')),"
            " (SELECT count(*) FROM invitations WHERE organization_id = :org AND status = 'pending'),"
            " (SELECT count(*) FROM credentials WHERE organization_id = :org AND revoked_at IS NULL)"
        )
        async with self.house.uow() as uow:
            row = (await uow._transaction.execute(statement, {"org": self._raw()})).first()
        return () if row is None else tuple(row)


def explore(database_url: str, *, examples: int, steps: int, phases: tuple[Phase, ...]) -> None:
    """Let the machine wander."""
    with asyncio.Runner() as runner:
        opened = open_house(database_url)
        OrganizationMachine.runner = runner
        OrganizationMachine.house = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType] -- hypothesis leaves its factory untyped
                OrganizationMachine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    phases=phases,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
                ),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))


def test_R10_R18_R40_R44_R60_R61_an_organization_is_always_what_the_rules_say(worker_database: str) -> None:
    OrganizationMachine.endings.clear()
    explore(worker_database, examples=16, steps=40, phases=(Phase.generate,))
    # The steps went where the rules bite.
    assert {"done", "last_administrator", "directory_managed", "invitations_disabled_by_sso"} <= set(
        OrganizationMachine.endings
    )


@pytest.mark.long
def test_R10_R18_R40_R44_R60_R61_also_after_many_more_steps(worker_database: str) -> None:
    explore(worker_database, examples=300, steps=60, phases=(Phase.generate, Phase.shrink))
