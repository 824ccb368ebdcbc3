"""Databases and credentials over HTTP."""

import httpx2

from tests.support.house import House, Person
from tests.support.problem import code_of


async def test_a_database_is_made_listed_and_deleted(as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient) -> None:
    made = await as_ada.post("/databases", json={"name": "orders"})
    assert made.status_code == 201
    database = made.json()
    assert (await as_bo.get("/databases")).json() == {"data": [database], "next_cursor": None}
    assert code_of(await as_ada.post("/databases", json={"name": "orders"}), 409) == "database_name_taken"
    assert code_of(await as_bo.delete(f"/databases/{database['id']}"), 403) == "forbidden"
    assert (await as_ada.delete(f"/databases/{database['id']}")).status_code == 204
    assert (await as_bo.get("/databases")).json()["data"] == []
    assert code_of(await as_ada.get(f"/databases/{database['id']}/credentials"), 404) == "database_not_found"


async def test_a_database_administrator_makes_and_revokes_credentials(
    house: House, client: httpx2.AsyncClient, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, bo: Person
) -> None:
    database = (await as_ada.post("/databases", json={"name": "orders"})).json()
    path = f"/databases/{database['id']}"
    assert code_of(await as_bo.post(f"{path}/credentials", json={"name": "api"}), 403) == "forbidden"
    grant = f"{path}/administrators/{(await house.member(bo)).id}"
    for _ in range(2):
        assert (await as_ada.put(grant)).status_code == 204

    made = await as_bo.post(f"{path}/credentials", json={"name": "api"})
    assert made.status_code == 201
    credential = made.json()
    secret = credential.pop("secret")
    assert secret.startswith("ost_db_")
    assert credential["created_by"] == {"id": bo.account_id, "email": "bo@acme.test", "service_account": None}
    assert credential["creator_removed"] is False
    listed = await as_bo.get(f"{path}/credentials")
    assert listed.json() == {"data": [credential], "next_cursor": None}
    assert secret not in listed.text

    check = {"username": credential["username"], "secret": secret}
    verdict = await client.post("/v1/credentials/verify", json=check)
    assert verdict.json() == {
        "active": True,
        "database_id": database["id"],
        "created_by": {"id": bo.account_id, "email": "bo@acme.test", "service_account": None},
    }
    assert (await as_bo.delete(f"/credentials/{credential['id']}")).status_code == 204
    assert (await as_bo.get(f"{path}/credentials")).json()["data"] == []
    assert (await as_ada.delete(grant)).status_code == 204
    assert code_of(await as_bo.get(f"{path}/credentials"), 403) == "forbidden"


async def test_what_does_not_verify_looks_the_same_whatever_is_wrong(
    client: httpx2.AsyncClient, as_ada: httpx2.AsyncClient
) -> None:
    database = (await as_ada.post("/databases", json={"name": "orders"})).json()
    path = f"/databases/{database['id']}/credentials"
    revoked, living = [(await as_ada.post(path, json={"name": name})).json() for name in ("revoked", "living")]
    await as_ada.delete(f"/credentials/{revoked['id']}")
    checks = [
        {"username": "cred_nobody", "secret": living["secret"]},
        {"username": living["username"], "secret": "ost_db_wrong"},
        {"username": living["username"], "secret": revoked["secret"]},
        {"username": revoked["username"], "secret": revoked["secret"]},
    ]
    answers = [await client.post("/v1/credentials/verify", json=check) for check in checks]
    assert {answer.text for answer in answers} == {'{"active":false,"database_id":null,"created_by":null}'}
    assert {answer.status_code for answer in answers} == {200}


async def test_R15_credentials_whose_creator_was_removed_are_found_over_the_organization(
    house: House, client: httpx2.AsyncClient, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient, bo: Person
) -> None:
    database = (await as_ada.post("/databases", json={"name": "orders"})).json()
    member = await house.member(bo)
    await as_ada.put(f"/databases/{database['id']}/administrators/{member.id}")
    made = (await as_bo.post(f"/databases/{database['id']}/credentials", json={"name": "api"})).json()
    assert (await as_ada.get("/credentials", params={"creator_removed": "true"})).json()["data"] == []
    await as_ada.delete(f"/members/{member.id}")
    [found] = (await as_ada.get("/credentials", params={"creator_removed": "true"})).json()["data"]
    assert (found["id"], found["creator_removed"]) == (made["id"], True)
    check = {"username": made["username"], "secret": made["secret"]}
    assert (await client.post("/v1/credentials/verify", json=check)).json()["active"] is True
