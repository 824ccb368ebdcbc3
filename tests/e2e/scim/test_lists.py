"""Lists in any order, by index or by cursor, asked for by GET or by a search; and all kinds together at the root."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.e2e.scim.conftest import scim_client
from tests.support.directory import ENTERPRISE, DirectorySync, directory_sync, group_document, user_document
from tests.support.house import House

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
PEOPLE: list[dict[str, Any]] = [
    user_document("dora@acme.test", title="Lead", externalId="b", nickName="z"),
    user_document("Bo@acme.test", title="analyst", externalId="A", active=False),
    user_document(
        "cy@acme.test",
        title="Zoologist",
        externalId="a",
        emails=[{"value": "zz@acme.test"}, {"value": "aa@acme.test", "primary": True}],
        **{ENTERPRISE: {"department": "QA"}},
    ),
    user_document("eve@acme.test", name={"familyName": "Aaronson"}, emails=[], **{ENTERPRISE: {"department": "Art"}}),
]


@pytest.fixture
async def people(scim: httpx2.AsyncClient, house: House) -> list[str]:
    """Four pushed users beside ada, whom no directory knows; and two groups."""
    for person in PEOPLE:
        created = await scim.post("/Users", json=person)
        assert created.status_code == 201, created.text
        house.clock.turn(timedelta(seconds=1))
    for name in ("Zoo", "Crew"):
        assert (await scim.post("/Groups", json=group_document(name))).status_code == 201
    return ["ada", "dora", "bo", "cy", "eve"]


def names(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [
        (found.get("userName") or found["displayName"]).partition("@")[0].lower()
        for found in answer.json()["Resources"]
    ]


ORDERS = [
    ("userName", ["ada", "bo", "cy", "dora", "eve"]),
    ("USERNAME", ["ada", "bo", "cy", "dora", "eve"]),
    ("urn:ietf:params:scim:schemas:core:2.0:User:userName", ["ada", "bo", "cy", "dora", "eve"]),
    ("id", ["ada", "dora", "bo", "cy", "eve"]),
    ("active", ["bo", "ada", "dora", "cy", "eve"]),
    ("meta.created", ["ada", "dora", "bo", "cy", "eve"]),
    ("meta.lastModified", ["ada", "dora", "bo", "cy", "eve"]),
    ("title", ["bo", "dora", "cy", "ada", "eve"]),
    ("name.familyName", ["eve", "dora", "bo", "cy", "ada"]),
    ("emails", ["cy", "ada", "bo", "dora", "eve"]),
    ("emails.value", ["cy", "ada", "bo", "dora", "eve"]),
    (f"{ENTERPRISE}:department", ["eve", "cy", "ada", "dora", "bo"]),
    ("department", ["eve", "cy", "ada", "dora", "bo"]),
]


@pytest.mark.parametrize(("by", "order"), ORDERS)
async def test_users_are_sorted_and_paged_by_index_and_by_cursor_alike(
    scim: httpx2.AsyncClient, people: list[str], by: str, order: list[str]
) -> None:
    assert sorted(order) == sorted(people)
    assert names(await scim.get("/Users", params={"sortBy": by})) == order
    assert names(await scim.get("/Users", params={"sortBy": by, "startIndex": 2, "count": 2})) == order[1:3]
    assert await walk(scim, {"sortBy": by, "count": 2}) == order
    downwards = await walk(scim, {"sortBy": by, "sortOrder": "descending", "count": 2})
    assert downwards == names(await scim.get("/Users", params={"sortBy": by, "sortOrder": "descending"}))
    # Equal ones stay in the order of their ids both ways.
    values = [order[0], order[-1]]
    assert downwards.index(values[0]) > downwards.index(values[1])


async def walk(scim: httpx2.AsyncClient, query: dict[str, Any], path: str = "/Users") -> list[str]:
    """All pages by cursor."""
    found: list[str] = []
    cursor = ""
    for _ in range(50):
        answer = await scim.get(path, params={**query, "cursor": cursor})
        found += names(answer)
        body = answer.json()
        assert "startIndex" not in body
        assert body["itemsPerPage"] == len(body["Resources"]) <= query["count"]
        if "nextCursor" not in body:
            return found
        cursor = body["nextCursor"]
        assert cursor.isascii()
        assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    raise AssertionError("the pages never end")


@pytest.mark.parametrize(
    ("by", "detail"),
    [
        ("shoeSize", "shoeSize"),
        ("name", "sub-attributes"),
        ("emails[type eq", ""),
        ('emails[type eq "work"].value', ""),
        ("groups", "joined"),
        ("password", ""),
        ("x509Certificates.value", ""),
        ("meta.version", "meta.created"),
    ],
)
async def test_what_cannot_be_sorted_by_is_refused(scim: httpx2.AsyncClient, by: str, detail: str) -> None:
    answer = await scim.get("/Users", params={"sortBy": by})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidPath"), answer.text
    assert detail in answer.json()["detail"]


@pytest.mark.usefixtures("people")
async def test_a_page_by_cursor_misses_and_repeats_nobody_who_was_there(scim: httpx2.AsyncClient) -> None:
    for query in ({"count": 2}, {"count": 2, "sortBy": "userName"}):
        first = await scim.get("/Users", params={**query, "cursor": ""})
        before = names(first)
        assert first.json()["totalResults"] == len(await walk(scim, query))
        gone = first.json()["Resources"][1]
        if gone["userName"] != "ada@acme.test":
            assert (await scim.delete(f"/Users/{gone['id']}")).status_code == 204
        await scim.post("/Users", json=user_document(f"a{query.get('sortBy', '')}-first@acme.test"))

        rest = await scim.get("/Users", params={**query, "cursor": first.json()["nextCursor"], "count": 100})

        assert not set(before) & set(names(rest))
        everybody = set(names(await scim.get("/Users")))
        assert everybody - set(before) - set(names(rest)) <= {"auserName-first".lower()}


async def test_a_cursor_serves_its_own_list_for_a_day(
    app: FastAPI, scim: httpx2.AsyncClient, house: House, people: list[str]
) -> None:
    answer = await scim.get("/Users", params={"cursor": "", "count": 2, "filter": "userName pr"})
    cursor = answer.json()["nextCursor"]
    again = {"cursor": cursor, "filter": "userName pr", "count": 3}
    assert names(await scim.get("/Users", params=again)) == people[2:]
    eve = await house.person("eve@other.test")
    await house.organization(eve, "other")
    async with scim_client(app, await directory_sync(house, "other")) as stranger:
        assert (await stranger.get("/Users", params=again)).json()["scimType"] == "invalidCursor"
    hostile = base64.urlsafe_b64decode(cursor + "==").decode()
    forged = [
        base64.urlsafe_b64encode(json.dumps([*json.loads(hostile)[:2], *rest]).encode()).decode().rstrip("=")
        for rest in (["nonsense", None], [3, None], ["x"], ["0" * 32, 5], ["0" * 32, "\0"])
    ]
    for query in (
        {"cursor": cursor},
        {**again, "sortBy": "userName"},
        {**again, "sortBy": "userName", "sortOrder": "descending"},
        *({**again, "cursor": text} for text in ("nonsense", "é", "W10", "e30", *forged)),
    ):
        refused = await scim.get("/Users", params=query)
        assert (refused.status_code, refused.json().get("scimType")) == (400, "invalidCursor"), (query, refused.text)
    for path in ("/Groups", "/"):
        assert (await scim.get(path, params=again)).json()["scimType"] == "invalidCursor"
    house.clock.turn(timedelta(days=1, seconds=1))
    assert (await scim.get("/Users", params=again)).json()["scimType"] == "expiredCursor"


@pytest.mark.parametrize(
    ("query", "scim_type"),
    [
        ({"cursor": "", "count": "many"}, "invalidCount"),
        ({"cursor": "", "count": "-1"}, "invalidCount"),
        ({"cursor": "", "startIndex": "1"}, "invalidValue"),
        ({"count": "many"}, "invalidSyntax"),
        ({"count": "9" * 5000}, "invalidSyntax"),
        ({"sortBy": "userName", "sortOrder": "sideways"}, "invalidValue"),
        ({"filter": 'userName eq "a\0"'}, "invalidFilter"),
        ({"filter": "x" * 9000}, "invalidFilter"),
        ({"attributes": "a" * 5000}, "invalidValue"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(
    scim: httpx2.AsyncClient, query: dict[str, str], scim_type: str
) -> None:
    answer = await scim.get("/Users", params=query)

    assert (answer.status_code, answer.json()["scimType"]) == (400, scim_type), answer.text


@pytest.mark.usefixtures("people")
async def test_a_search_answers_what_get_answers(scim: httpx2.AsyncClient) -> None:
    query = {
        "filter": 'userName co "acme"',
        "sortBy": "userName",
        "sortOrder": "descending",
        "startIndex": 2,
        "count": 2,
        "attributes": "userName,name.familyName",
    }
    got = await scim.get("/Users", params=query)

    searched = await scim.post(
        "/Users/.search", json={"schemas": [SEARCH], **query, "attributes": ["userName", "name.familyName"]}
    )

    assert searched.status_code == 200, searched.text
    assert searched.headers["content-type"] == "application/scim+json"
    assert searched.json() == got.json()
    assert names(searched) == ["dora", "cy"]
    paged = await scim.post("/Users/.search", json={"schemas": [SEARCH], "cursor": "", "count": 1})
    nextly = await scim.post("/Users/.search", json={"cursor": paged.json()["nextCursor"], "count": 9})
    assert names(paged) + names(nextly) == ["ada", "dora", "bo", "cy", "eve"]
    groups = await scim.post("/Groups/.search", json={"sortBy": "displayName", "excludedAttributes": ["meta"]})
    assert names(groups) == ["crew", "zoo"]
    assert "meta" not in groups.json()["Resources"][0]
    for body, scim_type in (
        ({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}, "invalidSyntax"),
        ({"filter": 5}, "invalidSyntax"),
        ({"startIndex": 1.5}, "invalidSyntax"),
        ({"count": True}, "invalidSyntax"),
        ({"sortBy": ["userName"]}, "invalidSyntax"),
        ({"attributes": ["userName"], "excludedAttributes": ["id"]}, "invalidValue"),
        ({"filter": "userName near"}, "invalidFilter"),
    ):
        refused = await scim.post("/Users/.search", json=body)
        assert (refused.status_code, refused.json()["scimType"]) == (400, scim_type), refused.text


@pytest.mark.usefixtures("people")
async def test_the_root_lists_all_kinds_in_one_order(scim: httpx2.AsyncClient) -> None:
    created = ["ada", "dora", "bo", "cy", "eve", "zoo", "crew"]
    for ask in (scim.get("/"), scim.get(""), scim.post("/.search", json={"schemas": [SEARCH]})):
        answer = await ask
        assert names(answer) == created
        assert answer.json()["totalResults"] == 7
    kinds = {found["meta"]["resourceType"] for found in answer.json()["Resources"]}
    assert kinds == {"User", "Group"}
    assert names(await scim.get("/", params={"filter": 'displayName sw "z"'})) == ["zoo"]
    assert names(await scim.get("/", params={"filter": 'meta.resourceType eq "Group"', "count": 1})) == ["zoo"]
    # Who has no userName has no value, and comes last.
    by_name = ["ada", "bo", "cy", "dora", "eve", "zoo", "crew"]
    assert names(await scim.get("/", params={"sortBy": "userName"})) == by_name
    assert await walk(scim, {"sortBy": "userName", "count": 2}, "/") == by_name
    assert await walk(scim, {"count": 3}, "/") == created
    for by in ("meta.created", "id", "active", "displayName", "externalId"):
        assert len(set(names(await scim.get("/", params={"sortBy": by})))) == 7, by


@pytest.mark.usefixtures("people")
async def test_members_are_sent_where_they_are_asked_for(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    [bo] = (await scim.get("/Users", params={"filter": 'userName sw "bo"'})).json()["Resources"]
    await scim.post("/Groups", json=group_document("Team", bo["id"]))
    only_team = {"filter": 'displayName eq "Team"'}

    for path in ("/Groups", "/"):
        [whole] = (await scim.get(path, params=only_team)).json()["Resources"]
        assert [member["value"] for member in whole["members"]] == [bo["id"]]
        [bare] = (await scim.get(path, params={**only_team, "excludedAttributes": "members"})).json()["Resources"]
        assert "members" not in bare
        [ids] = (await scim.get(path, params={**only_team, "attributes": "members.value"})).json()["Resources"]
        assert ids["members"] == [{"value": bo["id"]}]
        assert set(ids) == {"schemas", "id", "members"}
    assert sync.slug == "acme"
