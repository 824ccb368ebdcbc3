"""Many operations in one request: each is done, answered and logged as if it were sent alone (RFC 7644 §3.7)."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import ENTERPRISE, DirectorySync, group_document, patch_of, user_document

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


async def send(scim: httpx2.AsyncClient, *operations: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
    answer = await scim.post("/Bulk", json={"schemas": [BULK], "Operations": list(operations), **rest})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/scim+json"
    body = answer.json()
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
    return body["Operations"]


def post(bulk_id: str, data: dict[str, Any], path: str = "/Users") -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def id_of(result: dict[str, Any]) -> str:
    return result["location"].rpartition("/")[2]


async def test_users_and_their_group_come_in_one_request(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    group = group_document("Team")
    group["members"] = [{"value": "bulkId:bo"}, {"value": "bulkId:cy"}]
    results = await send(
        scim,
        post("team", group, "/Groups"),
        post("bo", user_document("bo@acme.test")),
        post("cy", user_document("cy@acme.test", **{ENTERPRISE: {"manager": {"value": "bulkId:bo"}}})),
    )

    assert [result["status"] for result in results] == ["201", "201", "201"]
    assert [result["bulkId"] for result in results] == ["team", "bo", "cy"]
    assert {result["version"] for result in results} == {'W/"1"'}
    team, bo, cy = map(id_of, results)
    assert "/scim/v2/Groups/" in results[0]["location"]
    assert "response" not in results[0]
    assert await sync.team_members(team) == {bo, cy}
    assert (await scim.get(f"/Users/{cy}")).json()[ENTERPRISE]["manager"]["value"] == bo


async def test_references_may_run_in_a_circle(scim: httpx2.AsyncClient) -> None:
    def reporting_to(manager: str) -> dict[str, Any]:
        return {ENTERPRISE: {"manager": {"value": f"bulkId:{manager}"}, "department": "QA"}}

    results = await send(
        scim,
        post("bo", user_document("bo@acme.test", **reporting_to("cy"))),
        post("cy", user_document("cy@acme.test", **reporting_to("dora"))),
        post("dora", user_document("dora@acme.test", **reporting_to("bo"))),
        post("self", user_document("self@acme.test", **reporting_to("self"))),
        *(
            {
                "method": "PATCH",
                "path": f"/Users/bulkId:{one}",
                "data": patch_of({"op": "add", "value": {"title": "x"}}),
            }
            for one in ("bo", "cy", "dora", "self")
        ),
    )

    assert [result["status"] for result in results] == ["201"] * 4 + ["200"] * 4
    bo, cy, dora, own = map(id_of, results[:4])
    for one, manager in ((bo, cy), (cy, dora), (dora, bo), (own, own)):
        found = (await scim.get(f"/Users/{one}")).json()
        assert found[ENTERPRISE] == {"manager": {"value": manager}, "department": "QA"}
        assert found["title"] == "x"
        assert found["meta"]["version"] in [result["version"] for result in results]


async def test_every_method_works_as_alone(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    made = await send(
        scim,
        post("bo", user_document("bo@acme.test")),
        post("cy", user_document("cy@acme.test")),
        post("team", group_document("Team"), "Groups"),
    )
    bo, cy, team = map(id_of, made)

    results = await send(
        scim,
        {"method": "put", "path": f"/Users/{bo}", "data": user_document("bo@acme.test", title="Lead")},
        {
            "method": "PATCH",
            "path": f"/Users/{cy}",
            "data": patch_of({"op": "Replace", "path": "active", "value": "False"}),
        },
        {
            "method": "PATCH",
            "path": f"/Groups/{team}",
            "version": 'W/"1"',
            "data": patch_of({"op": "add", "path": "members", "value": [{"value": bo}]}),
        },
        {"method": "PUT", "path": f"/Groups/{team}", "version": 'W/"1"', "data": group_document("Crew")},
        {"method": "DELETE", "path": f"/Users/{cy}"},
        {"method": "DELETE", "path": f"/Users/{cy}"},
        post("new", user_document("new@acme.test")),
        {
            "method": "PATCH",
            "path": "/Users/bulkId:new",
            "data": patch_of({"op": "add", "path": "title", "value": "x"}),
        },
    )

    assert [result["status"] for result in results] == ["200", "200", "204", "412", "204", "404", "201", "200"]
    assert [result.get("version") for result in results] == [
        'W/"2"', 'W/"2"', 'W/"2"', None, None, None, 'W/"1"', 'W/"2"'
    ]  # fmt: skip
    assert results[3]["response"]["status"] == "412"
    assert results[4]["location"] == results[5]["location"] == made[1]["location"]
    assert results[7]["location"] == results[6]["location"]
    assert (await scim.get(f"/Users/{bo}")).json()["title"] == "Lead"
    assert await sync.team_members(team) == {bo}
    assert (await scim.get(f"/Groups/{team}")).json()["displayName"] == "Team"


async def test_what_fails_takes_nothing_with_it(scim: httpx2.AsyncClient) -> None:
    results = await send(
        scim,
        post("first", user_document("bo@acme.test")),
        post("second", user_document("BO@acme.test")),
        post("nameless", {"displayName": "nobody"}),
        post("led", user_document("led@acme.test", **{ENTERPRISE: {"manager": {"value": "bulkId:second"}}})),
        post("lost", user_document("lost@acme.test", **{ENTERPRISE: {"manager": {"value": "bulkId:nobody"}}})),
        {"method": "DELETE", "path": "/Users/bulkId:second"},
        {"method": "GET", "path": "/Users"},
        post("last", user_document("last@acme.test")),
    )

    assert [result["status"] for result in results] == ["201", "409", "400", "409", "400", "409", "400", "201"]
    assert [result.get("response", {}).get("scimType") for result in results] == [
        None, "uniqueness", "invalidValue", None, "invalidValue", None, "invalidValue", None
    ]  # fmt: skip
    assert all("location" not in result for result in results[1:5])
    assert all(result["response"]["detail"] for result in results if result["status"][0] != "2")
    assert {user["userName"] for user in (await scim.get("/Users")).json()["Resources"]} == {
        "ada@acme.test",
        "bo@acme.test",
        "last@acme.test",
    }


async def test_who_points_in_a_circle_at_what_fails_is_made_and_says_so(scim: httpx2.AsyncClient) -> None:
    results = await send(
        scim,
        post(
            "cy", user_document("ada@acme.test", active="perhaps", **{ENTERPRISE: {"manager": {"value": "bulkId:bo"}}})
        ),
        post("bo", user_document("bo@acme.test", **{ENTERPRISE: {"manager": {"value": "bulkId:cy"}}})),
    )

    assert [result["status"] for result in results] == ["400", "409"]
    assert "could not be made" in results[1]["response"]["detail"]
    assert (await scim.get(f"/Users/{id_of(results[1])}")).json()["userName"] == "bo@acme.test"


@pytest.mark.parametrize(("fail_on_errors", "answered"), [(1, 2), (2, 4), (3, 5)])
async def test_it_stops_after_as_many_errors_as_said(
    scim: httpx2.AsyncClient, fail_on_errors: int, answered: int
) -> None:
    gone = {"method": "DELETE", "path": "/Users/nobody"}

    results = await send(
        scim,
        post("bo", user_document("bo@acme.test")),
        gone,
        post("cy", user_document("cy@acme.test")),
        gone,
        post("dora", user_document("dora@acme.test")),
        failOnErrors=fail_on_errors,
    )

    assert [result["status"] for result in results] == ["201", "404", "201", "404", "201"][:answered]
    assert (await scim.get("/Users")).json()["totalResults"] == {2: 2, 4: 3, 5: 4}[answered]


async def test_too_much_is_refused_with_the_limits_that_are_announced(scim: httpx2.AsyncClient) -> None:
    config = (await scim.get("/ServiceProviderConfig")).json()["bulk"]
    assert config == {"supported": True, "maxOperations": 1000, "maxPayloadSize": 1_048_576}
    gone = {"method": "DELETE", "path": "/Users/nobody"}

    many = await scim.post("/Bulk", json={"Operations": [gone] * 1001})
    large = await scim.post("/Bulk", content=b" " * 1_048_577)

    for answer in (many, large):
        assert (answer.status_code, answer.json()["status"]) == (413, "413")
    assert "1000" in many.json()["detail"]
    assert "1048576" in large.json()["detail"]


async def test_each_operation_stands_in_the_request_log(scim: httpx2.AsyncClient, sync: DirectorySync) -> None:
    await send(scim, post("bo", user_document("bo@acme.test")), {"method": "DELETE", "path": "/Users/nobody"})

    async with sync.house.uow() as uow:
        rows = await uow._transaction._connection.exec_driver_sql(
            "SELECT method, path, status FROM directory_requests ORDER BY id"
        )
        logged = [tuple(row) for row in rows]
    assert ("POST", "/Users", 201) in logged
    assert ("DELETE", "/Users/nobody", 404) in logged
