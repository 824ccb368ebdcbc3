"""Filters find exactly what an evaluator of RFC 7644 §3.4.2, written apart from them in Python, finds."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scim2_models import Context

from ostiary.api.scim import rendering
from ostiary.api.scim.documents import read_user
from ostiary.api.scim.quirks import filter_text, is_list, is_object
from ostiary.domain.directory import GroupChange
from ostiary.services.ports.provisioning import ListQuery
from tests.support.directory import ENTERPRISE, USER, directory_sync
from tests.support.house import open_house

Rendered = Mapping[str, Any]
Test = Callable[[Any], bool]

# Such that comparing them means the same in every collation; with what LIKE, JSON and SQL would take for their own.
WORDS = ("alpha", "Alpha", "BETA", "gamma ray", "a", "z9", "100%", "un_der", "back\\slash", 'quo"te', "it's", "$[*]")
SIMPLE = ("alpha", "Alpha", "BETA", "gamma", "a", "z9", "m")
ATTRIBUTES = ("title", "nickName", "name.familyName", "displayName", "badge", f"{ENTERPRISE}:department", "department")


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter's text, and what it says of a resource."""

    text: str
    holds: Test


def value_at(resource: Any, path: str) -> list[Any]:
    """All values at a path: none, one, or several."""
    if path == "department":
        path = f"{ENTERPRISE}:department"
    keys = [ENTERPRISE, path.removeprefix(f"{ENTERPRISE}:")] if path.startswith(ENTERPRISE) else path.split(".")
    found: list[Any] = [resource]
    for key in keys:
        inner = [holder[key] for holder in found if is_object(holder) and key in holder]
        found = [one for value in inner for one in (value if is_list(value) else [value])]
    return found


def compared(operator: str, wanted: str, *, exact: bool = False) -> Test:
    """Whether one value compares so."""

    def same_case(value: Any) -> str:
        return str(value) if exact else str(value).lower()

    tests: dict[str, Callable[[str, str], bool]] = {
        "eq": lambda value, other: value == other,
        "co": lambda value, other: other in value,
        "sw": str.startswith,
        "ew": str.endswith,
        "gt": lambda value, other: value > other,
        "ge": lambda value, other: value >= other,
        "lt": lambda value, other: value < other,
        "le": lambda value, other: value <= other,
    }
    return lambda value: tests[operator](same_case(value), same_case(wanted))


def comparison(path: str, operator: str, wanted: str, *, exact: bool = False) -> Filter:
    """A comparison of text."""
    test = compared("eq" if operator == "ne" else operator, wanted, exact=exact)

    def holds(resource: Any) -> bool:
        # RFC 7644 §3.4.2.2: of a complex attribute its value is compared.
        found = any(test(value) for value in value_at(resource, "emails.value" if path == "emails" else path))
        return not found if operator == "ne" else found

    return Filter(f"{path} {operator} {json.dumps(wanted)}", holds)


def present(path: str) -> Filter:
    """That there is a value."""
    return Filter(f"{path} pr", lambda resource: any(value not in ("", {}) for value in value_at(resource, path)))


def null(path: str, operator: str) -> Filter:
    """That there is none, or one."""
    there = present(path).holds
    return Filter(f"{path} {operator} null", there if operator == "ne" else lambda resource: not there(resource))


def truth(path: str, operator: str, spelt: str) -> Filter:
    """A comparison with a boolean."""
    wanted = spelt.strip('"').lower() == "true"

    def holds(resource: Any) -> bool:
        found = any(value is wanted for value in value_at(resource, path))
        return found if operator == "eq" else not found

    return Filter(f"{path} {operator} {spelt}", holds)


def moment(path: str, operator: str, at: datetime) -> Filter:
    """A comparison of times."""
    tests: dict[str, Callable[[datetime], bool]] = {
        "eq": lambda value: value == at,
        "ne": lambda value: value != at,
        "gt": lambda value: value > at,
        "ge": lambda value: value >= at,
        "lt": lambda value: value < at,
        "le": lambda value: value <= at,
    }
    return Filter(
        f'{path} {operator} "{at.isoformat()}"',
        lambda resource: tests[operator](datetime.fromisoformat(value_at(resource, path)[0])),
    )


def selected(path: str, inner: Filter) -> Filter:
    """A value path: one of several values fits as a whole."""
    return Filter(f"{path}[{inner.text}]", lambda resource: any(map(inner.holds, value_at(resource, path))))


def joined(first: Filter, word: str, second: Filter) -> Filter:
    """Both, or one of them."""
    if word.lower() == "and":
        return Filter(f"({first.text}) {word} ({second.text})", lambda one: first.holds(one) and second.holds(one))
    return Filter(f"({first.text}) {word} ({second.text})", lambda one: first.holds(one) or second.holds(one))


def unbracketed(first: Filter, second: Filter, third: Filter) -> Filter:
    """`and` binds closer than `or`."""
    return Filter(
        f"{first.text} or {second.text} and {third.text}",
        lambda one: first.holds(one) or (second.holds(one) and third.holds(one)),
    )


def negated(inner: Filter) -> Filter:
    """The opposite."""
    return Filter(f"not ({inner.text})", lambda one: not inner.holds(one))


def filters(moments: list[datetime]) -> st.SearchStrategy[Filter]:
    """Every operator on every kind of attribute, grouped, joined, negated, and inside brackets."""
    equal, order = st.sampled_from(["eq", "ne"]), st.sampled_from(["gt", "ge", "lt", "le"])
    part = st.sampled_from(["eq", "ne", "co", "sw", "ew"])
    paths = st.sampled_from([*ATTRIBUTES, "emails.value", "emails", "emails.type", "groups.display", "groups"])
    words = st.sampled_from(WORDS)
    booleans = st.sampled_from(["true", "false", '"True"', "False"])
    inner = st.one_of(
        st.builds(comparison, st.sampled_from(["value", "type"]), part, words),
        st.builds(truth, st.just("primary"), equal, booleans),
        st.builds(present, st.sampled_from(["value", "type", "primary"])),
    )
    inner = st.recursive(
        inner,
        lambda one: st.one_of(st.builds(joined, one, st.sampled_from(["and", "or"]), one), st.builds(negated, one)),
        max_leaves=3,
    )
    simple = st.one_of(
        st.builds(comparison, paths.filter(lambda path: path != "groups"), part, words),
        st.builds(comparison, st.sampled_from([*ATTRIBUTES[:3], "userName"]), order, st.sampled_from(SIMPLE)),
        st.builds(comparison, st.just("userName"), part, st.sampled_from(["user1", "USER2", "r3", "ada@acme.test"])),
        st.builds(comparison, st.just("externalId"), part, words, exact=st.just(value=True)),
        st.builds(present, st.one_of(paths, st.sampled_from(["externalId", "name", "userName", "active"]))),
        st.builds(null, st.sampled_from([*ATTRIBUTES, "externalId"]), equal),
        st.builds(truth, st.just("active"), equal, booleans),
        st.builds(
            moment,
            st.just("meta.created"),
            st.one_of(equal, order),
            st.sampled_from(moments),
        ),
        st.builds(selected, st.just("emails"), inner),
        st.builds(selected, st.just("groups"), st.builds(comparison, st.just("display"), part, words)),
    )
    return st.recursive(
        simple,
        lambda one: st.one_of(
            st.builds(joined, one, st.sampled_from(["and", "or", "AND", "Or"]), one),
            st.builds(unbracketed, simple, simple, simple),
            st.builds(negated, one),
        ),
        max_leaves=6,
    )


def person(chance: random.Random, number: int) -> dict[str, Any]:
    """A user with some attributes."""
    made: dict[str, Any] = {"schemas": [USER], "userName": f"user{number}", "active": chance.random() < 0.7}
    for name in ("title", "nickName", "displayName", "badge", "externalId"):
        if chance.random() < 0.5:
            made[name] = chance.choice(WORDS if name not in ("title", "nickName") else SIMPLE)
    if chance.random() < 0.5:
        made["name"] = {"familyName": chance.choice(SIMPLE)}
    if chance.random() < 0.5:
        made[ENTERPRISE] = {"department": chance.choice(WORDS)}
    made["emails"] = [
        {
            "value": chance.choice(WORDS),
            **({"type": chance.choice(["work", "home", "alpha"])} if chance.random() < 0.7 else {}),
            **({"primary": chance.random() < 0.5} if chance.random() < 0.7 else {}),
        }
        for _ in range(chance.randrange(4))
    ]
    primary = [entry for entry in made["emails"] if entry.get("primary")]
    for entry in primary[1:]:
        entry["primary"] = False
    return made


def drawn(strategy: st.SearchStrategy[Filter], examples: int) -> list[Filter]:
    """As many examples: they are tried on one population, which is in the database."""
    found: list[Filter] = []

    @settings(
        max_examples=examples,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(strategy)
    def draw(one: Filter) -> None:
        found.append(one)

    draw()
    return found


@pytest.mark.parametrize(
    ("seed", "examples"),
    [(1, 120), pytest.param(None, 20_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
async def test_filters_find_whom_an_evaluator_finds(database_url: str, seed: int | None, examples: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    async with open_house(database_url) as house:
        await house.organization(await house.person("ada@acme.test"))
        sync = await directory_sync(house)
        users, groups = house.services.users, house.services.groups
        people = [read_user(person(chance, number), Context.RESOURCE_CREATION_REQUEST) for number in range(40)]
        made = [await users.create(sync.caller, document) for document in people]
        for name in ("alpha", "100%"):
            members = tuple(user.id for user in chance.sample(made, 8))
            await groups.create(sync.caller, {"displayName": name}, GroupChange(added=members))
        found = (await users.list(sync.caller, ListQuery(count=200))).items
        # As they are sent: moments are texts there.
        everybody = {
            user.id: json.loads(bytes(rendering.answer(rendering.user(user, "http://ostiary.test")).body))
            for user in found
        }
        moments = [user.created_at + shift for user in made[::8] for shift in (timedelta(), timedelta(microseconds=1))]

        matched = 0
        for one in drawn(filters(moments), examples):
            answer = await users.list(sync.caller, ListQuery(filter=filter_text(one.text), count=200, joined=False))
            expected = {user_id for user_id, rendered in everybody.items() if one.holds(rendered)}
            assert {user.id for user in answer.items} == expected, one.text
            assert answer.total == len(expected), one.text
            matched += 0 < len(expected) < len(everybody)
    # They are about something: most find some and not all.
    assert matched > examples / 3
