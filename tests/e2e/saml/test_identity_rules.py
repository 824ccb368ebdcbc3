"""Whose account an assertion is, over HTTP: two organizations of one identity provider, renames, new ids (R30-R35)."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import httpx2
import pytest

from ostiary.domain.connection import NameIdFormat
from tests.e2e.saml.conftest import company, enable_sso, post
from tests.support.house import bearer
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import CHALLENGE, REDIRECT_URI, VERIFIER, Company, Service, code_of

FRONTEND = {"redirect_uri": REDIRECT_URI, "state": "s-1", "code_challenge": CHALLENGE}
OKTA = "acme.okta.test"

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Group:
    """Three organizations of one owner and one domain: two at one Okta tenant, the third at another."""

    acme: ScriptedIdp
    staging: ScriptedIdp
    elsewhere: ScriptedIdp


async def at_okta(organization: Company, host: str) -> ScriptedIdp:
    endpoints = {"sso_url": f"https://{host}/app/{organization.slug}/sso/saml"}
    return await ScriptedIdp.connected(organization, f"{organization.slug} idp", endpoints=endpoints, provider="okta")


@pytest.fixture(scope="module")
async def group(service: Service) -> AsyncGenerator[Group]:
    async with company(service) as acme:
        others = [Company(service, acme.http, f"{acme.slug}-{name}", acme.domain) for name in ("staging", "elsewhere")]
        for other in others:
            other.tokens = acme.tokens
            await other.call("Ada", "POST", "/v1/organizations", {"name": "Acme too", "slug": other.slug}, expect=201)
            plan = f"/v1/operator/organizations/{other.slug}/entitlements"
            await other.call("operator", "PUT", plan, {"plan": "enterprise"})
            await other.verify_domain()
        made = [
            await at_okta(organization, host)
            for organization, host in zip((acme, *others), (OKTA, OKTA, "evil.okta.test"), strict=True)
        ]
        for idp in made:
            await enable_sso(idp.company)
        yield Group(*made)


@pytest.fixture
def who() -> str:
    """Somebody of this test alone."""
    return f"person-{next(_numbers)}"


async def come_back(idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str, internal_id: str) -> httpx2.Response:
    """Through the identity provider, which knows the person by the id, and back."""
    departed = await idp.depart(browser, **FRONTEND)
    said = replace(idp.says(departed.request_id, email), name_id=internal_id, name_id_format=NameIdFormat.PERSISTENT)
    return await post(browser, idp.form(said, departed.relay_state))


async def sign_in(idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str, internal_id: str) -> dict[str, Any]:
    """The person as they see themselves, signed in."""
    exchange = {"code": code_of(await come_back(idp, browser, email, internal_id)), "code_verifier": VERIFIER}
    token = (await idp.company.call(None, "POST", "/v1/auth/token", exchange))["token"]
    me = await idp.company.http.get("/v1/me", headers=bearer(token))
    return me.raise_for_status().json() | {"token": token}


async def conflict(idp: ScriptedIdp, back: httpx2.Response) -> dict[str, Any]:
    """The trace of a sign-in that was refused as a conflict."""
    problem = back.json()
    assert (back.status_code, problem["code"]) == (409, "identity_conflict")
    return await idp.company.call("Ada", "GET", f"{idp.company.org}/sign-ins/{problem['trace_id']}")


async def test_R31_one_person_of_one_identity_provider_is_one_account_in_two_organizations(
    group: Group, browser: httpx2.AsyncClient, who: str
) -> None:
    email = group.acme.company.email(who)
    first = await sign_in(group.acme, browser, email, f"00u-{who}")
    second = await sign_in(group.staging, browser, email, f"00u-{who}")
    assert first["id"] == second["id"]
    # R27: each session opens its own organization.
    for me, own, other in ((first, group.acme, group.staging), (second, group.staging, group.acme)):
        http, headers = own.company.http, bearer(me["token"])
        assert (await http.get(own.company.org, headers=headers)).status_code == 200
        assert (await http.get(other.company.org, headers=headers)).status_code in {403, 404}


async def test_R32_one_id_with_two_addresses_is_a_conflict_that_tells_nothing_of_the_other_organization(
    group: Group, browser: httpx2.AsyncClient, who: str
) -> None:
    email, other = group.acme.company.email(who), group.acme.company.email(f"{who}-renamed")
    await sign_in(group.acme, browser, email, f"00u-{who}")
    trace = await conflict(group.staging, await come_back(group.staging, browser, other, f"00u-{who}"))
    assert "internal id" in trace["hint"]
    assert email not in str(trace)
    assert group.acme.company.ids["connection"] not in str(trace)
    found = await group.staging.company.call("Ada", "GET", f"{group.staging.company.org}/members?q={who}")
    assert found["data"] == []


async def test_R30_the_same_id_at_another_tenant_is_another_person(
    group: Group, browser: httpx2.AsyncClient, who: str
) -> None:
    mine = await sign_in(group.acme, browser, group.acme.company.email(who), f"00u-{who}")
    theirs = await sign_in(group.elsewhere, browser, group.acme.company.email(f"{who}-namesake"), f"00u-{who}")
    assert mine["id"] != theirs["id"]


async def test_R33_a_renamed_person_keeps_the_account_in_both_organizations(
    group: Group, browser: httpx2.AsyncClient, who: str
) -> None:
    email, renamed = group.acme.company.email(who), group.acme.company.email(f"{who}-married")
    before = await sign_in(group.acme, browser, email, f"00u-{who}")
    await sign_in(group.staging, browser, email, f"00u-{who}")
    for idp in (group.acme, group.staging):
        after = await sign_in(idp, browser, renamed, f"00u-{who}")
        assert (after["id"], after["email"]) == (before["id"], renamed)
        [member] = (await idp.company.call("Ada", "GET", f"{idp.company.org}/members?q={who}"))["data"]
        assert member["user"]["email"] == renamed


async def test_R35_a_new_name_id_is_a_conflict_until_an_administrator_deletes_the_old_identity(
    group: Group, browser: httpx2.AsyncClient, who: str
) -> None:
    idp, acme = group.acme, group.acme.company
    email = acme.email(who)
    before = await sign_in(idp, browser, email, f"00u-{who}")
    trace = await conflict(idp, await come_back(idp, browser, email, f"00v-{who}"))
    assert "delete the member's old identity" in trace["hint"]
    [member] = (await acme.call("Ada", "GET", f"{acme.org}/members?q={who}"))["data"]
    identities = f"{acme.org}/members/{member['id']}/identities"
    assert [known["internal_id"] for known in (await acme.call("Ada", "GET", identities))["data"]] == [f"00u-{who}"]
    await acme.call("Ada", "DELETE", identities, expect=204)
    after = await sign_in(idp, browser, email, f"00v-{who}")
    assert after["id"] == before["id"]
    assert [known["internal_id"] for known in (await acme.call("Ada", "GET", identities))["data"]] == [f"00v-{who}"]
    # Whoever had the old id is a stranger behind this address now.
    await conflict(idp, await come_back(idp, browser, email, f"00u-{who}"))


async def test_a_deep_link_survives_a_refusal_and_the_next_try(
    group: Group, browser: httpx2.AsyncClient, who: str
) -> None:
    """The flow is not spent by an answer that is refused: the person lands where they wanted to go."""
    idp = group.acme
    state = "/invoices/42?tab=lines&x=ü#top"
    departed = await idp.depart(browser, **FRONTEND | {"state": state})
    good = idp.says(departed.request_id, idp.company.email(who))
    assert (await post(browser, idp.form(replace(good, audiences=()), departed.relay_state))).status_code == 403
    back = await post(browser, idp.form(good, departed.relay_state))
    location = httpx2.URL(back.headers["location"])
    assert str(location).startswith(f"{REDIRECT_URI}?")
    assert location.params["state"] == state
