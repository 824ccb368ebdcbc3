"""Invitations over HTTP."""

import httpx2

from tests.support.house import House, Person, bearer
from tests.support.problem import code_of


async def test_an_invitation_is_sent_listed_and_accepted(
    house: House, client: httpx2.AsyncClient, as_ada: httpx2.AsyncClient, ada: Person
) -> None:
    team = (await as_ada.post("/teams", json={"name": "Platform"})).json()
    body = {"email": "Cy@ACME.test", "role": "administrator", "team_ids": [team["id"]]}
    sent = await as_ada.post("/invitations", json=body)
    assert sent.status_code == 201
    invitation = sent.json()
    assert {key: invitation[key] for key in ("email", "role", "team_ids", "status", "invited_by")} == {
        "email": "cy@acme.test",
        "role": "administrator",
        "team_ids": [team["id"]],
        "status": "pending",
        "invited_by": ada.account_id,
    }
    token = await house.invitation_token("cy@acme.test")
    assert token not in sent.text
    assert (await as_ada.get("/invitations")).json() == {"data": [invitation], "next_cursor": None}

    cy = await house.person("cy@acme.test")
    accepted = await client.post("/v1/invitations/accept", json={"token": token}, headers=bearer(cy.token))
    assert accepted.status_code == 200
    assert accepted.json()["organization"]["slug"] == "acme"
    assert accepted.json()["member"]["role"] == "administrator"
    assert [team["name"] for team in accepted.json()["member"]["teams"]] == ["Platform"]
    assert (await as_ada.get("/invitations")).json()["data"][0]["status"] == "accepted"
    me = await client.get("/v1/me", headers=bearer(cy.token))
    assert me.json()["email_verified"] is True


async def test_accepting_needs_the_account_of_the_address_and_the_secret(
    house: House, client: httpx2.AsyncClient, as_ada: httpx2.AsyncClient
) -> None:
    await as_ada.post("/invitations", json={"email": "cy@acme.test"})
    token = await house.invitation_token("cy@acme.test")
    eve = await house.person("eve@evil.test")
    accept = "/v1/invitations/accept"
    assert code_of(await client.post(accept, json={"token": token}), 401) == "authentication_required"
    refused = await client.post(accept, json={"token": token}, headers=bearer(eve.token))
    assert code_of(refused, 403) == "invitation_email_mismatch"
    refused = await client.post(accept, json={"token": "ost_inv_guessed"}, headers=bearer(eve.token))
    assert code_of(refused, 422) == "invalid_token"
    assert refused.json()["errors"][0]["pointer"] == "/token"


async def test_an_invitation_is_revoked_once(as_ada: httpx2.AsyncClient) -> None:
    sent = (await as_ada.post("/invitations", json={"email": "cy@acme.test"})).json()
    assert sent["role"] == "member"
    path = f"/invitations/{sent['id']}"
    assert (await as_ada.delete(path)).status_code == 204
    assert code_of(await as_ada.delete(path), 409) == "invitation_not_pending"
    assert code_of(await as_ada.delete("/invitations/inv_nothing"), 404) == "invitation_not_found"


async def test_an_invitation_that_cannot_be_is_refused_with_its_reason(
    house: House, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient
) -> None:
    assert code_of(await as_bo.post("/invitations", json={"email": "cy@acme.test"}), 403) == "forbidden"
    assert code_of(await as_ada.post("/invitations", json={"email": "nobody"}), 422) == "invalid_email"
    assert code_of(await as_ada.post("/invitations", json={"email": "bo@acme.test"}), 409) == "already_member"
    refused = await as_ada.post("/invitations", json={"email": "cy@acme.test", "team_ids": ["team_x"]})
    assert code_of(refused, 422) == "unknown_team"
    assert refused.json()["errors"][0]["pointer"] == "/team_ids/0"
    await as_ada.post("/invitations", json={"email": "cy@acme.test"})
    assert code_of(await as_ada.post("/invitations", json={"email": "cy@acme.test"}), 409) == "invitation_pending"


async def test_R16_invitations_are_closed_while_sso_is_on(house: House, as_ada: httpx2.AsyncClient) -> None:
    await house.enable_sso()
    refused = await as_ada.post("/invitations", json={"email": "cy@acme.test"})
    assert code_of(refused, 409) == "invitations_disabled_by_sso"
