"""The whole service over a test's database, a clock one can turn, and the people who use it."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary import bootstrap
from ostiary.adapters.db.job_queue import sealing_purpose
from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.adapters.sealing import AesGcmSealer
from ostiary.adapters.system import SystemIds
from ostiary.api.deps import Services
from ostiary.domain import ids
from ostiary.domain.account import Session, SessionKind
from ostiary.domain.audit import AuditEvent
from ostiary.domain.connection import Connection, ConnectionStatus, Provider
from ostiary.domain.membership import Member, Role
from ostiary.domain.organization import Organization
from ostiary.domain.principal import Principal
from ostiary.domain.sso_policy import ROLES_REMOVED
from ostiary.services import secrets
from ostiary.services.connection_checks import ConnectionCheckService
from ostiary.services.context import Caller, Kit
from ostiary.services.jobs import SEND_MAIL, SEND_TOKEN, mail_of
from ostiary.services.paging import PageRequest
from ostiary.services.ports.organizations import AuditFilter, Lock
from ostiary.services.ports.world import Mail
from ostiary.services.webhook_delivery import WebhookDeliveryService
from ostiary.settings import Settings
from ostiary.worker.jobs import TokenJob

PASSWORD = "a sentence works well"
OPERATOR_TOKEN = "the operator of this test"


def settings_for(database_url: str) -> Settings:
    """Settings of a service over the database, with password hashing made cheap."""
    return Settings(
        environment="development",
        database_url=database_url,
        secret_key=SecretStr("a key of the tests, 32 characters at least"),
        base_url="http://ostiary.test",
        operator_token=SecretStr(OPERATOR_TOKEN),
        password_hash_memory_kib=8,
        password_hash_rounds=1,
        # Everybody is on the loopback; the tests of throttling switch it on.
        throttle_by_address=False,
    )


class TurnableClock:
    """The time, which a test can move."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """This moment, moved by what was turned."""
        return datetime.now(UTC) + self._ahead

    def turn(self, ahead: timedelta) -> None:
        """Move the time ahead."""
        self._ahead += ahead


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account and a password session."""

    account_id: str
    email: str
    token: str
    caller: Caller


@dataclass(slots=True)
class House:
    """The services over one database, and the acts and looks of a test."""

    services: Services
    settings: Settings
    clock: TurnableClock
    _house: bootstrap.House
    _ids: SystemIds = field(default_factory=SystemIds)

    @property
    def deliveries(self) -> WebhookDeliveryService:
        """What the worker delivers webhooks with."""
        return self._house.deliveries

    @property
    def engine(self) -> AsyncEngine:
        """The database, for rows by the thousand."""
        return self._house.engine

    @property
    def connection_checks(self) -> ConnectionCheckService:
        """What the worker does about connections by the clock."""
        return self._house.connection_checks

    @property
    def kit(self) -> Kit:
        """What the services are built with, to build one otherwise."""
        return self._house.kit

    def uow(self) -> SqlUnitOfWork:
        """A unit of work beside the services, to bring about a state they take long to reach."""
        return SqlUnitOfWork(self._house.engine, self._sealer())

    def _sealer(self) -> AesGcmSealer:
        return AesGcmSealer(self.settings.secret_key.get_secret_value())

    async def person(self, email: str) -> Person:
        """Sign somebody up."""
        name = email.partition("@")[0].capitalize()
        signed_in = await self.services.accounts.sign_up(email=email, password=PASSWORD, name=name)
        caller = Caller(await self.principal(signed_in.token), "a-request")
        return Person(signed_in.account.id, email, signed_in.token, caller)

    async def principal(self, token: str) -> Principal | None:
        """Whom a session opens for; None once it has ended."""
        return await self.services.authenticator.lookup.session(token)

    async def organization(self, founder: Person, slug: str = "acme") -> Organization:
        """Found an organization."""
        return await self.services.organizations.create(founder.caller, name=slug.capitalize(), slug=slug)

    async def joined(self, administrator: Person, email: str, role: Role = Role.MEMBER, slug: str = "acme") -> Person:
        """Somebody invited, signed up, and a member."""
        await self.services.invitations.create(administrator.caller, slug, email=email, role=role, team_ids=[])
        person = await self.person(email)
        await self.services.invitations.accept(person.caller, await self.invitation_token(email))
        return person

    async def member(self, person: Person, slug: str = "acme") -> Member:
        """The person's membership; fails where there is none."""
        async with self.uow() as uow:
            entrance = await uow.organizations.enter(slug, person.account_id)
        assert entrance is not None
        assert entrance.member is not None, f"{person.email} is no member of {slug}"
        return entrance.member

    async def is_member(self, person: Person, slug: str = "acme") -> bool:
        """Whether the person is a member."""
        async with self.uow() as uow:
            entrance = await uow.organizations.enter(slug, person.account_id)
        return entrance is not None and entrance.member is not None

    async def mails(self) -> list[Mail]:
        """The mails that wait in the outbox, oldest first; the tokens that were asked for are mailed before."""
        await self.mail_tokens()
        return [mail_of(payload) for payload in await self._payloads(SEND_MAIL)]

    async def mail_tokens(self) -> None:
        """Do what a worker does with the wishes for tokens."""
        job = TokenJob(self.services.passwords, self.services.recovery)
        wishes = await self._payloads(SEND_TOKEN)
        async with self._house.engine.begin() as connection:
            await connection.execute(text("DELETE FROM pgqueuer WHERE entrypoint = :job"), {"job": SEND_TOKEN})
        for wish in wishes:
            await job(wish, 0)

    async def _payloads(self, job: str) -> list[bytes]:
        async with self._house.engine.connect() as connection:
            rows = await connection.execute(
                text("SELECT payload FROM pgqueuer WHERE entrypoint = :job ORDER BY id"), {"job": job}
            )
            payloads = [row.payload for row in rows]
        return [self._sealer().unseal(payload, purpose=sealing_purpose(job)) for payload in payloads]

    async def invitation_token(self, email: str) -> str:
        """The secret in the newest invitation mailed to the address."""
        mail = [mail for mail in await self.mails() if mail.to == email and secrets.INVITATION in mail.text][-1]
        return mail.text.split()[-1]

    async def events(self, action: str, slug: str = "acme") -> list[AuditEvent]:
        """The organization's audit events of one action, newest first."""
        async with self.uow() as uow:
            organization = await uow.organizations.get(slug)
            assert organization is not None
            return list((await uow.audit.list(organization.id, AuditFilter(action=action), PageRequest())).items)

    async def enable_sso(self, slug: str = "acme") -> None:
        """Switch SSO on as enabling does (R10–R16), without the connection and domain that it asks for."""
        async with self.uow() as uow:
            organization = await uow.organizations.get(slug, Lock.EXCLUSIVE)
            assert organization is not None
            await uow.sso.apply_enablement(organization.id, ROLES_REMOVED, self.clock.now())
            await uow.organizations.set_sso(organization.id, replace(organization.sso, enabled=True))
            await uow.commit()

    async def change_sso(self, slug: str = "acme", *, manage_roles: bool) -> None:
        """Let the SSO profile manage roles (R23), or no longer."""
        async with self.uow() as uow:
            organization = await uow.organizations.get(slug, Lock.EXCLUSIVE)
            assert organization is not None
            await uow.organizations.set_sso(organization.id, replace(organization.sso, manage_roles=manage_roles))
            await uow.commit()

    async def enable_directory(self, slug: str = "acme", *, manage_roles: bool = False) -> None:
        """Switch Directory Sync on, which clears all teams (R40)."""
        async with self.uow() as uow:
            organization = await uow.organizations.get(slug, Lock.EXCLUSIVE)
            assert organization is not None
            directory = await uow.directories.get(organization.id)
            assert directory is not None
            await uow.directories.clear_teams(organization.id)
            await uow.directories.put(replace(directory, enabled=True, manage_roles=manage_roles))
            await uow.commit()

    async def change_member(self, member: Member) -> None:
        """Store a member as an identity provider would have made them."""
        async with self.uow() as uow:
            await uow.members.save(member)
            await uow.commit()

    async def sso_session(self, person: Person, slug: str = "acme", internal_id: str = "00u1") -> str:
        """A session and a link as a sign-in through a new connection makes them; answers the session's secret."""
        now = self.clock.now()
        token = self._ids.secret(secrets.SESSION)
        async with self.uow() as uow:
            organization = await uow.organizations.get(slug)
            assert organization is not None
            connection_id = self._ids.new(ids.CONNECTION)
            await uow.connections.add(
                Connection(
                    connection_id,
                    organization.id,
                    "IdP",
                    Provider.GENERIC_SAML,
                    ConnectionStatus.ACTIVE,
                    created_at=now,
                )
            )
            await uow.identities.link(organization.id, connection_id, internal_id, person.account_id, now)
            session = Session(
                id=self._ids.new(ids.SESSION),
                account_id=person.account_id,
                kind=SessionKind.SSO,
                created_at=now,
                expires_at=now + timedelta(hours=1),
                ends_at=now + timedelta(hours=1),
                last_used_at=now,
                organization_id=organization.id,
                connection_id=connection_id,
            )
            await uow.sessions.add(session, secrets.digest(token))
            await uow.commit()
        return token

    async def count(self, table: str, **matching: str) -> int:
        """How many rows a table has; `matching` are columns compared as text."""
        conditions = " AND ".join(["true", *(f"{column}::text = :{column}" for column in matching)])
        async with self._house.engine.connect() as connection:
            found = await connection.execute(text(f"SELECT count(*) FROM {table} WHERE {conditions}"), matching)
            return int(found.scalar_one())

    async def column(self, table: str, name: str) -> list[Any]:
        """What a table holds in one column."""
        async with self._house.engine.connect() as connection:
            return list((await connection.execute(text(f"SELECT {name} FROM {table}"))).scalars())


@contextlib.asynccontextmanager
async def open_house(database_url: str, **changed: object) -> AsyncGenerator[House]:
    """The services over a migrated database, as long as the block lasts; `changed` are settings of its own."""
    settings, clock = settings_for(database_url).model_copy(update=changed), TurnableClock()
    built = bootstrap.build(settings, clock=clock)
    try:
        yield House(built.services, settings, clock, built)
    finally:
        await built.engine.dispose()


def bearer(token: str) -> Mapping[str, str]:
    """The header of a caller."""
    return {"Authorization": f"Bearer {token}"}
