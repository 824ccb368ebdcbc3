"""What an administrator sees of the identity provider's requests: `GET …/directory/requests`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from ostiary.api.deps import Services
from ostiary.domain.directory import UnknownAttributes
from ostiary.domain.scim_quirks import READ_AS, Quirk
from tests.e2e.scim.conftest import scim_client
from tests.support.directory import ENTERPRISE, PATCH, USER, DirectorySync, group_document, patch_of, user_document
from tests.support.house import House, Person, bearer


class Log:
    """The log as the administrator reads it."""

    def __init__(self, app: FastAPI, ada: Person) -> None:
        self._app, self._ada = app, ada

    @property
    def services(self) -> Services:
        services = self._app.state.services
        assert isinstance(services, Services)
        return services

    async def read(self, **query: Any) -> list[dict[str, Any]]:
        await self.services.request_log.flush()
        return (await self.page(**query))["data"]

    async def page(self, **query: Any) -> dict[str, Any]:
        transport = httpx2.ASGITransport(self._app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ostiary.test") as client:
            answer = await client.get(
                "/v1/organizations/acme/directory/requests", params=query, headers=bearer(self._ada.token)
            )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def log(app: FastAPI, ada: Person, sync: DirectorySync) -> Log:
    assert sync.slug == "acme"
    return Log(app, ada)


async def test_every_write_stands_in_the_log_with_the_status_it_was_answered_with(
    scim: httpx2.AsyncClient, log: Log
) -> None:
    user = await scim.post("/Users", json=user_document("bo@acme.test"))
    one = f"/Users/{user.json()['id']}"
    group = await scim.post("/Groups", json=group_document("Engineering", user.json()["id"]))
    team = f"/Groups/{group.json()['id']}"
    rename = patch_of({"op": "replace", "path": "displayName", "value": "Platform"})
    answers = [
        user,
        group,
        await scim.put(one, json=user_document("bo@acme.test", title="Dr")),
        await scim.patch(one, json=rename),
        await scim.put(team, json=group_document("Core")),
        await scim.patch(team, json=rename),
        await scim.patch(f"{team}?attributes=displayName", json=rename),
        await scim.delete(team),
        await scim.delete(one),
    ]

    entries = await log.read()

    assert [(entry["method"], entry["status"]) for entry in reversed(entries)] == [
        (answer.request.method, answer.status_code) for answer in answers
    ]
    assert {entry["resource_id"] for entry in entries} == {user.json()["id"], group.json()["id"]}
    assert {entry["resource_type"] for entry in entries} == {"User", "Group"}
    assert all(
        entry["request_id"] == answer.headers["x-request-id"]
        for entry, answer in zip(reversed(entries), answers, strict=True)
    )
    assert [entry["method"] for entry in await log.read(resource_id=group.json()["id"])] == [
        "DELETE",
        "PATCH",
        "PATCH",
        "PUT",
        "POST",
    ]
    assert len(await log.read(resource_type="User")) == 4


async def test_a_refused_write_tells_what_came_and_what_was_said(scim: httpx2.AsyncClient, log: Log) -> None:
    await scim.post("/Users", json=user_document("bo@acme.test"))
    scim.headers["User-Agent"] = "Okta SCIM Client 1.0.0"

    refused = await scim.post("/Users", json=user_document("Bo@acme.test"))

    [entry] = await log.read(refused=True)
    assert (entry["status"], entry["scim_type"], entry["detail"]) == (409, "uniqueness", refused.json()["detail"])
    assert list(entry["body"]) == list(user_document("Bo@acme.test"))
    assert entry["body"]["userName"] == "Bo@acme.test"
    assert entry["user_agent"] == "Okta SCIM Client 1.0.0"
    assert entry["duration_ms"] >= 0
    assert [each["status"] for each in await log.read(refused=False)] == [201]


async def test_what_cannot_be_read_or_is_not_there_is_logged_too(scim: httpx2.AsyncClient, log: Log) -> None:
    await scim.post("/Users", content=b"{")
    await scim.get("/Users", params={"filter": "userName eq"})
    await scim.get("/v2/Users")
    await scim.patch("/Groups/team_00000000000000000000000000", json=patch_of({"op": "add", "value": {}}))

    entries = await log.read()

    assert [(entry["path"].partition("/team_")[0], entry["status"], entry["scim_type"]) for entry in entries] == [
        ("/Groups", 404, None),
        ("/v2/Users", 404, None),
        ("/Users", 400, "invalidFilter"),
        ("/Users", 400, "invalidSyntax"),
    ]


async def test_reads_tell_how_many_they_found(scim: httpx2.AsyncClient, log: Log) -> None:
    await scim.get("/Users", params={"filter": 'userName eq "nobody@acme.test"', "startIndex": 1})
    await scim.get("/Users")

    everybody, nobody = await log.read()

    assert (everybody["found"], everybody["query"]) == (1, None)
    assert (nobody["found"], nobody["query"]) == (0, 'filter=userName eq "nobody@acme.test"&startIndex=1')
    assert nobody["missed_before"] == 0


async def test_no_secret_is_kept(scim: httpx2.AsyncClient, sync: DirectorySync, log: Log) -> None:
    secret = "Yf3k-29dd.q"
    created = await scim.post("/Users", json=user_document("bo@acme.test", password=secret, note=sync.token))
    await scim.patch(
        f"/Users/{created.json()['id']}",
        json=patch_of(
            {"op": "replace", "path": "password", "value": secret}, {"op": "replace", "value": {"password": secret}}
        ),
    )
    await scim.get("/Users", params={"filter": f'password eq "{secret}"'})

    entries = await log.read()

    assert len(entries) == 3
    assert secret not in str(entries)
    assert sync.token not in str(entries)
    assert entries[2]["body"]["password"] == "[redacted]"
    assert Quirk.PASSWORD_DISCARDED in [quirk["name"] for quirk in entries[2]["quirks"]]


async def test_departures_are_named_with_how_they_were_read(scim: httpx2.AsyncClient, log: Log) -> None:
    await scim.post("/Groups", json=group_document("Engineering", "00u-unknown"))
    user = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    await scim.patch(f"/Users/{user}", json=patch_of({"op": "Replace", "path": "active", "value": "False"}))
    await scim.get("/Users", params={"filter": "externalId eq jyoung"})
    home = {"op": "replace", "path": 'emails[type eq "home"].value', "value": "b@home.test"}
    for _ in range(2):
        await scim.patch(f"/Users/{user}", json=patch_of(home))

    entries = await log.read()

    assert [sorted(quirk["name"] for quirk in entry["quirks"]) for entry in entries] == [
        [],
        ["element_created"],
        ["filter_value_unquoted"],
        ["operation_case", "text_as_boolean"],
        [],
        ["members_reserved"],
    ]
    assert entries[2]["quirks"][0]["read_as"] == "A filter's value without quotation marks was read as text."


async def test_pages_go_back_in_time(scim: httpx2.AsyncClient, log: Log) -> None:
    for number in range(3):
        await scim.post("/Users", json=user_document(f"user{number}@acme.test"))

    first = await log.page(limit=2)
    second = await log.page(limit=2, cursor=first["next_cursor"])

    assert [entry["body"]["userName"][:5] for entry in [*first["data"], *second["data"]]] == ["user2", "user1", "user0"]
    assert second["next_cursor"] is None


async def test_another_organization_sees_nothing_of_it(house: House, scim: httpx2.AsyncClient, log: Log) -> None:
    await scim.post("/Users", json=user_document("bo@acme.test"))
    eve = await house.person("eve@bolts.test")
    await house.organization(eve, "bolts")

    transport = httpx2.ASGITransport(log._app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ostiary.test") as client:
        theirs = await client.get("/v1/organizations/acme/directory/requests", headers=bearer(eve.token))
        own = await client.get("/v1/organizations/bolts/directory/requests", headers=bearer(eve.token))

    assert theirs.status_code == 404
    assert own.json()["data"] == []


async def test_unknown_attributes_are_kept_and_named(scim: httpx2.AsyncClient, log: Log) -> None:
    user = await scim.post("/Users", json=user_document("bo@acme.test", planetscale_role="admin", role="admin"))
    await scim.patch(
        f"/Users/{user.json()['id']}", json=patch_of({"op": "add", "path": "urn:acme:User:badge", "value": "1"})
    )
    await scim.post("/Groups", json=group_document("Engineering", colour="red"))

    assert user.json()["planetscale_role"] == "admin"
    assert [entry["unknown_attributes"] for entry in await log.read()] == [
        ["colour"],
        ["urn:acme:User:badge"],
        ["planetscale_role"],
    ]


async def test_a_strict_directory_refuses_unknown_attributes_by_name(
    scim: httpx2.AsyncClient, sync: DirectorySync, log: Log
) -> None:
    before = await scim.post("/Users", json=user_document("bo@acme.test", badge="1"))
    one = f"/Users/{before.json()['id']}"
    await sync.change(unknown_attributes=UnknownAttributes.STRICT)

    refused = [
        await scim.post("/Users", json=user_document("cy@acme.test", badge="1")),
        await scim.put(one, json=user_document("bo@acme.test", badge="2")),
        await scim.patch(one, json=patch_of({"op": "replace", "value": {"badge": "2"}})),
        await scim.post("/Groups", json=group_document("Engineering", badge="1")),
    ]

    assert [(answer.status_code, answer.json()["scimType"]) for answer in refused] == [
        (400, "invalidSyntax"),
        (400, "invalidSyntax"),
        (400, "invalidPath"),
        (400, "invalidSyntax"),
    ]
    assert all("badge is no attribute of the schema" in answer.json()["detail"] for answer in refused)
    assert len(await log.read(refused=True)) == 4
    kept = await scim.patch(one, json=patch_of({"op": "replace", "value": {"title": "Dr"}}))
    assert kept.json()["badge"] == "1"
    assert (await scim.put(one, json=user_document("bo@acme.test", password="x"))).status_code == 200
    assert (await scim.post("/Users", json=user_document("di@acme.test", role="admin"))).status_code == 201


async def test_a_token_that_has_expired_is_refused_with_the_reason_and_logged(
    app: FastAPI, house: House, ada: Person, sync: DirectorySync, log: Log
) -> None:
    _, secret = await house.services.directory.create_token(
        ada.caller, "acme", expires_at=house.clock.now() + timedelta(hours=1)
    )
    house.clock.turn(timedelta(hours=1))
    async with scim_client(app, replace(sync, token=secret)) as late:
        answers = [await late.get("/Users"), await late.post("/Users", json=user_document("bo@acme.test"))]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert "expired on" in answers[0].json()["detail"]
    assert answers[0].headers["www-authenticate"] == "Bearer"
    assert [(entry["method"], entry["status"]) for entry in await log.read(refused=True)] == [
        ("POST", 401),
        ("GET", 401),
    ]


async def test_R48_a_token_that_was_revoked_too_early_is_seen_in_the_log(
    scim: httpx2.AsyncClient, house: House, ada: Person, log: Log
) -> None:
    [token] = await house.services.directory.tokens(ada.caller, "acme")
    await house.services.directory.revoke_token(ada.caller, "acme", token.id)

    refused = await scim.get("/Users")

    assert refused.status_code == 401
    assert "was revoked on" in refused.json()["detail"]
    [entry] = await log.read()
    assert (entry["status"], entry["detail"]) == (401, refused.json()["detail"])


async def test_the_log_of_a_token_nobody_made_is_nobodys(app: FastAPI, sync: DirectorySync, log: Log) -> None:
    async with scim_client(app, replace(sync, token=f"{sync.token}x")) as stranger:
        assert (await stranger.get("/Users")).status_code == 401
        assert (await stranger.get("/Userz")).status_code == 404

    assert await log.read() == []


@pytest.mark.parametrize(
    "schemas", [None, [], PATCH, [USER], ["urn:scim:schemas:core:1.0"], [ENTERPRISE, USER]], ids=str
)
async def test_a_patch_that_leaves_it_out_is_read_and_the_log_says_so(
    scim: httpx2.AsyncClient, log: Log, schemas: Any
) -> None:
    user = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    change = patch_of({"op": "replace", "path": "title", "value": "Changed"})

    answer = await scim.patch(f"/Users/{user}", json={**change, "schemas": schemas})

    assert answer.json()["title"] == "Changed"
    entry, _ = await log.read()
    [quirk] = entry["quirks"]
    assert (quirk["name"], quirk["read_as"]) == ("patch_without_schema", READ_AS[Quirk.PATCH_WITHOUT_SCHEMA])


async def test_HEAD_answers_as_GET_does_and_stands_in_the_log_by_its_name(
    app: FastAPI, scim: httpx2.AsyncClient, log: Log, ada: Person
) -> None:
    bo = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()
    same = ("etag", "content-type", "content-length", "allow")
    for path in ("/Users", "/Groups?count=1", "/Schemas", f"/Users/{bo['id']}", "/Users/mem_x", "/Bulk"):
        read, asked = await scim.get(path), await scim.head(path)
        assert asked.status_code == read.status_code, path
        assert [asked.headers.get(name) for name in same[: None if read.is_success else 2]] == [
            read.headers.get(name) for name in same[: None if read.is_success else 2]
        ]
    known = {"If-None-Match": bo["meta"]["version"]}
    assert (await scim.head(f"/Users/{bo['id']}", headers=known)).status_code == 304
    assert (await scim.head("/Users", headers={"Authorization": "Bearer wrong"})).status_code == 401
    newest = (await log.read())[0]
    assert (newest["method"], newest["status"]) == ("HEAD", 304)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ostiary.test") as client:
        assert (await client.head("/v1/organizations/acme", headers=bearer(ada.token))).status_code == 200
        assert (await client.head("/v1/organizations/acme")).status_code == 401
        # What begins or ends something.
        for path in ("/saml/con_x/slo", "/saml/con_x/logout", "/sso/finish"):
            assert (await client.head(path)).status_code == 405
