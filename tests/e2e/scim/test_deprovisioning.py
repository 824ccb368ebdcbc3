"""What the directory takes away is gone with its answer: over HTTP, with people who signed in by SAML."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from ostiary.domain.directory import OnDeactivate
from ostiary.domain.errors import DomainError
from tests.support.directory import DirectorySync, directory_sync, group_document, patch_of, user_document
from tests.support.house import House, Person, bearer
from tests.support.sso import VERIFIER, Idp, connect

ORG = "/v1/organizations/acme"


@pytest.fixture
async def idp(house: House, ada: Person) -> Idp:
    """The SAML side of the identity provider."""
    return await connect(house, ada)


@pytest.fixture
async def sync(house: House, idp: Idp) -> DirectorySync:
    """Its SCIM side."""
    return await directory_sync(house, idp.slug)


@dataclass(frozen=True)
class Bo:
    """Somebody provisioned who signed in, and all that hangs on it."""

    rest: httpx2.AsyncClient
    ada: Person
    idp: Idp
    id: str
    token: str
    code: str
    team: str
    database: str
    credential: dict[str, str]

    async def call(self, method: str, path: str, **sent: Any) -> httpx2.Response:
        """Bo's call, with the session from before."""
        return await self.rest.request(method, path, headers=bearer(self.token), **sent)

    async def seen(self, path: str) -> Any:
        """What the administrator sees."""
        answer = await self.rest.get(f"{ORG}{path}", headers=bearer(self.ada.token))
        return answer.json() if answer.status_code == 200 else None

    async def signs_in(self) -> str:
        """Sign in once more; answers the new session, or the code of the refusal."""
        try:
            return (await self.idp.sign_in("bo@acme.test", "00u-bo")).token
        except DomainError as refusal:
            return refusal.code


@pytest.fixture
async def rest(app: FastAPI) -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ostiary.test") as client:
        yield client


@pytest.fixture
async def bo(rest: httpx2.AsyncClient, scim: httpx2.AsyncClient, ada: Person, idp: Idp) -> Bo:
    member = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    team = (await scim.post("/Groups", json=group_document("Engineering", member))).json()["id"]
    signed_in = await idp.sign_in("bo@acme.test", "00u-bo")
    request_id, relay_state = await idp.depart()
    arrived = await idp.arrive(idp.says(request_id, "bo@acme.test", "00u-bo"), relay_state)
    assert arrived.code is not None
    admin = bearer(ada.token)
    database = (await rest.post(f"{ORG}/databases", headers=admin, json={"name": "main"})).json()["id"]
    await rest.put(f"{ORG}/databases/{database}/administrators/{member}", headers=admin)
    made = await rest.post(
        f"{ORG}/databases/{database}/credentials", headers=bearer(signed_in.token), json={"name": "app"}
    )
    assert made.status_code == 201, made.text
    credential = {"username": made.json()["username"], "secret": made.json()["secret"]}
    return Bo(rest, ada, idp, member, signed_in.token, arrived.code, team, database, credential)


async def take_away(scim: httpx2.AsyncClient, bo: Bo, way: str) -> None:
    """Each way in which identity providers take a person away."""
    one = f"/Users/{bo.id}"
    match way:
        case "DELETE":
            answer = await scim.delete(one)
        case "PUT":
            answer = await scim.put(one, json=user_document("bo@acme.test", active=False))
        case _:
            answer = await scim.patch(one, json=patch_of({"op": "replace", "value": {"active": False}}))
    assert answer.status_code in (200, 204), answer.text


@pytest.mark.parametrize("way", ["PATCH", "PUT", "DELETE"])
async def test_R43_access_is_gone_with_the_answer(scim: httpx2.AsyncClient, bo: Bo, way: str) -> None:
    assert (await bo.call("GET", ORG)).status_code == 200

    await take_away(scim, bo, way)

    for path in (ORG, "/v1/me", f"{ORG}/teams", f"{ORG}/databases/{bo.database}/credentials"):
        assert (await bo.call("GET", path)).status_code == 401
    exchanged = await bo.rest.post("/v1/auth/token", json={"code": bo.code, "code_verifier": VERIFIER})
    assert exchanged.json()["code"] == "invalid_code"
    assert await bo.signs_in() == ("user_not_provisioned" if way == "DELETE" else "user_deactivated")
    assert await bo.seen(f"/members/{bo.id}") is None
    assert [member["id"] for member in (await bo.seen("/members?managed_by=directory"))["data"]] == []


@pytest.mark.parametrize("way", ["PATCH", "DELETE"])
async def test_R15_R43_what_belongs_to_the_organization_stays(scim: httpx2.AsyncClient, bo: Bo, way: str) -> None:
    await take_away(scim, bo, way)

    verified = await bo.rest.post("/v1/credentials/verify", json=bo.credential)
    assert verified.json()["active"] is True
    left = (await bo.seen("/credentials?creator_removed=true"))["data"]
    assert [credential["username"] for credential in left] == [bo.credential["username"]]


async def test_R43_nobody_else_notices(scim: httpx2.AsyncClient, bo: Bo, idp: Idp) -> None:
    await scim.post("/Users", json=user_document("cy@acme.test"))
    cy = await idp.sign_in("cy@acme.test", "00u-cy")

    await take_away(scim, bo, "DELETE")

    assert (await bo.rest.get(ORG, headers=bearer(cy.token))).status_code == 200


async def test_R43_who_comes_back_is_in_the_teams_again_and_administers_no_database(
    scim: httpx2.AsyncClient, bo: Bo
) -> None:
    await take_away(scim, bo, "PATCH")
    await scim.patch(f"/Users/{bo.id}", json=patch_of({"op": "replace", "value": {"active": True}}))

    assert (await bo.call("GET", ORG)).status_code == 401
    token = await bo.signs_in()
    assert (await bo.rest.get(ORG, headers=bearer(token))).status_code == 200
    member = await bo.seen(f"/members/{bo.id}")
    assert [team["id"] for team in member["teams"]] == [bo.team]
    assert member["database_administrator_of"] == []


async def test_R43_a_directory_that_suspends_leaves_the_member_to_be_seen(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: Bo
) -> None:
    await sync.change(on_deactivate=OnDeactivate.SUSPEND)
    await take_away(scim, bo, "PUT")

    assert (await bo.call("GET", ORG)).status_code == 401
    assert await bo.signs_in() == "user_deactivated"
    member = await bo.seen(f"/members/{bo.id}")
    assert member["status"] == "suspended"
    assert [each["id"] for each in member["database_administrator_of"]] == [bo.database]
    removed = await bo.rest.delete(f"{ORG}/members/{bo.id}", headers=bearer(bo.ada.token))
    assert removed.status_code == 204


async def test_R44_out_of_the_group_is_out_of_the_team_and_signed_in_still(scim: httpx2.AsyncClient, bo: Bo) -> None:
    await scim.patch(f"/Groups/{bo.team}", json=patch_of({"op": "remove", "path": f'members[value eq "{bo.id}"]'}))

    assert (await bo.seen(f"/members/{bo.id}"))["teams"] == []
    assert (await bo.call("GET", ORG)).status_code == 200
    assert (await scim.delete(f"/Groups/{bo.team}")).status_code == 204
    assert (await bo.call("GET", f"{ORG}/teams/{bo.team}")).status_code == 404


async def test_R46_a_role_taken_is_taken_from_the_session_too(
    scim: httpx2.AsyncClient, sync: DirectorySync, bo: Bo
) -> None:
    await sync.change(manage_roles=True, attribute_map={"planetscale_role": "role"})

    async def pushed(role: str) -> int:
        value = {"planetscale_role": role}
        answer = await scim.patch(f"/Users/{bo.id}", json=patch_of({"op": "replace", "value": value}))
        assert answer.status_code == 200
        return (await bo.call("GET", f"{ORG}/audit-events")).status_code

    assert await pushed("admin") == 200
    assert await pushed("member") == 403
    assert await pushed("administrator") == 200
    assert await pushed("") == 403


async def test_R33_R42_a_renamed_person_is_another_here_at_once_and_in_the_account_when_signing_in(
    scim: httpx2.AsyncClient, bo: Bo
) -> None:
    renamed = user_document("bo.li@acme.test", name={"givenName": "Bo", "familyName": "Li"})
    assert (await scim.put(f"/Users/{bo.id}", json=renamed)).status_code == 200

    member = await bo.seen(f"/members/{bo.id}")
    assert (member["user"]["email"], member["user"]["name"]) == ("bo.li@acme.test", "Bo Li")
    assert (await bo.call("GET", "/v1/me")).json()["email"] == "bo@acme.test"
    signed_in = await bo.idp.sign_in("bo.li@acme.test", "00u-bo")
    assert signed_in.account.email == "bo.li@acme.test"
    assert (await bo.call("GET", "/v1/me")).json()["email"] == "bo.li@acme.test"


async def test_R21_R33_an_address_outside_the_domains_is_listed_and_opens_nothing(
    scim: httpx2.AsyncClient, bo: Bo
) -> None:
    assert (await scim.put(f"/Users/{bo.id}", json=user_document("bo@elsewhere.test"))).status_code == 200

    assert (await bo.seen(f"/members/{bo.id}"))["user"]["email"] == "bo@elsewhere.test"
    with pytest.raises(DomainError, match="email_domain_not_allowed"):
        await bo.idp.sign_in("bo@elsewhere.test", "00u-bo")
    assert (await bo.call("GET", "/v1/me")).json()["email"] == "bo@acme.test"


async def test_R34_R41_provisioning_somebody_elses_address_gives_no_hold_on_the_account(
    scim: httpx2.AsyncClient, rest: httpx2.AsyncClient, house: House, sync: DirectorySync, idp: Idp
) -> None:
    eve = await house.person("eve@bolts.test")
    await house.organization(eve, "bolts")
    pushed = (await scim.post("/Users", json=user_document("eve@bolts.test"))).json()["id"]

    assert (await rest.get(ORG, headers=bearer(eve.token))).status_code == 404
    with pytest.raises(DomainError, match="email_domain_not_allowed"):
        await idp.sign_in("eve@bolts.test", "00u-eve")
    assert (await scim.delete(f"/Users/{pushed}")).status_code == 204
    assert await sync.member(pushed) is None
    assert (await rest.get("/v1/organizations/bolts", headers=bearer(eve.token))).status_code == 200
