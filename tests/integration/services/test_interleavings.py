"""Every pair of acts that could disturb one another ends as one after the other would have (R63).

One act is held before its commit, and in the long form before each of its statements, while the other comes by. What is
left, what both answered and what the audit events tell must be what some order of the two gives.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.messages import Pysaml2Messages
from ostiary.domain.directory import GroupChange
from ostiary.domain.directory_document import Document
from ostiary.domain.membership import Role
from ostiary.services.connections import ConnectionChange
from ostiary.services.context import Caller
from ostiary.services.directory import DirectoryChange
from ostiary.services.saml_ports import SpKeyPair
from tests.support.directory import user_document
from tests.support.house import House, open_house
from tests.support.interleaving import Hold, both, ending, holdable
from tests.support.race_world import Act, World, found, found_with_directory, found_with_sso, tell
from tests.support.sso import VERIFIER, connect
from tests.support.sso import enable as sso_on

# What acts are made of. Each is prepared in a world of its own and then carried out beside another.


def rest(by: str, service: str, method: str, *known: Any, **given: Any) -> Act:
    """A call of a service by somebody with a password session, about what the world knows by these names."""

    async def prepare(world: World) -> Callable[[], Awaitable[object]]:
        call = getattr(getattr(world.house.services, service), method)
        return partial(call, world.caller(by), world.slug, *(world.known.get(name, name) for name in known), **given)

    return prepare


def invite(name: str, by: str = "ada") -> Act:
    """Invite somebody of the domain."""

    async def prepare(world: World) -> Callable[[], Awaitable[object]]:
        create = world.house.services.invitations.create
        email = world.email(name)
        return partial(create, world.caller(by), world.slug, email=email, role=Role.MEMBER, team_ids=[])

    return prepare


async def accept(world: World) -> Callable[[], Awaitable[object]]:
    """Dee accepts the invitation."""
    return partial(world.house.services.invitations.accept, world.caller("dee"), world.token)


def arrive(name: str, internal_id: str | None = None) -> Act:
    """Come back from the identity provider."""

    async def prepare(world: World) -> Callable[[], Awaitable[object]]:
        request_id, relay_state = await world.idp.depart()
        return partial(world.idp.arrive, world.idp.says(request_id, world.email(name), internal_id), relay_state)

    return prepare


async def exchange(world: World) -> Callable[[], Awaitable[object]]:
    """Exchange the code that cy came back with."""
    if "code" not in world.known:
        request_id, relay_state = await world.idp.depart()
        arrived = await world.idp.arrive(world.idp.says(request_id, world.email("cy")), relay_state)
        world.known["code"] = arrived.code or ""
    return partial(world.house.services.sign_in_finish.exchange, world.known["code"], VERIFIER)


async def log_out(world: World) -> Callable[[], Awaitable[object]]:
    """The identity provider logs cy out."""
    message = world.idp.logout(world.email("cy"))
    return partial(world.house.services.logout.receive, world.idp.connection.id, message, None)


async def sign_out(world: World) -> Callable[[], Awaitable[object]]:
    """Cy signs out of a session made through the connection."""
    await world.idp.offer_logout(world.people["ada"])
    token = (await world.idp.sign_in(world.email("cy"))).token
    session = await world.house.services.authenticator.lookup.session(token)
    return partial(world.house.services.logout.sign_out, Caller(session))


def push(name: str, **attributes: Any) -> Act:
    """Provision somebody by SCIM."""

    async def prepare(world: World) -> Callable[[], Awaitable[object]]:
        return partial(world.house.services.users.create, world.scim, user_document(world.email(name), **attributes))

    return prepare


def scim(service: str, method: str, name: str, *further: Any, **revised: Any) -> Act:
    """A SCIM write about somebody or something that is known, its document revised."""

    async def prepare(world: World) -> Callable[[], Awaitable[object]]:
        call = getattr(getattr(world.house.services, service), method)
        if method == "delete":
            return partial(call, world.scim, world.known[name])

        def revise(document: Document) -> Document:
            return {**document, **revised}

        changes = (GroupChange(added=tuple(world.known[who] for who in further)),) if service == "groups" else ()
        return partial(call, world.scim, world.known[name], revise, *changes)

    return prepare


enable = rest("ada", "sso", "enable", acknowledge_untested=True)
disable = rest("ada", "sso", "disable", suspend_member_ids=[])
create_team = rest("bo", "teams", "create", "Platform")
join_team = rest("ada", "teams", "add_member", "data", "dee")
enable_directory = rest("ada", "directory", "enable")
disable_directory = rest("ada", "directory", "disable")
deactivate_ada, deactivate_bo = (scim("users", "change", who, active=False) for who in ("ada", "bo"))
deactivate_dee, delete_dee = scim("users", "change", "dee", active=False), scim("users", "delete", "dee")


async def disable_and_suspend_cy(world: World) -> Callable[[], Awaitable[object]]:
    """Disable SSO and suspend cy with it."""
    suspended = [world.known["cy"]]
    return partial(world.house.services.sso.disable, world.caller("ada"), world.slug, suspend_member_ids=suspended)


async def forget_domain(world: World) -> Callable[[], Awaitable[object]]:
    """Take the domain off the connection."""
    update, connection = world.house.services.connections.update, world.idp.connection
    return partial(update, world.caller("bo"), world.slug, connection.id, ConnectionChange(domain_ids=()))


async def delete_domain(world: World) -> Callable[[], Awaitable[object]]:
    """Delete the only domain."""
    [domain_id] = world.idp.connection.domain_ids
    return partial(world.house.services.domains.delete, world.caller("bo"), world.slug, domain_id)


async def deactivate_connection(world: World) -> Callable[[], Awaitable[object]]:
    """Switch the only connection off."""
    deactivate = world.house.services.connections.deactivate
    return partial(deactivate, world.caller("bo"), world.slug, world.idp.connection.id)


PASSWORDS: dict[str, tuple[Act, Act]] = {
    "enable-accept": (enable, accept),
    "enable-enable": (enable, rest("bo", "sso", "enable", acknowledge_untested=True)),
    "enable-invite": (enable, invite("fay", "bo")),
    "enable-create_team": (enable, create_team),
    "enable-join_team": (enable, rest("bo", "teams", "add_member", "data", "bo")),
    "enable-demote": (enable, rest("bo", "members", "set_role", "ada", Role.MEMBER)),
    "enable-grant": (enable, rest("bo", "databases", "grant_administrator", "orders", "bo")),
    "enable-forget_domain": (enable, forget_domain),
    "enable-delete_domain": (enable, delete_domain),
    "enable-deactivate_connection": (enable, deactivate_connection),
    "demote-demote": (
        rest("ada", "members", "set_role", "bo", Role.MEMBER),
        rest("bo", "members", "set_role", "ada", Role.MEMBER),
    ),
    "leave-leave": (rest("ada", "members", "remove", "ada"), rest("bo", "members", "remove", "bo")),
    "leave-suspend": (rest("ada", "members", "remove", "ada"), rest("ada", "members", "suspend", "bo")),
    "suspend-use": (rest("ada", "members", "suspend", "bo"), create_team),
    "revoke-accept": (rest("ada", "invitations", "revoke", "invitation"), accept),
    "revoke-revoke": (
        rest("ada", "invitations", "revoke", "invitation"),
        rest("bo", "invitations", "revoke", "invitation"),
    ),
    "invite-accept": (invite("dee"), accept),
    "invite-invite": (invite("fay"), invite("fay", "bo")),
    "accept-accept": (accept, accept),
    "delete_team-join_team": (
        rest("ada", "teams", "delete", "data"),
        rest("bo", "teams", "add_member", "data", "bo"),
    ),
    "delete_team-delete_team": (rest("ada", "teams", "delete", "data"), rest("bo", "teams", "delete", "data")),
    "delete_team-rename_team": (
        rest("ada", "teams", "delete", "data"),
        rest("bo", "teams", "rename", "data", "Analysis"),
    ),
    "delete_team-leave_team": (
        rest("ada", "teams", "delete", "data"),
        rest("bo", "teams", "remove_member", "data", "cy"),
    ),
    "rename_team-rename_team": (
        rest("ada", "teams", "rename", "data", "Science"),
        rest("bo", "teams", "rename", "data", "Analysis"),
    ),
    "create_team-create_team": (create_team, rest("ada", "teams", "create", "platform")),
    "delete_database-revoke_grant": (
        rest("ada", "databases", "delete", "orders"),
        rest("bo", "databases", "revoke_administrator", "orders", "cy"),
    ),
    "join_team-join_team": (
        rest("ada", "teams", "add_member", "data", "bo"),
        rest("bo", "teams", "add_member", "data", "bo"),
    ),
    "remove-join_team": (
        rest("ada", "members", "remove", "bo"),
        rest("ada", "teams", "add_member", "data", "bo"),
    ),
    "remove-grant": (
        rest("ada", "members", "remove", "cy"),
        rest("bo", "databases", "grant_administrator", "orders", "cy"),
    ),
    "remove-remove": (rest("ada", "members", "remove", "cy"), rest("bo", "members", "remove", "cy")),
    "remove-use": (rest("ada", "members", "remove", "cy"), rest("cy", "credentials", "revoke", "app")),
    "revoke_grant-use": (
        rest("ada", "databases", "revoke_administrator", "orders", "cy"),
        rest("cy", "credentials", "create", "orders", "mine"),
    ),
    "delete_database-delete_database": (
        rest("ada", "databases", "delete", "orders"),
        rest("bo", "databases", "delete", "orders"),
    ),
    "delete_database-grant": (
        rest("ada", "databases", "delete", "orders"),
        rest("bo", "databases", "grant_administrator", "orders", "bo"),
    ),
    "delete_database-create_credential": (
        rest("ada", "databases", "delete", "orders"),
        rest("bo", "credentials", "create", "orders", "late"),
    ),
    "delete_database-revoke_credential": (
        rest("ada", "databases", "delete", "orders"),
        rest("bo", "credentials", "revoke", "app"),
    ),
    "revoke_credential-revoke_credential": (
        rest("ada", "credentials", "revoke", "app"),
        rest("bo", "credentials", "revoke", "app"),
    ),
    "two_role_sources": (
        rest(
            "ada",
            "sso",
            "update",
            session_duration_seconds=None,
            manage_roles=True,
            role_attribute=None,
        ),
        rest("bo", "directory", "update", DirectoryChange(manage_roles=True)),
    ),
}

SSO: dict[str, tuple[Act, Act]] = {
    "disable-arrive": (disable, arrive("eve")),
    "disable-exchange": (disable, exchange),
    "disable-disable": (disable, rest("bo", "sso", "disable", suspend_member_ids=[])),
    "disable_and_suspend-remove": (disable_and_suspend_cy, rest("bo", "members", "remove", "cy")),
    "disable_and_suspend-arrive": (disable_and_suspend_cy, arrive("cy")),
    "arrive-arrive": (arrive("eve"), arrive("eve")),
    "arrive-arrive_under_another_address": (arrive("eve", "00u-eve"), arrive("fay", "00u-eve")),
    "arrive-arrive_with_another_id": (arrive("eve", "00u-eve"), arrive("eve", "00u-fay")),
    "remove-arrive": (rest("ada", "members", "remove", "cy"), arrive("cy")),
    "remove-exchange": (rest("ada", "members", "remove", "cy"), exchange),
    "suspend-arrive": (rest("ada", "members", "suspend", "cy"), arrive("cy")),
    "suspend-exchange": (rest("ada", "members", "suspend", "cy"), exchange),
    "unlink-arrive": (rest("ada", "members", "delete_identities", "cy"), arrive("cy")),
    "unlink-exchange": (rest("ada", "members", "delete_identities", "cy"), exchange),
    "exchange-exchange": (exchange, exchange),
    "log_out-exchange": (log_out, exchange),
    "log_out-arrive": (log_out, arrive("cy")),
    "log_out-sign_out": (log_out, sign_out),
    "log_out-disable": (log_out, disable),
    "log_out-remove": (log_out, rest("ada", "members", "remove", "cy")),
    "log_out-deactivate_connection": (log_out, deactivate_connection),
    "sign_out-disable": (sign_out, disable),
    "sign_out-suspend": (sign_out, rest("ada", "members", "suspend", "cy")),
    "require_sso-arrive": (rest("ada", "members", "require_sso", "bo"), arrive("bo")),
    "require_sso-use": (rest("ada", "members", "require_sso", "bo"), create_team),
    "demote-arrive": (rest("ada", "members", "set_role", "bo", Role.MEMBER), arrive("bo")),
    "enable_directory-arrive": (enable_directory, arrive("eve")),
    "enable_directory-create_team": (enable_directory, create_team),
    "enable_directory-join_team": (enable_directory, rest("bo", "teams", "add_member", "data", "bo")),
    "enable_directory-enable_directory": (enable_directory, rest("bo", "directory", "enable")),
    "enable_directory-disable": (enable_directory, rest("bo", "sso", "disable", suspend_member_ids=[])),
}

DIRECTORY: dict[str, tuple[Act, Act]] = {
    "push-push": (push("eve"), push("eve")),
    "push-arrive": (push("eve"), arrive("eve")),
    "push_of_a_member-remove": (push("bo"), rest("ada", "members", "remove", "bo")),
    "push_of_a_member-demote": (push("bo"), rest("ada", "members", "set_role", "bo", Role.MEMBER)),
    "deactivate-arrive": (deactivate_dee, arrive("dee")),
    "deactivate-exchange": (scim("users", "change", "cy", active=False), exchange),
    "deactivate-deactivate": (deactivate_dee, deactivate_dee),
    "deactivate-rename": (deactivate_dee, scim("users", "change", "dee", title="Engineer")),
    "delete-arrive": (delete_dee, arrive("dee")),
    "delete-delete": (delete_dee, delete_dee),
    "log_out-deactivate": (log_out, scim("users", "change", "cy", active=False)),
    "delete-exchange": (scim("users", "delete", "cy"), exchange),
    "delete-push": (delete_dee, push("dee")),
    "both_administrators_deactivated": (deactivate_ada, deactivate_bo),
    "deactivate_an_administrator-leave": (deactivate_ada, rest("bo", "members", "remove", "bo")),
    "deactivate_an_administrator-demote": (deactivate_ada, rest("ada", "members", "set_role", "bo", Role.MEMBER)),
    "delete_an_administrator-suspend": (
        scim("users", "delete", "ada"),
        rest("ada", "members", "suspend", "bo"),
    ),
    "disable_directory-push": (disable_directory, push("eve")),
    "disable_directory-deactivate": (disable_directory, deactivate_dee),
    "disable_directory-join_group": (disable_directory, scim("groups", "change", "group", "dee")),
    "disable_directory-create_team": (disable_directory, create_team),
    "disable_directory-disable": (disable_directory, rest("bo", "sso", "disable", suspend_member_ids=[])),
    "disable_directory-create_token": (disable_directory, rest("bo", "directory", "create_token")),
    "create_token-create_token": (
        rest("ada", "directory", "create_token"),
        rest("bo", "directory", "create_token"),
    ),
    "disable-push": (disable, push("eve")),
    "disable-arrive": (disable, arrive("dee")),
    "disable-deactivate": (disable, scim("users", "change", "cy", active=False)),
    "join_group-join_group": (scim("groups", "change", "group", "dee"), scim("groups", "change", "group", "dee")),
    "delete_group-join_group": (scim("groups", "delete", "group"), scim("groups", "change", "group", "dee")),
    "delete_group-delete_group": (scim("groups", "delete", "group"), scim("groups", "delete", "group")),
    "rename_group-rename_group": (
        scim("groups", "change", "group", displayName="Science"),
        scim("groups", "change", "group", displayName="Analysis"),
    ),
}

PAIRS = {
    f"{kind}-{name}": (make, *acts)
    for kind, make, pairs in (
        ("passwords", found, PASSWORDS),
        ("sso", found_with_sso, SSO),
        ("directory", found_with_directory, DIRECTORY),
    )
    for name, acts in pairs.items()
}


@pytest.fixture(scope="module")
async def sp_key() -> SpKeyPair:
    """A service provider's key; making one takes longer than all else that a world begins with."""
    return await Pysaml2Messages(BoundedThreads("saml")).new_key("Ostiary of the tests", datetime.now(UTC))


@pytest.fixture
async def house(database_url: str, sp_key: SpKeyPair, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[House]:
    async def same_key(*_: object) -> SpKeyPair:
        return sp_key

    monkeypatch.setattr(Pysaml2Messages, "new_key", same_key)
    async with open_house(database_url) as opened:
        with holdable():
            yield opened


async def prepared(house: House, pair: str) -> tuple[World, list[Callable[[], Awaitable[object]]]]:
    """A world, and the two acts that are about to meet in it."""
    make, first, second = PAIRS[pair]
    world = await make(house)
    acts = [await first(world), await second(world)]
    world.since = house.clock.now()
    return world, acts


async def orders(house: House, pair: str) -> list[Any]:
    """What is left when one act comes after the other, in either order."""
    left: list[Any] = []
    for turned in (False, True):
        world, acts = await prepared(house, pair)
        endings = [""] * 2
        for number in (1, 0) if turned else (0, 1):
            endings[number] = await ending(acts[number])
        left.append((tuple(endings), await tell(world)))
    return left


async def hold_one(house: House, pair: str, before: int | None, *, turned: bool) -> Any:
    """What is left when the other act comes by while one is held; None where it has no such moment."""
    world, acts = await prepared(house, pair)
    if turned:
        acts.reverse()
    endings = await both(house, acts[0], acts[1], Hold(before))
    if endings is None:
        return None
    return endings[::-1] if turned else endings, await tell(world)


# Every third in every run, all of them in the long one: they take as long as everything else about members.
_SAMPLED = [
    pair if number % 3 == 0 else pytest.param(pair, marks=pytest.mark.long) for number, pair in enumerate(PAIRS)
]


@pytest.mark.parametrize("pair", _SAMPLED)
async def test_R63_two_acts_at_once_end_as_one_after_the_other_would(house: House, pair: str) -> None:
    allowed = await orders(house, pair)
    for turned in (False, True):
        left = await hold_one(house, pair, None, turned=turned)
        explained = left is None or left in allowed
        assert explained, differing(left, allowed)


async def test_R32_R63_one_person_who_first_signs_in_to_two_organizations_at_once_is_one_account(house: House) -> None:
    acts: list[Callable[[], Awaitable[object]]] = []
    for slug, email in (("acme", "eve@shared.test"), ("beta", "fay@shared.test")):
        founder = await house.person(f"ada@{slug}.test")
        await house.organization(founder, slug)
        idp = await connect(house, founder, slug, domains=("shared.test",))
        await sso_on(house, founder, slug)
        request_id, relay_state = await idp.depart()
        acts.append(partial(idp.arrive, idp.says(request_id, email, "00u-eve"), relay_state))
    assert await both(house, acts[0], acts[1], Hold(None)) == ("done", "identity_conflict")
    assert await house.count("accounts", email="fay@shared.test") == 0


# In every run those that found something once.
_FOUND = {"passwords-delete_database-revoke_credential"}
_THOROUGH = [pair if pair in _FOUND else pytest.param(pair, marks=pytest.mark.long) for pair in PAIRS]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("pair", _THOROUGH)
async def test_R63_wherever_one_act_meets_the_other_some_order_explains_the_end(house: House, pair: str) -> None:
    allowed = await orders(house, pair)
    for turned in (False, True):
        before = 0
        while (left := await hold_one(house, pair, before, turned=turned)) is not None:
            explained = left in allowed
            assert explained, f"before statement {before}: {differing(left, allowed)}"
            before += 1
        assert before


def differing(left: Any, allowed: list[Any]) -> str:
    """In what the end differs from both orders."""
    lines = [f"\nanswered {left[0]}, in order {allowed[0][0]}, turned {allowed[1][0]}"]
    for what, found_rows in left[1].items():
        for order, (_, told) in zip(("in order", "turned"), allowed, strict=True):
            if found_rows != told[what]:
                lines.append(f"{what}: +{dict(found_rows - told[what])} -{dict(told[what] - found_rows)} ({order})")
    return "\n".join(lines)
