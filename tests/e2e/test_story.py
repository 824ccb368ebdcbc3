"""The main story over HTTP: a company turns on SSO, signs in, and its directory provisions it.

Real DNS, mail through the worker into its folder, the development identity provider, and scim2-client as the directory.
"""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ostiary.dev.directory_client import DirectoryClient
from ostiary.devidp.app import create_app
from ostiary.devidp.settings import DevIdpSettings
from tests.support.browser import Browser
from tests.support.database import Broom
from tests.support.house import PASSWORD
from tests.support.service import Company, running_service
from tests.support.web import serve

IDP_PASSWORD = "password"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the story plays."""

    acme: Company
    idp_url: str
    mail: Path


@pytest.fixture(scope="module")
def idp_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The development identity provider."""
    folder = tmp_path_factory.mktemp("devidp")
    with serve(lambda base_url: create_app(DevIdpSettings(base_url, folder))) as url:
        yield url


@pytest.fixture
async def scene(worker_database: str, broom: Broom, idp_url: str, tmp_path: Path) -> AsyncGenerator[Scene]:
    """The service with its worker, over an empty database."""
    await broom.sweep()
    mail = tmp_path / "mail"
    with running_service(worker_database, mail_folder=str(mail), run_worker=True) as service:
        async with httpx2.AsyncClient(base_url=service.url, timeout=30) as http:
            yield Scene(Company(service, http, "acme", "acme.test"), idp_url, mail)


async def test_R5_R10_R12_R16_R20_R40_R43_R44_R56_the_story_from_its_beginning_to_its_end(scene: Scene) -> None:
    acme = scene.acme
    await people_a_team_and_a_credential(scene)
    await a_proven_domain_and_a_tested_connection(scene)
    await enabling_does_what_the_preview_said(acme)
    await bo_and_ada_sign_in(acme)
    await the_directory_provisions_and_deprovisions(acme)
    await disabling_gives_passwords_and_invitations_back(acme)
    await every_step_left_an_audit_event(acme)


async def people_a_team_and_a_credential(scene: Scene) -> None:
    """Act 1."""
    acme = scene.acme
    await acme.found()
    for who in ("Bo", "Cy"):
        invitation = {"email": acme.email(who), "role": "member"}
        created = await acme.call("Ada", "POST", f"{acme.org}/invitations", invitation, expect=201)
        assert "token" not in created, "the secret travels by mail only"
        await acme.sign_up(who)
        token = await acme.mailed_token(scene.mail, acme.email(who), "ost_inv_")
        accepted = await acme.call(who, "POST", "/v1/invitations/accept", {"token": token})
        acme.ids[who] = accepted["member"]["id"]
    team = await acme.call("Ada", "POST", f"{acme.org}/teams", {"name": "data"}, expect=201)
    await acme.call("Ada", "PUT", f"{acme.org}/teams/{team['id']}/members/{acme.ids['Cy']}", expect=204)
    database = await acme.call("Ada", "POST", f"{acme.org}/databases", {"name": "orders"}, expect=201)
    path = f"{acme.org}/databases/{database['id']}"
    await acme.call("Bo", "POST", f"{path}/credentials", {"name": "app"}, expect=403)
    await acme.call("Ada", "PUT", f"{path}/administrators/{acme.ids['Cy']}", expect=204)
    credential = await acme.call("Cy", "POST", f"{path}/credentials", {"name": "app"}, expect=201)
    acme.ids.update(username=credential["username"], secret=credential["secret"])


async def a_proven_domain_and_a_tested_connection(scene: Scene) -> None:
    """Act 2."""
    acme = scene.acme
    await acme.verify_domain()
    connection = await acme.connect({"metadata_url": f"{scene.idp_url}/metadata"})
    assert (connection["status"], connection["tested"]) == ("testing", False)
    test = await acme.call("Ada", "POST", f"{acme.org}/connections/{connection['id']}/test")
    before = await acme.call("Ada", "GET", f"{acme.org}/members")
    async with Browser() as browser:
        answer = await browser.sign_in(test["sign_in_url"], "dee@acme.test", IDP_PASSWORD)
        trace = (await browser.submit(answer)).json()
    assert trace["outcome"] == "succeeded"
    stored = await acme.call("Ada", "GET", f"{acme.org}/sign-ins/{trace['id']}")
    assert stored == trace
    assert {"guard", "assertion signature", "audience", "recipient", "e-mail domain"} <= {
        step["name"] for step in trace["steps"]
    }
    assert await acme.call("Ada", "GET", f"{acme.org}/members") == before, "a test sign-in makes no member (R4)"
    await acme.activate()


async def enabling_does_what_the_preview_said(acme: Company) -> None:
    """Act 3."""
    pending = {"email": "late@acme.test", "role": "member"}
    await acme.call("Ada", "POST", f"{acme.org}/invitations", pending, expect=201)
    preview = await acme.call("Ada", "POST", f"{acme.org}/sso/preview")
    assert not (await acme.call("Ada", "GET", f"{acme.org}/sso"))["enabled"]
    enabled = await acme.call("Ada", "POST", f"{acme.org}/sso/enable")
    assert enabled["effects"] == preview
    counts = {name: value for name, value in preview.items() if name != "administrators"}
    assert counts == {
        "members_removed": 2,
        "team_memberships_removed": 1,
        "database_administrators_revoked": 1,
        "invitations_revoked": 1,
        "administrators_kept": 1,
        "credentials_kept": 1,
    }
    assert len(set(enabled["recovery_codes"])) == 10
    for who in ("Bo", "Cy"):
        await acme.call(who, "GET", acme.org, expect=404)
    refused = await acme.call("Ada", "POST", f"{acme.org}/invitations", pending, expect=409)
    assert refused["code"] == "invitations_disabled_by_sso"
    secret = {"username": acme.ids["username"], "secret": acme.ids["secret"]}
    verified = await acme.call(None, "POST", "/v1/credentials/verify", secret)
    assert verified["active"] is True
    assert verified["created_by"]["email"] == "cy@acme.test"
    await acme.call("Ada", "GET", f"{acme.org}/members")


async def bo_and_ada_sign_in(acme: Company) -> None:
    """Act 4."""
    signed_in = await acme.sign_in("Bo", IDP_PASSWORD)
    assert signed_in["session"]["kind"] == "sso"
    [bo] = (await acme.call("Bo", "GET", f"{acme.org}/members?q=bo@"))["data"]
    assert (bo["role"], bo["teams"], bo["database_administrator_of"]) == ("member", [], [])
    acme.ids["Bo"] = bo["id"]
    old = acme.tokens["Ada"]
    await acme.sign_in("Ada", IDP_PASSWORD)
    new, acme.tokens["Ada"] = acme.tokens["Ada"], old
    refused = await acme.call("Ada", "GET", acme.org, expect=403)
    assert (refused["code"], refused["sign_in_url"]) == ("sso_required", f"{acme.service.url}/sso/acme")
    acme.tokens["Ada"] = new
    password = {"email": "ada@acme.test", "password": PASSWORD}
    assert (await acme.call(None, "POST", "/v1/auth/sign-in", password, expect=403))["code"] == "sso_required"


async def the_directory_provisions_and_deprovisions(acme: Company) -> None:
    """Act 5."""
    await acme.call("Ada", "POST", f"{acme.org}/teams", {"name": "by hand"}, expect=201)
    enabled = await acme.call("Ada", "POST", f"{acme.org}/directory/enable")
    assert enabled["effects"]["teams_cleared"] == 2
    assert (await acme.call("Ada", "GET", f"{acme.org}/teams"))["data"] == []
    refused = await acme.call("Ada", "POST", f"{acme.org}/teams", {"name": "x"}, expect=409)
    assert refused["code"] == "directory_managed"
    with DirectoryClient.connected(enabled["directory"]["scim_base_url"], enabled["token"]) as directory:
        dee, bo = directory.create_user("dee@acme.test"), directory.create_user("bo@acme.test")
        assert bo == acme.ids["Bo"], "the member is taken over, not duplicated (R49)"
        group = directory.create_group("platform", [bo, dee])
        [team] = (await acme.call("Ada", "GET", f"{acme.org}/teams"))["data"]
        assert (team["id"], team["name"], team["managed_by"]) == (group, "platform", "directory")
        members = (await acme.call("Ada", "GET", f"{acme.org}/members?team_id={group}"))["data"]
        people: dict[str, Any] = {member["user"]["email"]: member for member in members}
        assert set(people) == {"bo@acme.test", "dee@acme.test"}
        assert people["dee@acme.test"]["user"]["id"] is None, "tied to no account before the first sign-in (R41)"
        await acme.call("Bo", "GET", acme.org)
        directory.deactivate(bo)
        await acme.call("Bo", "GET", acme.org, expect=401)
        await acme.call("Ada", "GET", f"{acme.org}/members/{bo}", expect=404)
        dees = await acme.sign_in("Dee", IDP_PASSWORD)
        assert (await acme.call("Dee", "GET", f"{acme.org}/members/{dee}"))["user"]["id"] == dees["user"]["id"]
    acme.ids["scim_token"] = enabled["token"]


async def disabling_gives_passwords_and_invitations_back(acme: Company) -> None:
    """Act 6."""
    preview = await acme.call("Ada", "POST", f"{acme.org}/sso/disable/preview")
    disabled = await acme.call("Ada", "POST", f"{acme.org}/sso/disable")
    assert disabled["effects"] == preview
    assert preview["directory_disabled"] is True
    await acme.call("Dee", "GET", acme.org, expect=401)
    await acme.call("Ada", "GET", acme.org)
    scim = {"Authorization": f"Bearer {acme.ids['scim_token']}"}
    assert (await acme.http.get("/scim/v2/Users", headers=scim)).status_code == 401
    password = {"email": "ada@acme.test", "password": PASSWORD}
    acme.tokens["Ada"] = (await acme.call(None, "POST", "/v1/auth/sign-in", password))["token"]
    invitation = {"email": "eve@acme.test", "role": "member"}
    await acme.call("Ada", "POST", f"{acme.org}/invitations", invitation, expect=201)


async def every_step_left_an_audit_event(acme: Company) -> None:
    """R60."""
    events = (await acme.call("Ada", "GET", f"{acme.org}/audit-events?limit=200"))["data"]
    assert {
        "organization.created",
        "organization.entitlements_set",
        "invitation.created",
        "invitation.accepted",
        "team.created",
        "team.member_added",
        "database.created",
        "database.administrator_granted",
        "credential.created",
        "domain.added",
        "domain.verified",
        "connection.created",
        "connection.test_started",
        "connection.activated",
        "sso.enabled",
        "identity.linked",
        "member.joined",
        "member.signed_in",
        "directory.enabled",
        "directory.token_created",
        "member.taken_over",
        "member.removed",
        "directory.disabled",
        "sso.disabled",
    } <= {event["action"] for event in events}
    assert all(event["actor"]["kind"] and event["target"]["id"] for event in events)
    text = str(events)
    assert not any(
        secret in text for secret in ("ost_ses_", "ost_scim_", "ost_rec_", "ost_inv_", "ost_db_", "ost_code_")
    )
