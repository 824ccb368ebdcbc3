"""A sign-in that ends in the browser itself: flow cookie, confirmation, session cookie, and who may use it."""

import httpx2
import pytest

from tests.e2e.saml.conftest import post
from tests.support.browser import forms_of, text_of
from tests.support.problem import code_of
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import Company

ELSEWHERE = "https://evil.test"


def cookie_line(response: httpx2.Response, name: str) -> str:
    """The Set-Cookie header of one cookie, in lower case."""
    [line] = [line for line in response.headers.get_list("set-cookie") if line.startswith(f"{name}=")]
    return line.lower()


async def finish_url(acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient) -> str:
    """Bo signs in up to the address where the browser's own code is turned in."""
    departed = await idp.depart(browser)
    back = await post(browser, idp.form(idp.says(departed.request_id), departed.relay_state))
    assert back.status_code == 303
    assert back.headers["location"].startswith("/sso/finish?code=")
    return acme.service.url + back.headers["location"]


async def test_the_browser_that_began_gets_the_session_cookie(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    start = await browser.get(f"{acme.service.url}/sso/{acme.slug}")
    flow = cookie_line(start, "ostiary_flow")
    assert {"httponly", "samesite=lax", "path=/sso", "max-age=600"} <= set(flow.split("; "))

    finished = await browser.get(await finish_url(acme, idp, browser))
    assert finished.status_code == 200
    assert f"Signed in as {acme.email('Bo')}" in text_of(finished)
    session = set(cookie_line(finished, "ostiary").split("; "))
    assert {"httponly", "samesite=lax", "path=/"} <= session
    assert "ostiary_flow" not in browser.cookies
    me = await browser.get(f"{acme.service.url}/v1/me")
    assert me.json()["email"] == acme.email("Bo")


async def test_another_browser_is_refused_and_the_rightful_one_is_not_hindered(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    url = await finish_url(acme, idp, browser)
    async with httpx2.AsyncClient(trust_env=False) as victim:
        # An attacker's sign-in, handed to somebody who began none, or one of their own (login CSRF).
        assert code_of(await victim.get(url), 403) == "sign_in_not_yours"
        await idp.depart(victim)
        assert code_of(await victim.get(url), 403) == "sign_in_not_yours"
        assert "ostiary" not in victim.cookies
    assert (await browser.get(url)).status_code == 200


async def test_the_address_works_once(acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient) -> None:
    url = await finish_url(acme, idp, browser)
    flow = browser.cookies["ostiary_flow"]
    await browser.get(url)
    browser.cookies.set("ostiary_flow", flow, domain="127.0.0.1", path="/sso")
    assert code_of(await browser.get(url), 422) == "invalid_code"
    assert (await browser.get(f"{acme.service.url}/v1/me")).status_code == 401


async def test_a_change_by_cookie_must_come_from_an_allowed_origin(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    await browser.get(await finish_url(acme, idp, browser))
    me = f"{acme.service.url}/v1/me"

    async def rename(name: str, headers: dict[str, str]) -> httpx2.Response:
        return await browser.patch(me, json={"name": name}, headers=headers)

    for headers in ({}, {"Origin": ELSEWHERE}, {"Origin": "null"}, {"Origin": f"{acme.service.url}.evil.test"}):
        assert code_of(await rename("Mallory", headers), 403) == "origin_not_allowed"
    assert (await browser.get(me)).json()["name"] == "bo"
    assert (await rename("Bo Diddley", {"Origin": acme.service.url})).status_code == 200
    assert (await browser.get(me, headers={"Origin": ELSEWHERE})).json()["name"] == "Bo Diddley"
    assert "access-control-allow-origin" not in (await browser.get(me, headers={"Origin": ELSEWHERE})).headers
    out = await browser.post(f"{acme.service.url}/v1/auth/sign-out", headers={"Origin": acme.service.url})
    assert (out.status_code, out.json()) == (200, {"single_logout_url": None})
    assert "ostiary" not in browser.cookies
    assert (await browser.get(me)).status_code == 401


async def test_R26_without_leave_no_sign_in_begins_at_the_identity_provider(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    problem, trace = await acme.refusal(idp.form(idp.says(None), None))
    assert (problem["code"], trace["code"]) == ("sign_in_refused", "unsolicited_response")


@pytest.fixture
async def open_idp(acme: Company, idp: ScriptedIdp) -> ScriptedIdp:
    """The same, with sign-ins that begin there allowed."""
    changed = await acme.call("Ada", "PATCH", idp.address, {"allow_idp_initiated": True})
    assert any("login CSRF" in warning for warning in changed["warnings"])
    return idp


async def arrived_unasked(acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, **fields: str) -> str:
    back = await post(browser, idp.form(idp.says(None), None).filled(**fields))
    assert back.status_code == 303
    assert back.headers["location"].startswith("/sso/finish?code=")
    return acme.service.url + back.headers["location"]


@pytest.mark.parametrize("relay_state", ["", f"{ELSEWHERE}/welcome", "https://app.acme.test/callback?from=sso"])
async def test_R26_a_sign_in_that_began_at_the_identity_provider_is_confirmed_by_the_person(
    relay_state: str, acme: Company, open_idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    fields = {"RelayState": relay_state} if relay_state else {}
    asked = await browser.get(await arrived_unasked(acme, open_idp, browser, **fields))
    assert asked.status_code == 200
    assert f"Sign in to Acme as {acme.email('Bo')}?" in text_of(asked)
    assert ELSEWHERE not in asked.text
    assert "ostiary" not in browser.cookies
    # Told by the browser only under a referrer policy that allows it.
    assert asked.headers["referrer-policy"] == "same-origin"
    [form] = forms_of(asked)

    for headers in ({}, {"Origin": ELSEWHERE}, {"Origin": "null"}):
        refused = await browser.post(form.url, data=form.fields, headers=headers)
        assert code_of(refused, 403) == "origin_not_allowed"
    assert "ostiary" not in browser.cookies

    confirmed = await browser.post(form.url, data=form.fields, headers={"Origin": acme.service.url})
    assert f"Signed in as {acme.email('Bo')}" in text_of(confirmed)
    assert (await browser.get(f"{acme.service.url}/v1/me")).json()["email"] == acme.email("Bo")
    assert code_of(await browser.get(f"{form.url}?code={form.fields['code']}"), 422) == "invalid_code"


async def test_an_answer_to_a_request_is_not_taken_for_a_sign_in_that_began_at_the_identity_provider(
    acme: Company, open_idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await open_idp.depart(browser)
    problem, trace = await acme.refusal(open_idp.form(open_idp.says(departed.request_id), None))
    assert (problem["code"], trace["code"]) == ("sign_in_refused", "unsolicited_response")


async def test_an_unasked_assertion_signs_in_once(
    acme: Company, open_idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    form = open_idp.form(open_idp.says(None), None)
    assert (await post(browser, form)).status_code == 303
    problem, trace = await acme.refusal(form)
    assert (problem["code"], trace["code"]) == ("sign_in_refused", "assertion_replayed")


async def test_a_name_in_an_assertion_is_text_on_every_page(
    acme: Company, open_idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    await acme.call("Ada", "PATCH", acme.org, {"name": "<script>alert(1)</script>"})
    asked = await browser.get(await arrived_unasked(acme, open_idp, browser))
    assert "<script>alert(1)</script>" in text_of(asked)
    assert "<script>" not in asked.text
    assert "script-src" not in asked.headers["content-security-policy"]
