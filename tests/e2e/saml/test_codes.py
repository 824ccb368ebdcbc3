"""The frontend's half of a sign-in: where it may end, and the one-time code that becomes a session (RFC 7636)."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.e2e.saml.conftest import ALLOWED, post
from tests.support.problem import code_of as problem_code
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import CHALLENGE, REDIRECT_URI, VERIFIER, Company, code_of

FRONTEND = {"redirect_uri": REDIRECT_URI, "state": "s-1", "code_challenge": CHALLENGE}
OTHER_VERIFIER = VERIFIER.replace("a", "b")


async def come_back(idp: ScriptedIdp, browser: httpx2.AsyncClient, **query: str) -> httpx2.Response:
    """Bo's answer handed in: what the assertion consumer service says."""
    departed = await idp.depart(browser, **(query or FRONTEND))
    return await post(browser, idp.form(idp.says(departed.request_id), departed.relay_state))


async def exchange(acme: Company, code: str, verifier: str = VERIFIER, *, expect: int = 200) -> dict[str, Any]:
    return await acme.call(None, "POST", "/v1/auth/token", {"code": code, "code_verifier": verifier}, expect=expect)


async def who_am_i(acme: Company, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await acme.http.get("/v1/me", headers=headers)).status_code


async def test_a_code_becomes_a_session_of_this_organization_alone(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    back = await come_back(idp, browser)
    assert back.headers["cache-control"] == "no-store"
    assert back.headers["referrer-policy"] == "no-referrer"
    signed_in = await exchange(acme, code_of(back))
    organization = await acme.call("Ada", "GET", acme.org)
    assert signed_in["session"]["kind"] == "sso"
    assert signed_in["session"]["organization_id"] == organization["id"]
    assert signed_in["session"]["connection_id"] == idp.connection_id
    assert signed_in["user"]["email"] == acme.email("Bo")
    assert await who_am_i(acme, signed_in["token"]) == 200


async def test_a_wrong_verifier_gets_nothing_and_the_right_one_still_does(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    code = code_of(await come_back(idp, browser))
    assert (await exchange(acme, code, OTHER_VERIFIER, expect=422))["code"] == "invalid_code"
    await exchange(acme, code)


async def test_using_a_code_twice_revokes_its_session(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    code = code_of(await come_back(idp, browser))
    signed_in = await exchange(acme, code)
    assert (await exchange(acme, code, expect=422))["code"] == "invalid_code"
    assert await who_am_i(acme, signed_in["token"]) == 401


async def test_R63_a_code_used_twice_at_the_same_moment_leaves_no_session(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    body = {"code": code_of(await come_back(idp, browser)), "code_verifier": VERIFIER}
    answers = await asyncio.gather(*(acme.http.post("/v1/auth/token", json=body) for _ in range(2)))
    [signed_in] = [answer.json() for answer in answers if answer.status_code == 200]
    assert await who_am_i(acme, signed_in["token"]) == 401


async def test_a_code_lives_for_sixty_seconds(acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient) -> None:
    young, old = code_of(await come_back(idp, browser)), code_of(await come_back(idp, browser))
    acme.service.clock.turn(timedelta(seconds=50))
    await exchange(acme, young)
    acme.service.clock.turn(timedelta(seconds=11))
    assert (await exchange(acme, old, expect=422))["code"] == "invalid_code"


async def test_R63_a_code_of_somebody_removed_meanwhile_opens_nothing(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    code = code_of(await come_back(idp, browser))
    [bo] = (await acme.call("Ada", "GET", f"{acme.org}/members?q=bo@"))["data"]
    await acme.call("Ada", "DELETE", f"{acme.org}/members/{bo['id']}", expect=204)
    assert (await exchange(acme, code, expect=422))["code"] == "invalid_code"


async def test_R57_a_code_from_before_sso_was_switched_off_opens_nothing(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    code = code_of(await come_back(idp, browser))
    await acme.call("Ada", "POST", f"{acme.org}/sso/disable")
    assert (await exchange(acme, code, expect=422))["code"] == "invalid_code"


async def test_a_code_meant_for_a_frontend_is_not_taken_by_the_browser_nor_the_other_way_round(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    for_frontend = code_of(await come_back(idp, browser))
    taken = await browser.get(f"{acme.service.url}/sso/finish", params={"code": for_frontend})
    assert problem_code(taken, 422) == "invalid_code"
    assert "ostiary" not in browser.cookies
    departed = await idp.depart(browser)
    finish = await post(browser, idp.form(idp.says(departed.request_id), departed.relay_state))
    [(_, for_browser)] = parse_qsl(urlsplit(finish.headers["location"]).query)
    assert (await exchange(acme, for_browser, expect=422))["code"] == "invalid_code"


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.test/callback",
        "https://app.acme.test/callback",
        f"{ALLOWED}&more=1",
        f"{ALLOWED}#fragment",
        "https://app.acme.test.evil.test/callback?from=sso",
        "https://app.acme.test@evil.test/callback?from=sso",
        "HTTPS://app.acme.test/callback?from=sso",
        "http://localhost.evil.test/",
        "http://localhost@evil.test/",
        "https://localhost/",
        "javascript:alert(1)",
        "//localhost/",
        "",
    ],
)
async def test_a_redirect_uri_that_is_not_on_the_list_is_refused(
    redirect_uri: str, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    query = FRONTEND | {"redirect_uri": redirect_uri}
    refused = await browser.get(f"{acme.service.url}/sso/{acme.slug}", params=query)
    assert problem_code(refused, 422) == "invalid_redirect_uri"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": ""}, "invalid_state"),
        ({"code_challenge": ""}, "invalid_code_challenge"),
        ({"code_challenge": VERIFIER}, "invalid_code_challenge"),
        ({"code_challenge": f"{CHALLENGE[:-1]}="}, "invalid_code_challenge"),
    ],
    ids=["no state", "no challenge", "the plain verifier", "padding"],
)
async def test_a_redirect_uri_needs_a_state_and_a_challenge(
    change: dict[str, str], code: str, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    refused = await browser.get(f"{acme.service.url}/sso/{acme.slug}", params=FRONTEND | change)
    assert problem_code(refused, 422) == code


async def test_a_redirect_uri_keeps_its_query_and_the_state_comes_back_as_it_was(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    state = "ünder / ?&=#"
    back = await come_back(idp, browser, redirect_uri=ALLOWED, state=state, code_challenge=CHALLENGE)
    assert back.status_code == 303
    location = back.headers["location"]
    assert location.startswith(f"{ALLOWED}&")
    query = dict(parse_qsl(urlsplit(location).query, strict_parsing=True))
    assert (query["from"], query["state"]) == ("sso", state)
    await exchange(acme, query["code"])
