"""A world to walk through: companies without and with single sign-on, and one of each kind of caller in them.

To add a kind of caller, declare an `Actor` in `_actors`; to add an id that a path names, put it into a company's
`things` under the name of the path parameter.
"""

import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostiary import bootstrap
from ostiary.adapters.system import SystemIds
from ostiary.api.app import create_app
from ostiary.domain import ids
from ostiary.domain.access import Standing
from ostiary.domain.connection import Provider
from ostiary.domain.directory import GroupChange
from ostiary.domain.directory_token import DirectoryToken
from ostiary.domain.idp_metadata import StagedMetadata
from ostiary.domain.membership import Role
from ostiary.domain.principal import OPERATOR
from ostiary.domain.setup_link import SetupIntent
from ostiary.services import secrets
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionDraft
from ostiary.services.context import Caller
from ostiary.services.paging import PageRequest
from ostiary.services.ports.webhooks import DeliveryFilter
from ostiary.services.setup_links import SetupLinkDraft
from ostiary.services.sign_in_start import SignInWish
from tests.support.directory import user_document
from tests.support.dns import running_dns
from tests.support.house import OPERATOR_TOKEN, PASSWORD, House, Person, TurnableClock, settings_for
from tests.support.receiver import running_receiver
from tests.support.sso import Idp, connect, enable, identity_provider, read_request
from tests.support.web import serve
from tests.unit.adapters.saml.test_metadata import entity, key

# acme has passwords alone; bolts and cogs sign in through an identity provider and have a directory.
ACME, BOLTS, COGS = "acme", "bolts", "cogs"
RIVAL = {ACME: BOLTS, BOLTS: COGS, COGS: BOLTS}

# The names of the actors below, known before the world is made.
ACTORS = (
    "anonymous",
    "member",
    "administrator",
    "database administrator",
    "suspended member",
    "invited person",
    "member of another organization",
    "administrator of another organization",
    "awaiting administrator",
    "member with a password session",
    "SSO session of a member",
    "SSO session of an administrator",
    "SSO session of another organization",
    "recovery session",
    "directory",
    "service account in acme",
    "administrating service account in acme",
    "service account in bolts",
    "administrating service account in bolts",
    "service account of another organization",
    "operator",
    "setup link for sso",
    "setup link for directory",
    "setup link for domain",
)

_PASSWORD = frozenset({Standing.ANYONE, Standing.SIGNED_IN, Standing.PASSWORD_SESSION})
_SSO = frozenset({Standing.ANYONE, Standing.SIGNED_IN})
_OUTSIDE = frozenset({Standing.ANYONE})


@dataclass(frozen=True, slots=True)
class Actor:
    """One kind of caller: what proves it, where it asks, and what it is there.

    `refused` are the refusals it may meet where its standing does not suffice.
    """

    name: str
    home: str
    standings: frozenset[Standing]
    token: str | None = None
    refused: frozenset[str] = frozenset({"forbidden"})
    things: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def headers(self) -> dict[str, str]:
        """The credential."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


class StoppedClock(TurnableClock):
    """A clock that stands still, so that nothing of the world runs out while it is walked through."""

    def __init__(self) -> None:
        super().__init__()
        self._stands_at = super().now()

    def now(self) -> datetime:
        """Always the same moment."""
        return self._stands_at


@dataclass(slots=True)
class World:
    """The service, its companies' ids and secrets by slug, and who calls."""

    house: House
    app: FastAPI
    things: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    actors: dict[str, Actor] = field(default_factory=dict[str, Actor])


@dataclass(slots=True)
class _Company:
    """What is made of a company on the way."""

    world: World
    slug: str
    idp_metadata_url: str
    hook_url: str
    founder: Person
    people: dict[str, Person] = field(default_factory=dict[str, Person])

    @property
    def house(self) -> House:
        return self.world.house

    @property
    def things(self) -> dict[str, str]:
        return self.world.things.setdefault(self.slug, {})

    def email(self, who: str) -> str:
        return f"{who}@{self.slug}.test"

    async def member_id(self, who: str) -> str:
        return (await self.house.member(self.people[who], self.slug)).id

    async def found(self) -> Idp:
        """Everything an organization without single sign-on has; answers its identity provider."""
        house, services, slug, things = self.house, self.house.services, self.slug, self.things
        founder = self.people["founder"] = self.founder
        organization = await house.organization(founder, slug)
        things |= {"org": slug, "organization_id": organization.id, "email": founder.email, "hook_url": self.hook_url}
        idp = await connect(house, founder, slug, domains=(f"{slug}.test",), name=f"{slug} idp")
        webhook, _ = await services.webhooks.create(founder.caller, slug, url=self.hook_url, event_types=["*"])
        for who, role in (("second", Role.ADMINISTRATOR), ("member", Role.MEMBER), ("suspended", Role.MEMBER)):
            self.people[who] = await house.joined(founder, self.email(who), role, slug)
        self.people["databases"] = await house.joined(founder, self.email("databases"), Role.MEMBER, slug)
        for who in ("founder", "second", "member", "suspended", "databases"):
            things["member_id" if who == "member" else f"{who}_id"] = await self.member_id(who)
        await services.members.suspend(founder.caller, slug, things["suspended_id"])
        team = await services.teams.create(founder.caller, slug, "Platform")
        other_team = await services.teams.create(founder.caller, slug, "Research")
        await services.teams.add_member(founder.caller, slug, other_team.id, things["databases_id"])
        database = await services.databases.create(founder.caller, slug, name="main")
        await services.databases.grant_administrator(founder.caller, slug, database.id, things["databases_id"])
        credential = await services.credentials.create(founder.caller, slug, database.id, "ci")
        invitation = await services.invitations.create(
            founder.caller, slug, email=self.email("invited"), role=Role.MEMBER, team_ids=[team.id]
        )
        pending = await services.domains.add(founder.caller, slug, f"more.{slug}.test")
        source = IdpSource(metadata_url=self.idp_metadata_url)
        draft = await services.connections.create(
            founder.caller, slug, ConnectionDraft(name="Draft", provider=Provider.GENERIC_SAML, idp=source)
        )
        assert draft.connection.idp is not None
        moved = replace(draft.connection.idp, entity_id="https://moved.test/metadata")
        async with house.uow() as uow:
            await uow.staged_metadata.put(
                StagedMetadata(organization.id, draft.connection.id, moved, house.clock.now())
            )
            await uow.commit()
        request_id, relay_state = await idp.depart_test(founder)
        arrived = await idp.arrive(idp.says(request_id, self.email("member")), relay_state)
        [delivery, *_] = (
            await services.webhooks.deliveries(founder.caller, slug, webhook.id, DeliveryFilter(), PageRequest())
        ).items
        await self._service_accounts()
        things |= {
            "team_id": team.id,
            "other_team_id": other_team.id,
            "group_id": team.id,
            "user_id": things["member_id"],
            "database_id": database.id,
            "credential_id": credential.credential.id,
            "credential_username": credential.credential.username,
            "credential_secret": credential.secret,
            "invitation_id": invitation.id,
            "invitation_token": await house.invitation_token(self.email("invited")),
            "domain_id": idp.connection.domain_ids[0],
            "pending_domain_id": pending.id,
            "pending_domain_txt": pending.txt_value,
            "connection_id": idp.connection.id,
            "draft_connection_id": draft.connection.id,
            "trace_id": arrived.trace.id,
            "webhook_id": webhook.id,
            "delivery_id": delivery.id,
        }
        for intent in SetupIntent:
            named = {
                SetupIntent.SSO: {"connection_id": draft.connection.id},
                SetupIntent.DOMAIN: {"domain_id": pending.id},
                SetupIntent.DIRECTORY: {},
            }[intent]
            link = SetupLinkDraft(intent, 3600, **named)
            view, secret = await services.setup_links.create(founder.caller, slug, link)
            things |= {"setup_link_id": view.link.id, f"setup_{intent}": secret}
        things["flow"] = _query(
            await services.sign_in_start.start_test(founder.caller, slug, idp.connection.id), "flow"
        )
        await self._mailed(founder)
        return idp

    async def _service_accounts(self) -> None:
        """One of each role, with a token."""
        service, founder = self.house.services.service_accounts, self.founder.caller
        for role in Role:
            account = await service.create(founder, self.slug, name=f"Robot {role}", role=role)
            made = await service.create_token(founder, self.slug, account.id, name="CI", expires_at=None)
            self.things[f"service {role}"] = made.secret
            # In the end the administrator's, whose calls never need its own.
            self.things.update({"service_account_id": account.id, "service_token_id": made.token.id})

    async def _mailed(self, founder: Person) -> None:
        """What the founder finds in the mail."""
        await self.house.services.passwords.mail_reset(founder.email)
        await self.house.services.email_changes.request(founder.caller, f"later@{self.slug}.test")
        texts = {mail.subject: mail.text for mail in await self.house.mails() if mail.to == founder.email}
        for subject, text in texts.items():
            self.things[f"mailed {subject.partition(' ')[0].lower()}"] = text.split()[-1]

    async def leave_sso_off(self) -> None:
        """A directory token from another time, which opens nothing."""
        token = DirectoryToken(SystemIds().new(ids.TOKEN), self.things["organization_id"], self.house.clock.now())
        async with self.house.uow() as uow:
            await uow.directories.add_token(token, secrets.digest(token.id))
            await uow.commit()
        self.things["token_id"] = token.id

    async def switch_sso_on(self, idp: Idp) -> None:
        """Single sign-on and Directory Sync, with people who signed in and one the directory pushed."""
        house, services, slug, founder, things = self.house, self.house.services, self.slug, self.founder, self.things
        codes = await enable(house, founder, slug)
        for who in ("member", "second"):
            things[f"sso {who}"] = (await idp.sign_in(self.email(who))).token
        things["member_id"] = await self.member_id("member")
        for who in ("suspended", "databases"):
            await idp.sign_in(self.email(who))
            things[f"{who}_id"] = await self.member_id(who)
        await services.members.suspend(founder.caller, slug, things["suspended_id"])
        enabled = await services.directory.enable(founder.caller, slug)
        assert enabled.token is not None
        things["scim"] = enabled.token
        [token] = await services.directory.tokens(founder.caller, slug)
        directory = Caller(await services.authenticator.lookup.directory_token(enabled.token))
        user = await services.users.create(directory, user_document(self.email("pushed")))
        group = await services.groups.create(directory, {"displayName": "Pushed"}, GroupChange(added=(user.id,)))
        recovered = await services.recovery.recover(
            organization=slug, email=founder.email, recovery_code=codes[0], password=PASSWORD, token=None
        )
        await services.support_recovery.send(Caller(OPERATOR), slug, things["founder_id"], "Locked out.")
        link = [mail for mail in await house.mails() if mail.subject.startswith("Repair")][-1].text.split()[-1]
        request_id, relay_state = await idp.depart()
        arrived = await idp.arrive(idp.says(request_id, self.email("member")), relay_state)
        departed = await services.sign_in_start.start(slug, SignInWish(connection_id=idp.connection.id))
        request_id, relay_state = read_request(departed.message.url)
        finished = await idp.arrive(idp.says(request_id, self.email("member")), relay_state)
        things |= {
            "token_id": token.id,
            "user_id": user.id,
            "group_id": group.id,
            "team_id": group.id,
            "recovery": recovered.token,
            "recovery_code": codes[1],
            "recovery_link": link,
            "code": arrived.code or "",
            "browser_code": finished.code or "",
            "flow_cookie": departed.browser_secret,
        }


def _query(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query)[name][0]


def _actors(acme: _Company, bolts: _Company, stranger: Person) -> Iterable[Actor]:
    """Everybody who may call, each with what they are at home: the walk takes the rest from the table."""
    sso = bolts.things
    member = _PASSWORD | {Standing.MEMBER}
    administrator = member | {Standing.ADMINISTRATOR}
    yield Actor("anonymous", ACME, _OUTSIDE, refused=frozenset({"authentication_required", "invalid_token"}))
    yield Actor("member", ACME, member, acme.people["member"].token)
    yield Actor("administrator", ACME, administrator, acme.people["second"].token)
    databases = member | {Standing.DATABASE_ADMINISTRATOR}
    yield Actor("database administrator", ACME, databases, acme.people["databases"].token)
    suspended = frozenset({"membership_suspended", "forbidden"})
    yield Actor("suspended member", ACME, _PASSWORD, acme.people["suspended"].token, suspended)
    nowhere = frozenset({"organization_not_found", "forbidden"})
    yield Actor("invited person", ACME, _PASSWORD, stranger.token, nowhere)
    yield Actor("member of another organization", BOLTS, _PASSWORD, acme.people["member"].token, nowhere)
    yield Actor("administrator of another organization", BOLTS, _PASSWORD, acme.people["second"].token, nowhere)
    yield Actor("awaiting administrator", BOLTS, administrator, bolts.founder.token)
    needs_sso = frozenset({"sso_required", "forbidden"})
    yield Actor("member with a password session", BOLTS, _PASSWORD, bolts.people["member"].token, needs_sso)
    yield Actor("SSO session of a member", BOLTS, _SSO | {Standing.MEMBER}, sso["sso member"])
    yield Actor(
        "SSO session of an administrator", BOLTS, _SSO | {Standing.MEMBER, Standing.ADMINISTRATOR}, sso["sso second"]
    )
    yield Actor("SSO session of another organization", ACME, _SSO, sso["sso second"], nowhere)
    yield Actor("recovery session", BOLTS, _OUTSIDE | {Standing.RECOVERY}, sso["recovery"])
    yield Actor(
        "directory", BOLTS, _OUTSIDE | {Standing.DIRECTORY}, sso["scim"], frozenset({"invalid_token", "forbidden"})
    )
    service_member = _OUTSIDE | {Standing.SERVICE_MEMBER}
    service_administrator = service_member | {Standing.SERVICE_ADMINISTRATOR}
    for home in (acme, bolts):
        yield Actor(f"service account in {home.slug}", home.slug, service_member, home.things["service member"])
        robot, its = home.things["service administrator"], service_administrator
        if home is bolts:
            # The directory is on there, and it may speak for it (R48).
            its |= {Standing.DIRECTORY}
        yield Actor(f"administrating service account in {home.slug}", home.slug, its, robot)
    yield Actor(
        "service account of another organization", BOLTS, _OUTSIDE, acme.things["service administrator"], nowhere
    )
    yield Actor("operator", ACME, _OUTSIDE | {Standing.OPERATOR}, OPERATOR_TOKEN)
    for intent, standing in (
        (SetupIntent.SSO, Standing.SETUP_SSO),
        (SetupIntent.DIRECTORY, Standing.SETUP_DIRECTORY),
        (SetupIntent.DOMAIN, Standing.SETUP_DOMAIN),
    ):
        yield Actor(f"setup link for {intent}", ACME, _OUTSIDE | {standing}, acme.things[f"setup_{intent}"])


async def _idp_metadata(scope: Scope, receive: Receive, send: Send) -> None:
    """An identity provider that publishes its metadata at every path."""
    body = entity(entity_id="https://draft.test/metadata", keys=key(identity_provider("draft")))
    await Response(body, media_type="application/samlmetadata+xml")(scope, receive, send)


@contextlib.asynccontextmanager
async def open_world(database_url: str) -> AsyncGenerator[World]:
    """The world over a migrated, empty database, as long as the block lasts."""
    clock = StoppedClock()
    with running_dns() as dns, running_receiver() as receiver, serve(lambda _url: _idp_metadata) as idp_url:
        settings = settings_for(database_url).model_copy(update={"dns_resolvers": dns.resolver})
        built = bootstrap.build(settings, clock=clock)
        app = create_app()
        app.state.services, app.state.readiness, app.state.jobs = built.services, built.readiness, built.jobs
        world = World(House(built.services, settings, clock, built), app)
        try:
            companies: dict[str, _Company] = {}
            for slug in (ACME, BOLTS, COGS):
                founder = await world.house.person(f"founder@{slug}.test")
                company = _Company(world, slug, f"{idp_url}/metadata", receiver.url, founder)
                companies[slug] = company
                idp = await company.found()
                name = f"_ostiary-challenge.more.{slug}.test"
                dns.zone.set_txt(name, [company.things["pending_domain_txt"]])
                await (company.leave_sso_off() if slug == ACME else company.switch_sso_on(idp))
            bolts = companies[BOLTS]
            stranger = await world.house.person("invited@acme.test")
            for actor in _actors(companies[ACME], bolts, stranger):
                principal = await world.house.principal(actor.token or "")
                own = {"session_id": principal.id} if principal else {"session_id": ids.SESSION}
                world.actors[actor.name] = replace(actor, things=own)
            assert tuple(world.actors) == ACTORS
            yield world
        finally:
            await built.engine.dispose()
