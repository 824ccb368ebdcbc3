"""Users created in a row share a transaction; nobody can tell it from each having one of its own."""

import random
import re
from collections.abc import Sequence
from typing import Any

import httpx2
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import Row, text

from ostiary.api.scim import bulk
from ostiary.domain import ids
from ostiary.domain.directory import UnknownAttributes
from ostiary.services.context import Caller
from ostiary.services.ports.provisioning import StoredUser
from ostiary.services.provisioning_users import Creation, UserProvisioningService
from tests.e2e.scim.conftest import scim_client
from tests.support.directory import (
    ENTERPRISE,
    DirectorySync,
    bulk_of,
    directory_sync,
    group_document,
    patch_of,
    post_of,
    statements,
    user_document,
)
from tests.support.house import House, Person

_NAMES = [f"{name}@acme.test" for name in ("bo", "cy", "dora", "eve", "finn", "gus", "hal", "ida", "jo", "kim")]
_EVENTS = "(SELECT * FROM audit_events WHERE action ~ '^(member|directory_user|team)[.]') AS events"
# In each table what must be the same; ids, times and durations cannot be.
_LOOKS = {
    "directory_users": "user_name, external_id, email, display_name, active, role_value, document, version",
    "members": "email, name, role, status, managed_by, membership_source, membership_by, role_source, role_by",
    _EVENTS: "action, actor_kind, actor_id, target_kind, target_id, before, after, request_id IS NULL",
    "directory_requests": (
        "method, path, status, scim_type, detail, resource_type, resource_id, body::text, quirks, unknown_attributes"
    ),
    "webhook_deliveries": "status",
    "directory_group_members": "group_id, member_id",
    "directory_group_reservations": "group_id, value",
    "team_members": "team_id, member_id",
}


def _user(chance: random.Random, number: int) -> dict[str, Any]:
    """Mostly somebody new; now and then somebody known, refused, or of whom more than a membership comes."""
    name = chance.choice(_NAMES) if chance.random() < 0.08 else f"new{number}@acme.test"
    document = user_document(name, externalId=f"00u{number}")
    oddities: list[dict[str, Any]] = [
        {"userName": ""},
        {"active": False},
        {"active": "True"},
        {"externalId": "reserved"},
        {"userName": name.upper()},
        {"userName": f"Žofie{number}@acme.test"},
        {"emails": [{"value": "ada@acme.test", "primary": True}]},
        {"shoeSize": 44},
        {ENTERPRISE: {"manager": {"value": f"bulkId:{chance.randrange(number + 2)}"}}},
        {"roles": [{"value": "administrator", "primary": True}]},
    ]
    if chance.random() < 0.25:
        document |= chance.choice(oddities)
    return document


def _operations(chance: random.Random) -> list[dict[str, Any]]:
    operations: list[dict[str, Any]] = []
    for number in range(60):
        match chance.randrange(40):
            case 0:
                data = patch_of({"op": "replace", "path": "active", "value": False})
                path = f"/Users/bulkId:{chance.randrange(number + 1)}"
                operations.append({"method": "PATCH", "path": path, "data": data})
            case 1:
                group = group_document(
                    f"Group {number}", f"bulkId:{chance.randrange(60)}", f"new{number + 3}@acme.test"
                )
                operations.append(post_of(group, str(number), "/Groups"))
            case _:
                operations.append(post_of(_user(chance, number), str(number)))
    return operations


async def _world(house: House, slug: str, ada: Person, seed: int) -> DirectorySync:
    await house.organization(ada, slug)
    await house.services.webhooks.create(
        ada.caller, slug, url="http://127.0.0.1:9/in", event_types=["member.joined", "member.suspended"]
    )
    settings: dict[str, Any] = {"manage_roles": True, "role_attribute": "roles"} if seed % 2 else {}
    if seed % 3 == 2:
        settings["unknown_attributes"] = UnknownAttributes.STRICT
    return await directory_sync(house, slug, **settings)


async def _carried_out(app: FastAPI, sync: DirectorySync, body: dict[str, Any]) -> Any:
    async with scim_client(app, sync) as scim:
        for name in _NAMES[:3]:
            assert (await scim.post("/Users", json=user_document(name))).status_code == 201
        group = await scim.post("/Groups", json=group_document("Waiting", "reserved", "new7@acme.test"))
        assert group.status_code == 201, group.text
        answer = await scim.post("/Bulk", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["Operations"]


async def _left(house: House, sync: DirectorySync, answers: Any) -> dict[str, list[str]]:
    """The answers and the rows of an organization, with a name in place of each id."""
    async with house.uow() as uow:

        async def rows(statement: str) -> Sequence[Row[Any]]:
            return (
                await uow._transaction.execute(
                    text(statement), {"of": ids.decode(ids.ORGANIZATION, sync.organization_id)}
                )
            ).all()

        named = await rows(
            "SELECT id, 'user ' || user_name AS called FROM directory_users WHERE organization_id = :of UNION ALL "
            "SELECT id, 'team ' || display_name FROM directory_groups WHERE organization_id = :of UNION ALL "
            "SELECT id, 'member ' || email FROM members WHERE organization_id = :of AND managed_by <> 'directory'"
        )
        known = {sync.directory.id: "DIRECTORY", sync.slug: "SLUG"}
        for row in named:
            known[str(row.id)] = row.called
            known |= {ids.encode(kind, row.id): row.called for kind in (ids.MEMBER, ids.TEAM)}
        found = {
            table: [
                str([str(value) for value in row])
                for row in await rows(f"SELECT {columns} FROM {table} WHERE organization_id = :of")
            ]
            for table, columns in _LOOKS.items()
        }
    found["answers"] = [orjson.dumps(answer, option=orjson.OPT_SORT_KEYS).decode() for answer in answers]
    pattern = re.compile("|".join(map(re.escape, known)))
    return {
        name: sorted(pattern.sub(lambda match: known[match.group()], said) for said in each)
        for name, each in found.items()
    }


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many users each run made that was carried out at once."""
    made: list[int] = []
    create_each = UserProvisioningService.create_each

    async def noting(
        self: UserProvisioningService, caller: Caller, creations: Sequence[Creation]
    ) -> tuple[StoredUser, ...] | None:
        users = await create_each(self, caller, creations)
        made.extend([] if users is None else [len(users)])
        return users

    monkeypatch.setattr(UserProvisioningService, "create_each", noting)
    return made


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_created_together_is_what_would_be_created_one_by_one(
    app: FastAPI, house: House, monkeypatch: pytest.MonkeyPatch, together: list[int], seed: int
) -> None:
    ada, body = await house.person("ada@acme.test"), bulk_of(*_operations(random.Random(seed)))  # noqa: S311 - chance, not secrets
    if seed == 2:
        body["failOnErrors"] = 6
    left: list[dict[str, list[str]]] = []
    made: list[int] = []
    for slug, longest in (("together", 8), ("singly", 1)):
        sync = await _world(house, slug, ada, seed)
        monkeypatch.setattr(bulk, "_LONGEST", longest)
        answers = await _carried_out(app, sync, body)
        left.append(await _left(house, sync, answers))
        made.append(sum(together))
        together.clear()

    for name, rows in left[1].items():
        assert left[0][name] == rows, name
    assert made[0] >= 4
    assert made[1] == 0
    assert left[0]["webhook_deliveries"]


async def test_a_hundred_users_take_as_many_statements_as_ten(sync: DirectorySync) -> None:
    async def created(begin: int, end: int) -> int:
        creations = [Creation(user_document(f"u{one}@acme.test"), None) for one in range(begin, end)]
        with statements(sync.house) as ran:
            made = await sync.house.services.users.create_each(sync.caller, creations)
        assert made is not None
        assert len(made) == end - begin
        return len(ran)

    await created(0, 10)
    few = await created(10, 20)
    many = await created(20, 120)

    # Organization, directory, a look at who is known, users, members, events, webhooks, the request log.
    assert few == many == 8


async def test_users_known_already_are_refused_each_by_itself(scim: httpx2.AsyncClient) -> None:
    known = await scim.post("/Users", json=user_document("u3@acme.test"))
    assert known.status_code == 201
    body = bulk_of(*(post_of(user_document(f"u{one}@acme.test"), str(one)) for one in range(12)))

    results = (await scim.post("/Bulk", json=body)).json()["Operations"]

    assert [result["status"] for result in results] == ["201"] * 3 + ["409"] + ["201"] * 8
    assert results[3]["response"]["scimType"] == "uniqueness"
