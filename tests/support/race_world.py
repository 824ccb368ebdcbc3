"""Small organizations for two acts to meet in, and all that can be told of one afterwards."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import TypeAlias

from sqlalchemy import text

from ostiary.domain import ids
from ostiary.domain.directory import GroupChange
from ostiary.domain.membership import Role
from ostiary.services.context import Caller
from tests.support.directory import user_document
from tests.support.house import House, Person
from tests.support.sso import Idp, connect

_numbers = count(1)
_ID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{26}\b")


@dataclass(slots=True)
class World:
    """An organization of ada and bo, who administer it, and cy, a member.

    There are the team Data, with cy in it, the database orders, which cy administers, with a credential, and an
    invitation of dee, who has an account.
    """

    house: House
    slug: str
    people: dict[str, Person] = field(default_factory=dict[str, Person])
    known: dict[str, str] = field(default_factory=dict[str, str])
    token: str = ""
    # Since when events are told.
    since: datetime | None = None
    idp: Idp = field(init=False)
    scim: Caller = field(init=False)

    def email(self, name: str) -> str:
        """The address of somebody in the organization's domain."""
        return f"{name}@{self.slug}.test"

    def caller(self, name: str) -> Caller:
        """Their password session."""
        return self.people[name].caller


Act: TypeAlias = Callable[[World], Awaitable[Callable[[], Awaitable[object]]]]


async def found(house: House) -> World:
    """A new organization, without SSO; its connection is active and untested."""
    world = World(house, f"race-{next(_numbers)}")
    services, slug = house.services, world.slug
    for name in ("ada", "bo", "cy", "dee"):
        world.people[name] = await house.person(world.email(name))
    ada = world.people["ada"]
    await house.organization(ada, slug)
    for name, role in (("bo", Role.ADMINISTRATOR), ("cy", Role.MEMBER)):
        await _invite(world, name, role)
        await services.invitations.accept(world.caller(name), await house.invitation_token(world.email(name)))
    for name in ("ada", "bo", "cy"):
        world.known[name] = (await house.member(world.people[name], slug)).id
    team = await services.teams.create(ada.caller, slug, "Data")
    await services.teams.add_member(ada.caller, slug, team.id, world.known["cy"])
    database = await services.databases.create(ada.caller, slug, name="orders")
    await services.databases.grant_administrator(ada.caller, slug, database.id, world.known["cy"])
    credential = await services.credentials.create(ada.caller, slug, database.id, "app")
    world.idp = await connect(house, ada, slug, domains=(f"{slug}.test",))
    world.known |= {"data": team.id, "orders": database.id, "app": credential.credential.id}
    world.known["invitation"] = await _invite(world, "dee", Role.MEMBER)
    world.token = await house.invitation_token(world.email("dee"))
    return world


async def found_with_sso(house: House) -> World:
    """The same with SSO on, and cy back by signing in; ada and bo await their first SSO sign-in."""
    world = await found(house)
    await house.services.sso.enable(world.caller("ada"), world.slug, acknowledge_untested=True)
    await world.idp.sign_in(world.email("cy"))
    world.known["cy"] = (await house.member(world.people["cy"], world.slug)).id
    return world


async def found_with_directory(house: House) -> World:
    """The same with Directory Sync on; dee is provisioned, and so is the group Data with cy in it, taken over so."""
    world = await found_with_sso(house)
    enabled = await house.services.directory.enable(world.caller("ada"), world.slug)
    assert enabled.token is not None
    world.scim = Caller(await house.services.authenticator.lookup.directory_token(enabled.token), "a-request")
    for name in ("cy", "dee"):
        user = await house.services.users.create(world.scim, user_document(world.email(name), externalId=f"ext-{name}"))
        world.known[name] = user.id
    group = await house.services.groups.create(
        world.scim, {"displayName": "Data"}, GroupChange(added=(world.known["cy"],))
    )
    world.known["group"] = group.id
    return world


async def _invite(world: World, name: str, role: Role) -> str:
    invitation = await world.house.services.invitations.create(
        world.caller("ada"), world.slug, email=world.email(name), role=role, team_ids=[]
    )
    return invitation.id


_TOLD = {
    "organization": "SELECT sso_enabled, manage_roles_via_sso FROM organizations WHERE id = :org",
    "members": """SELECT m.email, role, status, managed_by, awaiting_first_sso_sign_in, a.email, m.name
        FROM members m LEFT JOIN accounts a ON a.id = account_id WHERE organization_id = :org""",
    "teams": """SELECT t.name, t.managed_by, array(SELECT m.email FROM team_members tm
        JOIN members m ON m.id = tm.member_id WHERE tm.team_id = t.id ORDER BY 1)
        FROM teams t WHERE organization_id = :org""",
    "databases": """SELECT d.name, array(SELECT m.email FROM database_administrators da
        JOIN members m ON m.id = da.member_id WHERE da.database_id = d.id ORDER BY 1)
        FROM databases d WHERE organization_id = :org""",
    "credentials": "SELECT name, revoked_at IS NULL FROM credentials WHERE organization_id = :org",
    "invitations": "SELECT email, role, status FROM invitations WHERE organization_id = :org",
    "sessions": """SELECT s.kind, a.email FROM sessions s JOIN accounts a ON a.id = s.account_id
        WHERE organization_id = :org""",
    "codes": """SELECT a.email, session_id IS NOT NULL FROM one_time_codes c JOIN accounts a ON a.id = c.account_id
        WHERE organization_id = :org""",
    "links": """SELECT internal_id, a.email, removed_at IS NULL FROM identities i JOIN accounts a ON a.id = i.account_id
        WHERE organization_id = :org""",
    "accounts": "SELECT email, password_hash IS NOT NULL FROM accounts WHERE email LIKE :domain",
    "connections": "SELECT status FROM connections WHERE organization_id = :org",
    "domains": "SELECT name, status FROM domains WHERE organization_id = :org",
    "directory": "SELECT enabled, manage_roles FROM directories WHERE organization_id = :org",
    "tokens": "SELECT revoked_at IS NULL FROM directory_tokens WHERE organization_id = :org",
    "users": "SELECT user_name, active, version FROM directory_users WHERE organization_id = :org",
    "groups": """SELECT g.display_name, g.version, array(SELECT u.user_name FROM directory_group_members gm
        JOIN directory_users u ON u.id = gm.member_id WHERE gm.group_id = g.id ORDER BY 1)
        FROM directory_groups g WHERE organization_id = :org""",
    "places": "SELECT value FROM directory_group_reservations WHERE organization_id = :org",
    # What each event says (R60); with whom, since ids differ from one organization to the next.
    "events": """SELECT action, actor_label, target_kind, before::text, after::text
        FROM audit_events WHERE organization_id = :org AND at >= :since""",
}


async def tell(world: World) -> dict[str, Counter[str]]:
    """Everything that is so in the organization, in words that are the same in any other that went the same way."""
    labels = {known: name for name, known in world.known.items()}

    def words(row: tuple[object, ...]) -> str:
        said = _ID.sub(lambda found: labels.get(found[0], found[1]), repr(row))
        return said.replace(world.slug, "acme")

    async with world.house.uow() as uow:
        organization = await uow.organizations.get(world.slug)
        assert organization is not None
        parameters = {
            "org": ids.decode(ids.ORGANIZATION, organization.id),
            "domain": f"%@{world.slug}.test",
            "since": world.since,
        }
        told: dict[str, Counter[str]] = {}
        for what, statement in _TOLD.items():
            clause = text(statement)
            rows = await uow._transaction.execute(clause, {name: parameters[name] for name in clause._bindparams})
            told[what] = Counter(words(tuple(row)) for row in rows)
    return told
