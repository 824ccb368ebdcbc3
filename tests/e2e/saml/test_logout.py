"""Single logout over HTTP, begun here and begun at the identity provider, by redirect and by form."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from ostiary.domain.assertion import Reason
from ostiary.domain.connection import Binding, NameIdFormat
from ostiary.domain.logout import PARTIAL_LOGOUT, LogoutRequest, LogoutResponse
from tests.e2e.saml.conftest import enable_sso
from tests.support.browser import text_of
from tests.support.house import bearer
from tests.support.logout_factory import Wish, redirected, request
from tests.support.problem import code_of
from tests.support.saml_factory import SUCCESS, attacker, form_value
from tests.support.scripted_idp import ScriptedIdp
from tests.support.scripted_logout import SLO, LogoutIdp, Sent
from tests.support.service import Company

ME = "/v1/me"


@pytest.fixture(params=list(Binding))
async def idp(request: pytest.FixtureRequest, acme: Company) -> LogoutIdp:
    """An identity provider with single logout by the binding; acme has SSO on."""
    scripted = await ScriptedIdp.connected(acme, endpoints={"slo_url": SLO, "slo_binding": request.param})
    await enable_sso(acme)
    return await LogoutIdp.of(scripted, request.param)


async def living(acme: Company, *tokens: str) -> list[bool]:
    """Which of the sessions still open something."""
    answers = [await acme.http.get(ME, headers=bearer(token)) for token in tokens]
    assert {answer.status_code for answer in answers} <= {200, 401}
    return [answer.status_code == 200 for answer in answers]


async def sign_out(acme: Company, token: str) -> str | None:
    answer = await acme.http.post("/v1/auth/sign-out", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()["single_logout_url"]


async def departed(acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient, token: str) -> Sent:
    """Sign out, and go on to the identity provider."""
    url = await sign_out(acme, token)
    assert url is not None
    return idp.read(await browser.get(url))


# Begun here.


async def test_a_sign_out_goes_on_to_the_identity_provider_and_comes_back(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    bo, other = await idp.sign_in(browser, "Bo", "_s1"), await idp.sign_in(browser, "Bo", "_s2")
    sent = await departed(acme, idp, browser, bo)
    assert await living(acme, bo, other) == [False, True]
    assert sent.url == SLO
    said = sent.message
    assert isinstance(said, LogoutRequest)
    assert (said.destination, said.session_indexes) == (SLO, ("_s1",))
    assert (said.name_id.value, said.name_id.format) == (acme.email("Bo"), NameIdFormat.EMAIL)
    assert sent.relay_state
    back = await idp.send(browser, idp.answers(sent), sent.relay_state)
    assert back.status_code == 200
    assert "at your identity provider" in text_of(back)
    assert await living(acme, other) == [True]


async def test_the_address_of_a_sign_out_may_be_opened_again_until_it_was_answered(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    url = await sign_out(acme, await idp.sign_in(browser, "Bo", "_s1"))
    assert url is not None
    first, again = idp.read(await browser.get(url)), idp.read(await browser.get(url))
    assert (first.message.id, first.relay_state) == (again.message.id, again.relay_state)
    await idp.send(browser, idp.answers(first), first.relay_state)
    assert code_of(await browser.get(url), 404) == "flow_not_found"


async def test_the_address_of_a_sign_out_ends_after_ten_minutes(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    url = await sign_out(acme, await idp.sign_in(browser, "Bo", "_s1"))
    assert url is not None
    acme.service.clock.turn(timedelta(minutes=10))
    assert code_of(await browser.get(url), 404) == "flow_not_found"


@pytest.mark.parametrize(
    "status",
    [
        f'<samlp:StatusCode Value="{SUCCESS}"><samlp:StatusCode Value="{PARTIAL_LOGOUT}"/></samlp:StatusCode>',
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>',
    ],
    ids=["partial", "failure"],
)
async def test_who_is_not_signed_out_everywhere_is_told_so(
    status: str, acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    sent = await departed(acme, idp, browser, await idp.sign_in(browser, "Bo", "_s1"))
    back = await idp.send(browser, idp.answers(sent, status=status), sent.relay_state)
    assert "could not end all of its sessions" in text_of(back)


async def test_an_answer_to_another_request_is_refused_and_the_right_one_still_taken(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    sent = await departed(acme, idp, browser, await idp.sign_in(browser, "Bo", "_s1"))
    wrong = await idp.send(browser, idp.answers(sent, in_response_to="_other"), sent.relay_state)
    assert await reason_of(acme, wrong) == Reason.IN_RESPONSE_TO
    unknown = await idp.send(browser, idp.answers(sent), "ost_rs_unknown")
    assert await reason_of(acme, unknown) == Reason.UNKNOWN_REQUEST
    forged = await idp.send(browser, idp.answers(sent), sent.relay_state, by=attacker())
    assert await reason_of(acme, forged) in {Reason.SIGNATURE_INVALID, Reason.CERTIFICATE_UNKNOWN}
    assert (await idp.send(browser, idp.answers(sent), sent.relay_state)).status_code == 200
    twice = await idp.send(browser, idp.answers(sent), sent.relay_state)
    assert await reason_of(acme, twice) == Reason.UNKNOWN_REQUEST


async def test_a_password_session_has_nowhere_to_go_on_to(acme: Company, idp: LogoutIdp) -> None:
    assert await sign_out(acme, acme.tokens["Ada"]) is None
    assert await living(acme, acme.tokens["Ada"]) == [False]


async def test_without_single_logout_at_the_identity_provider_a_sign_out_ends_here(
    acme: Company, browser: httpx2.AsyncClient
) -> None:
    idp = await LogoutIdp.of(await ScriptedIdp.connected(acme), Binding.REDIRECT)
    await enable_sso(acme)
    token = await idp.sign_in(browser, "Bo", "_s1")
    kept = await idp.sign_in(browser, "Cy", "_s1")
    assert await sign_out(acme, token) is None
    # It may still tell us of a logout, and the browser stays here.
    ended = await idp.send(browser, idp.wish("Cy"))
    assert "You are signed out" in text_of(ended)
    assert await living(acme, token, kept) == [False, False]


# Begun at the identity provider.


async def test_a_logout_ends_exactly_the_session_it_names_and_is_answered(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    named = await idp.sign_in(browser, "Bo", "_s1")
    others = [await idp.sign_in(browser, "Bo", "_s2"), await idp.sign_in(browser, "Cy", "_s1"), acme.tokens["Ada"]]
    wish = idp.wish("Bo", "_s1")
    sent = idp.read(await idp.send(browser, wish, "theirs"))
    assert await living(acme, named, *others) == [False, True, True, True]
    said = sent.message
    assert isinstance(said, LogoutResponse)
    assert (said.in_response_to, said.destination, said.everywhere) == (wish.id, SLO, True)
    assert (sent.url, sent.relay_state) == (SLO, "theirs")
    events = await acme.call("Ada", "GET", f"{acme.org}/audit-events?action=session.logged_out")
    [event] = events["data"]
    assert event["actor"]["kind"] == "connection"
    assert event["before"] == {"sessions": 1}
    traces = (await acme.call("Ada", "GET", f"{acme.org}/sign-ins"))["data"]
    [trace] = [trace for trace in traces if trace["purpose"] == "logout"]
    assert (trace["outcome"], trace["steps"][0]["passed"]) == ("succeeded", True)
    assert "_s1" in trace["steps"][0]["detail"]


async def test_an_answer_passes_in_a_frame_of_the_identity_provider_and_a_request_does_not(
    acme: Company, browser: httpx2.AsyncClient
) -> None:
    endpoints = {"slo_url": SLO, "slo_binding": "post"}
    idp = await LogoutIdp.of(await ScriptedIdp.connected(acme, endpoints=endpoints), Binding.POST)
    await enable_sso(acme)
    url = await sign_out(acme, await idp.sign_in(browser, "Bo", "_s1"))
    assert url is not None
    request_page, answer_page = await browser.get(url), await idp.send(browser, idp.wish("Bo"))
    assert "frame-ancestors 'none'" in request_page.headers["content-security-policy"]
    assert request_page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors https: https://idp.test;" in answer_page.headers["content-security-policy"]
    assert "x-frame-options" not in answer_page.headers


async def test_a_logout_without_a_session_ends_all_of_the_persons_sessions_of_the_connection(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    ended = [await idp.sign_in(browser, "Bo", "_s1"), await idp.sign_in(browser, "Bo", "_s2")]
    kept = [await idp.sign_in(browser, "Cy", "_s1")]
    second = await ScriptedIdp.connected(acme, "second idp", endpoints={"slo_url": SLO})
    elsewhere = await LogoutIdp.of(second, Binding.REDIRECT)
    assert isinstance(idp.read(await idp.send(browser, idp.wish("Bo"))).message, LogoutResponse)
    assert await living(acme, *ended, *kept) == [False, False, True]
    # Of the other connection it ends nothing.
    again = await idp.sign_in(browser, "Bo", "_s3")
    await elsewhere.send(browser, elsewhere.wish("Bo"))
    assert await living(acme, again) == [True]


async def test_a_logout_ends_several_sessions_it_names(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    tokens = [await idp.sign_in(browser, "Bo", f"_s{number}") for number in range(3)]
    await idp.send(browser, idp.wish("Bo", "_s0", "_s2"))
    assert await living(acme, *tokens) == [False, True, False]


@pytest.mark.parametrize("name_id_format", [NameIdFormat.UNSPECIFIED, NameIdFormat.EMAIL])
async def test_an_address_is_the_same_person_however_it_is_written(
    name_id_format: NameIdFormat, acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    token = await idp.sign_in(browser, "Bo", "_s1")
    wish = idp.wish("Bo", "_s1")
    await idp.send(browser, replace(wish, name_id=wish.name_id.upper(), name_id_format=name_id_format))
    assert await living(acme, token) == [False]


async def test_a_person_nobody_knows_is_logged_out_already(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    token = await idp.sign_in(browser, "Bo", "_s1")
    said = idp.read(await idp.send(browser, idp.wish("Nobody"))).message
    assert isinstance(said, LogoutResponse)
    assert said.everywhere
    assert await living(acme, token) == [True]


async def test_a_logout_ends_the_code_that_is_not_a_session_yet(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    flow = await idp.idp.depart(browser)
    form = idp.idp.form(idp.idp.says(flow.request_id), flow.relay_state)
    back = await browser.post(form.url, data=form.fields)
    await idp.send(browser, idp.wish("Bo", "_session1"))
    assert code_of(await browser.get(acme.service.url + back.headers["location"]), 422) == "invalid_code"


# What is refused, and keeps the session.


async def reason_of(acme: Company, response: httpx2.Response) -> str:
    """Why a message was refused, which the trace tells and the browser does not."""
    assert code_of(response, 403) == "logout_refused"
    problem: dict[str, Any] = response.json()
    trace = await acme.call("Ada", "GET", f"{acme.org}/sign-ins/{problem['trace_id']}")
    assert (trace["purpose"], trace["outcome"]) == ("logout", "refused")
    assert trace["code"] not in response.text
    assert trace["hint"] not in response.text
    return str(trace["code"])


def _elsewhere(wish: Wish) -> Wish:
    return replace(wish, destination="https://elsewhere.test/slo")


def _to_the_acs(wish: Wish) -> Wish:
    return replace(wish, destination=(wish.destination or "").replace("/slo", "/acs"))


def _nowhere(wish: Wish) -> Wish:
    return replace(wish, destination=None)


def _by_a_stranger(wish: Wish) -> Wish:
    return replace(wish, issuer="https://second-idp.test/metadata")


def _expired(wish: Wish) -> Wish:
    return replace(wish, not_on_or_after=wish.issued_at - timedelta(seconds=60))


def _old(wish: Wish) -> Wish:
    return replace(wish, not_on_or_after=None, issued_at=wish.issued_at - timedelta(minutes=6))


def _of_tomorrow(wish: Wish) -> Wish:
    return replace(wish, issued_at=wish.issued_at + timedelta(days=1), not_on_or_after=None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_elsewhere, Reason.DESTINATION),
        (_to_the_acs, Reason.DESTINATION),
        (_nowhere, Reason.DESTINATION),
        (_by_a_stranger, Reason.ISSUER),
        (_expired, Reason.EXPIRED),
        (_old, Reason.EXPIRED),
        (_of_tomorrow, Reason.NOT_YET_VALID),
    ],
)
async def test_a_logout_from_elsewhere_for_elsewhere_or_out_of_its_time_is_refused(
    change: Callable[[Wish], Wish], reason: Reason, acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    token = await idp.sign_in(browser, "Bo", "_s1")
    refused = await idp.send(browser, change(idp.wish("Bo", "_s1")))
    assert await reason_of(acme, refused) == reason
    assert await living(acme, token) == [True]


async def test_a_logout_another_party_signed_is_refused(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    token = await idp.sign_in(browser, "Bo", "_s1")
    refused = await idp.send(browser, idp.wish("Bo", "_s1"), by=attacker())
    assert await reason_of(acme, refused) in {Reason.SIGNATURE_INVALID, Reason.CERTIFICATE_UNKNOWN}
    assert await living(acme, token) == [True]


async def test_an_unsigned_logout_is_refused(acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient) -> None:
    token = await idp.sign_in(browser, "Bo", "_s1")
    bare = request(idp.wish("Bo", "_s1"))
    if idp.binding is Binding.REDIRECT:
        query = redirected(bare, by=idp.idp.party).partition("&SigAlg")[0]
        refused = await browser.get(f"{idp.url}?{query}")
    else:
        refused = await browser.post(idp.url, data={"SAMLRequest": form_value(bare)})
    assert await reason_of(acme, refused) == Reason.SIGNATURE_MISSING
    assert await living(acme, token) == [True]


async def test_a_logout_sent_again_is_refused(acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient) -> None:
    wish = idp.wish("Bo")
    idp.read(await idp.send(browser, wish))
    token = await idp.sign_in(browser, "Bo", "_s2")
    assert await reason_of(acme, await idp.send(browser, wish)) == Reason.REPLAYED
    assert await living(acme, token) == [True]


async def test_another_connections_identity_provider_logs_nobody_out_here(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    token = await idp.sign_in(browser, "Bo", "_s1")
    second = await ScriptedIdp.connected(acme, "second idp")
    refused = await idp.send(browser, replace(idp.wish("Bo"), issuer=second.entity_id), by=second.party)
    assert await reason_of(acme, refused) in {Reason.SIGNATURE_INVALID, Reason.CERTIFICATE_UNKNOWN}
    own = await idp.send(browser, replace(idp.wish("Bo"), id="_own"), by=second.party)
    assert await reason_of(acme, own) in {Reason.SIGNATURE_INVALID, Reason.CERTIFICATE_UNKNOWN}
    assert await living(acme, token) == [True]


async def test_a_parameter_by_another_name_is_not_passed_over(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    query = redirected(request(idp.wish("Bo")), by=idp.idp.party)
    # Decoded whole, the query would have a relay state that was not signed.
    refused = await browser.get(httpx2.URL(idp.url, query=f"{query}&%52elayState=x".encode()))
    assert await reason_of(acme, refused) == Reason.MALFORMED


async def test_a_connection_that_does_not_exist_is_not_found(acme: Company, browser: httpx2.AsyncClient) -> None:
    url = f"{acme.service.url}/saml/conn_01h455vb4pex5vsknk084sn02q"
    assert code_of(await browser.get(f"{url}/slo?SAMLRequest=x"), 404) == "connection_not_found"
    assert code_of(await browser.post(f"{url}/slo", data={"SAMLRequest": "x"}), 404) == "connection_not_found"
    assert code_of(await browser.get(f"{url}/logout?flow=x"), 404) == "connection_not_found"


async def test_a_form_with_a_request_and_a_response_is_refused(
    acme: Company, idp: LogoutIdp, browser: httpx2.AsyncClient
) -> None:
    both = {"SAMLRequest": "x", "SAMLResponse": "x"}
    for fields in (both, {"RelayState": "x"}):
        assert code_of(await browser.post(idp.url, data=fields), 422) == "invalid_request"


async def test_a_person_reads_a_page(idp: LogoutIdp, browser: httpx2.AsyncClient) -> None:
    refused = await browser.get(f"{idp.url}?SAMLRequest=x", headers={"Accept": "text/html"})
    assert refused.status_code == 403
    assert "The sign-out was not completed" in text_of(refused)
