"""What a connection lets pass beyond what is safe, what that does, and what is told of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from ostiary.domain.assertion import Reason
from tests.e2e.saml.conftest import post
from tests.support.saml_factory import Said, Signing, signed_response
from tests.support.scripted_idp import ScriptedIdp
from tests.support.scripted_logout import FRONTEND, SLO
from tests.support.service import Company, code_of

RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"


async def change(acme: Company, idp: ScriptedIdp, **settings: Any) -> dict[str, Any]:
    return await acme.call("Ada", "PATCH", idp.address, settings)


async def test_sha1_is_refused_until_the_connection_allows_it_and_says_so(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)

    def weak(said: Said) -> Said:
        return replace(said, assertion_id=f"{said.assertion_id}-weak")

    signing = Signing(by=idp.party, method=RSA_SHA1)
    form = idp.form(signed_response(weak(idp.says(departed.request_id)), how=signing), departed.relay_state)
    _, trace = await acme.refusal(form)
    assert trace["code"] == Reason.ALGORITHM
    changed = await change(acme, idp, allow_sha1=True)
    assert changed["allow_sha1"] is True
    assert any("SHA-1" in warning for warning in changed["warnings"])
    code_of(await post(browser, form))


async def test_the_clocks_may_differ_as_much_as_the_connection_says(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    late = acme.service.clock.now() - timedelta(seconds=90)
    said = replace(idp.says(departed.request_id), not_on_or_after=late, confirmed_until=late)
    _, trace = await acme.refusal(idp.form(said, departed.relay_state))
    assert trace["code"] == Reason.EXPIRED
    assert (await change(acme, idp, clock_skew_seconds=120))["clock_skew_seconds"] == 120
    code_of(await post(browser, idp.form(said, departed.relay_state)))


@pytest.mark.parametrize("seconds", [-1, 301])
async def test_clocks_that_differ_more_are_not_accepted(seconds: int, acme: Company, idp: ScriptedIdp) -> None:
    problem = await acme.call("Ada", "PATCH", idp.address, {"clock_skew_seconds": seconds}, expect=422)
    assert problem["errors"][0]["pointer"] == "/clock_skew_seconds"


async def test_R60_a_change_of_a_setting_is_told_with_what_was_and_what_is(acme: Company, idp: ScriptedIdp) -> None:
    await change(acme, idp, allow_aes_cbc=True, want_assertions_encrypted=True)
    await change(acme, idp, allow_aes_cbc=True)
    events = (await acme.call("Ada", "GET", f"{acme.org}/audit-events?action=connection.updated"))["data"]
    told = [(event["before"]["allow_aes_cbc"], event["after"]["allow_aes_cbc"]) for event in events]
    assert told == [(False, True)]


async def test_a_connection_made_by_hand_keeps_bindings_and_switches_and_says_what_to_do(acme: Company) -> None:
    made = await ScriptedIdp.connected(
        acme,
        endpoints={"slo_url": SLO, "slo_binding": "post", "sso_binding": "post"},
        provider="okta",
        allow_sha1=True,
        allow_aes_cbc=True,
        clock_skew_seconds=0,
    )
    shown = await acme.call("Ada", "GET", made.address)
    idp = shown["idp"]
    assert (idp["slo_url"], idp["slo_binding"], idp["sso_binding"], idp["slo_response_url"]) == (
        SLO,
        "post",
        "post",
        None,
    )
    assert (shown["allow_sha1"], shown["allow_aes_cbc"], shown["clock_skew_seconds"]) == (True, True, 0)
    sp = shown["sp"]
    assert sp["slo_url"] == f"{acme.service.url}/saml/{shown['id']}/slo"
    fields = {field["label"]: field["value"] for field in shown["setup"]["fields"]}
    assert fields == {
        "Single sign-on URL": sp["acs_url"],
        "Audience URI (SP Entity ID)": sp["entity_id"],
        "Single Logout URL": sp["slo_url"],
        "SP Issuer": sp["entity_id"],
    }
    assert {"name": "email", "source": "user.email"} in shown["setup"]["attributes"]
