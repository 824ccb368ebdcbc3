"""Trying a connection out: a full sign-in that changes nothing and shows its trace (R4)."""

from typing import Any

import httpx2
import pytest

from tests.e2e.saml.conftest import post
from tests.support.browser import text_of
from tests.support.problem import code_of
from tests.support.scripted_idp import Departure, ScriptedIdp
from tests.support.service import Company
from tests.support.sso import read_request


@pytest.fixture
async def idp(acme: Company) -> ScriptedIdp:
    """An identity provider nobody has signed in through; SSO is off."""
    return await ScriptedIdp.connected(acme)


async def depart_on_test(acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient) -> Departure:
    """Ada begins a test sign-in and opens its address."""
    test = await acme.call("Ada", "POST", f"{idp.address}/test")
    start = await browser.get(test["sign_in_url"])
    assert start.status_code == 302
    return Departure(*read_request(start.headers["location"]))


async def everything(acme: Company) -> dict[str, Any]:
    """What a sign-in could change."""
    return {path: await acme.call("Ada", "GET", acme.org + path) for path in ("", "/members", "/sso", "/teams")}


async def test_R4_it_makes_no_session_link_or_member_and_shows_each_step(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    before = await everything(acme)
    departed = await depart_on_test(acme, idp, browser)
    answer = idp.form(idp.says(departed.request_id), departed.relay_state)
    page = await browser.post(answer.url, data=answer.fields, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "Nothing was changed" in text_of(page)
    assert "audience" in text_of(page)
    assert not list(browser.cookies.jar)
    assert await everything(acme) == before
    [trace] = (await acme.call("Ada", "GET", f"{acme.org}/sign-ins"))["data"]
    assert trace["id"] in page.text
    assert (trace["purpose"], trace["outcome"], trace["email"]) == ("test", "succeeded", acme.email("Bo"))
    assert all(step["passed"] for step in trace["steps"])
    assert {"request sent", "guard", "assertion signature", "audience", "recipient", "first use", "e-mail domain"} <= {
        step["name"] for step in trace["steps"]
    }
    # Nobody was linked: Bo has no account at all.
    password = {"email": acme.email("Bo"), "password": "a sentence works well", "name": "Bo"}
    await acme.call(None, "POST", "/v1/auth/sign-up", password, expect=201)


async def test_R4_enabling_asks_for_one_or_for_an_acknowledgement(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    refused = await acme.call("Ada", "POST", f"{acme.org}/sso/enable", expect=409)
    assert refused["code"] == "connection_untested"
    departed = await depart_on_test(acme, idp, browser)
    await post(browser, idp.form(idp.says(departed.request_id), departed.relay_state))
    assert (await acme.call("Ada", "GET", idp.address))["tested"] is True
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable")


async def test_a_test_that_fails_is_told_with_its_reason_and_proves_nothing(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await depart_on_test(acme, idp, browser)
    elsewhere = idp.form(idp.says(departed.request_id, "bo@elsewhere.test"), departed.relay_state)
    problem, trace = await acme.refusal(elsewhere)
    assert (problem["code"], trace["code"]) == ("email_domain_not_allowed", "email_domain_not_allowed")
    assert (trace["purpose"], trace["outcome"]) == ("test", "refused")
    assert (await acme.call("Ada", "GET", idp.address))["tested"] is False


async def test_its_address_is_for_tests_and_an_answer_to_it_signs_nobody_in(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable", {"acknowledge_untested": True})
    departed = await idp.depart(browser)
    address = f"{acme.service.url}/sso/{acme.slug}/test"
    for flow in (departed.relay_state, "ost_rs_nobody", "x"):
        assert code_of(await browser.get(address, params={"flow": flow}), 404) == "flow_not_found"
    tested = await depart_on_test(acme, idp, browser)
    answer = await post(browser, idp.form(idp.says(tested.request_id), tested.relay_state))
    assert answer.json()["outcome"] == "succeeded"
    assert "location" not in answer.headers


async def test_only_administrators_begin_one(acme: Company, idp: ScriptedIdp) -> None:
    await acme.sign_up("Mallory")
    await acme.call("Mallory", "POST", f"{idp.address}/test", expect=404)
    await acme.call(None, "POST", f"{idp.address}/test", expect=401)


async def test_a_connection_that_is_not_active_can_be_tested_and_nothing_else(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable", {"acknowledge_untested": True})
    other = {"entity_id": "https://two.test", "sso_url": "https://two.test/sso"}
    draft = await acme.connect({**other, "certificates": [idp.party.certificate_pem]})
    assert draft["status"] == "testing"
    address = f"{acme.org}/connections/{draft['id']}"
    test = await acme.call("Ada", "POST", f"{address}/test")
    assert (await browser.get(test["sign_in_url"])).status_code == 302
    refused = await browser.get(f"{acme.service.url}/sso/{acme.slug}", params={"connection": draft["id"]})
    assert code_of(refused, 409) == "connection_not_active"
    trace = await acme.call("Ada", "GET", f"{acme.org}/sign-ins/{refused.json()['trace_id']}")
    assert (trace["outcome"], trace["code"], trace["connection_id"]) == (
        "refused",
        "connection_not_active",
        draft["id"],
    )
    assert "is testing. Run a test sign-in" in trace["hint"]
