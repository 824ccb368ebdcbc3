"""The SAML acts of the story against an identity provider nobody here wrote."""

from collections.abc import AsyncGenerator

import httpx2
import pytest

from ostiary.domain.assertion import Reason
from tests.external.simplesamlphp import PASSWORD, SimpleSamlPhp
from tests.support import house
from tests.support.browser import Browser
from tests.support.database import Broom
from tests.support.service import Company, running_service

pytestmark = pytest.mark.external


@pytest.fixture
async def acme(worker_database: str, broom: Broom) -> AsyncGenerator[Company]:
    """A company with a verified domain."""
    await broom.sweep()
    with running_service(worker_database) as service:
        async with httpx2.AsyncClient(base_url=service.url, timeout=30) as http:
            company = Company(service, http, "acme", "acme.test")
            await company.found()
            await company.verify_domain()
            yield company


@pytest.mark.parametrize(
    ("sign_response", "sign_assertion"),
    [(True, True), (True, False), (False, True)],
    ids=["both-signed", "response-signed", "assertion-signed"],
)
async def test_R4_R12_R20_a_company_turns_sso_on_and_signs_in_through_simplesamlphp(
    sign_response: bool, sign_assertion: bool, acme: Company, simplesamlphp: SimpleSamlPhp
) -> None:
    connection = await acme.connect({"metadata_url": simplesamlphp.metadata_url})
    assert connection["status"] == "testing"
    assert connection["idp"]["certificates"]
    simplesamlphp.trust(await acme.sp_metadata(), sign_response=sign_response, sign_assertion=sign_assertion)

    test = await acme.call("Ada", "POST", f"{acme.org}/connections/{connection['id']}/test")
    async with Browser() as browser:
        answer = await browser.sign_in(test["sign_in_url"], "ada@acme.test", PASSWORD)
        trace = (await browser.submit(answer)).json()
    assert trace["outcome"] == "succeeded", trace
    await acme.activate()
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable")

    bo = await acme.sign_in("Bo", PASSWORD)
    assert bo["user"]["email"] == "bo@acme.test"
    members = (await acme.call("Bo", "GET", f"{acme.org}/members"))["data"]
    assert [(member["user"]["email"], member["role"], member["teams"]) for member in members] == [
        ("ada@acme.test", "administrator", []),
        ("bo@acme.test", "member", []),
    ]
    old = acme.tokens["Ada"]
    await acme.sign_in("Ada", PASSWORD)
    new, acme.tokens["Ada"] = acme.tokens["Ada"], old
    assert (await acme.call("Ada", "GET", acme.org, expect=403))["code"] == "sso_required"
    acme.tokens["Ada"] = new
    password = {"email": "ada@acme.test", "password": house.PASSWORD}
    assert (await acme.call(None, "POST", "/v1/auth/sign-in", password, expect=403))["code"] == "sso_required"


async def test_an_answer_of_simplesamlphp_is_believed_once_and_not_when_changed(
    acme: Company, simplesamlphp: SimpleSamlPhp
) -> None:
    await acme.connect({"metadata_url": simplesamlphp.metadata_url})
    simplesamlphp.trust(await acme.sp_metadata(), sign_response=False, sign_assertion=True)
    await acme.activate()
    await acme.call("Ada", "POST", f"{acme.org}/sso/enable", {"acknowledge_untested": True})
    async with Browser() as browser:
        answer = await browser.sign_in(acme.sign_in_url, "bo@acme.test", PASSWORD)
        await acme.exchange("Bo", await browser.submit(answer))
    problem, trace = await acme.refusal(answer)
    assert (problem["code"], trace["code"]) == ("sign_in_refused", Reason.REPLAYED)
