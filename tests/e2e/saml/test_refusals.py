"""Responses that must not be believed: refused without a hint to the browser, with a trace that says why."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2
import pytest

from ostiary.domain.assertion import Reason
from tests.e2e.saml.conftest import company, enable_sso, post
from tests.support.browser import Form
from tests.support.saml_factory import (
    Element,
    Said,
    Signing,
    assertion_in,
    attacker,
    form_value,
    one,
    response,
    signed_response,
)
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import CHALLENGE, REDIRECT_URI, Company, Service, code_of

ELSEWHERE = "https://elsewhere.test/acs"
FRONTEND = {"redirect_uri": REDIRECT_URI, "state": "s-1", "code_challenge": CHALLENGE}
REFUSED_STATUS = '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>'

_numbers = count(1)


@pytest.fixture(scope="module")
async def acme(service: Service) -> AsyncGenerator[Company]:
    """One company for all of these: a refusal changes nothing."""
    async with company(service) as made:
        yield made


@pytest.fixture(scope="module")
async def idp(acme: Company) -> ScriptedIdp:
    connected = await ScriptedIdp.connected(acme)
    await enable_sso(acme)
    return connected


@pytest.fixture
def email(acme: Company) -> str:
    """A person of this test alone."""
    return acme.email(f"person-{next(_numbers)}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the browser was told, and the trace an administrator finds."""

    problem: dict[str, Any]
    trace: dict[str, Any]


async def refused(company: Company, form: Form) -> Refusal:
    """Hand in what must be refused; proves that the browser learns nothing from it but whom to ask."""
    problem, trace = await company.refusal(form)
    assert (problem["status"], problem["code"]) == (403, "sign_in_refused")
    assert trace["outcome"] == "refused"
    assert trace["hint"]
    assert trace["steps"][-1]["passed"] is False
    assert trace["code"] not in str(problem)
    assert trace["hint"] not in str(problem)
    return Refusal(problem, trace)


async def members(company: Company) -> set[str]:
    return {item["user"]["email"] for item in (await company.call("Ada", "GET", f"{company.org}/members"))["data"]}


def later(said: Said, minutes: int) -> Said:
    """The same, with every moment moved."""
    moved = timedelta(minutes=minutes)
    assert said.not_before is not None
    assert said.not_on_or_after is not None
    assert said.confirmed_until is not None
    return replace(
        said,
        not_before=said.not_before + moved,
        not_on_or_after=said.not_on_or_after + moved,
        confirmed_until=said.confirmed_until + moved,
    )


SAYING: dict[str, tuple[Callable[[Said], Said], Reason]] = {
    "an audience that is not us": (lambda said: replace(said, audiences=((ELSEWHERE,),)), Reason.AUDIENCE),
    "no audience": (lambda said: replace(said, audiences=()), Reason.AUDIENCE),
    "another recipient": (lambda said: replace(said, recipient=ELSEWHERE), Reason.RECIPIENT),
    "no recipient": (lambda said: replace(said, recipient=None), Reason.RECIPIENT),
    "another destination": (lambda said: replace(said, destination=ELSEWHERE), Reason.DESTINATION),
    "no destination": (lambda said: replace(said, destination=None), Reason.DESTINATION),
    "another issuer": (lambda said: replace(said, issuer=ELSEWHERE), Reason.ISSUER),
    "another issuer of the response": (lambda said: replace(said, response_issuer=ELSEWHERE), Reason.ISSUER),
    "another request": (lambda said: replace(said, in_response_to="_another"), Reason.IN_RESPONSE_TO),
    "no request": (lambda said: replace(said, in_response_to=None), Reason.IN_RESPONSE_TO),
    "a confirmation of another request": (
        lambda said: replace(said, confirmed_in_response_to="_another"),
        Reason.IN_RESPONSE_TO,
    ),
    "no bearer confirmation": (lambda said: replace(said, method=f"{said.method}x"), Reason.CONFIRMATION),
    "an expired time": (lambda said: later(said, -7), Reason.EXPIRED),
    "no end of time": (lambda said: replace(said, not_on_or_after=None), Reason.EXPIRED),
    "a confirmation without an end": (lambda said: replace(said, confirmed_until=None), Reason.EXPIRED),
    "a time to come": (lambda said: later(said, 7), Reason.NOT_YET_VALID),
    "no name": (lambda said: replace(said, name_id=None), Reason.NAME_ID),
    "no authentication": (lambda said: replace(said, authn_statements=""), Reason.AUTHN_STATEMENT),
}


@pytest.mark.parametrize("case", SAYING)
async def test_a_response_with_the_right_signature_and_the_wrong_words_is_refused_and_spends_nothing(
    case: str, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    change, reason = SAYING[case]
    departed = await idp.depart(browser, **FRONTEND)
    good = idp.says(departed.request_id, email)
    refusal = await refused(acme, idp.form(change(good), departed.relay_state))
    assert refusal.trace["code"] == reason
    assert email not in await members(acme)
    code_of(await post(browser, idp.form(good, departed.relay_state)))
    assert email in await members(acme)


def unsigned(_: ScriptedIdp, said: Said) -> Element:
    return response(said)


def tampered(idp: ScriptedIdp, said: Said) -> Element:
    document = idp.signed(said)
    one(assertion_in(document), "saml:Subject/saml:NameID").text = idp.company.email("Ada")
    return document


def signed_by_an_attacker(_: ScriptedIdp, said: Said) -> Element:
    return signed_response(said, how=Signing(by=attacker()))


def signed_by_an_attacker_in_the_name_of_the_idp(idp: ScriptedIdp, said: Said) -> Element:
    return signed_response(said, how=Signing(by=attacker(), key_info_of=idp.party))


def wrapped(idp: ScriptedIdp, said: Said) -> Element:
    """A forged assertion in front of the signed one."""
    document = idp.signed(said)
    forged = assertion_in(response(replace(said, assertion_id="_forged", name_id=idp.company.email("Ada"))))
    assertion_in(document).addprevious(forged)
    return document


def with_sha1(idp: ScriptedIdp, said: Said) -> Element:
    method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    return signed_response(said, how=Signing(by=idp.party, method=method))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (unsigned, Reason.SIGNATURE_MISSING),
        (tampered, Reason.SIGNATURE_INVALID),
        (signed_by_an_attacker, Reason.CERTIFICATE_UNKNOWN),
        (signed_by_an_attacker_in_the_name_of_the_idp, Reason.SIGNATURE_INVALID),
        (wrapped, Reason.STRUCTURE),
        (with_sha1, Reason.ALGORITHM),
    ],
)
async def test_a_response_the_identity_provider_did_not_sign_as_it_stands_is_refused(
    make: Callable[[ScriptedIdp, Said], Element],
    reason: Reason,
    acme: Company,
    idp: ScriptedIdp,
    browser: httpx2.AsyncClient,
    email: str,
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    refusal = await refused(acme, idp.form(make(idp, idp.says(departed.request_id, email)), departed.relay_state))
    assert refusal.trace["code"] == reason
    assert email not in await members(acme)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"hello", Reason.MALFORMED),
        (b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", Reason.FORBIDDEN_XML),
        (b"<x>" + b" " * 300 * 1024 + b"</x>", Reason.TOO_LARGE),
    ],
    ids=["no XML", "a DTD", "too much"],
)
async def test_what_is_no_response_is_refused(
    document: bytes, reason: Reason, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    form = idp.form(idp.says(departed.request_id), departed.relay_state).filled(SAMLResponse=form_value(document))
    assert (await refused(acme, form)).trace["code"] == reason


async def test_a_response_that_was_used_is_refused_with_its_request_and_with_another(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    form = idp.form(idp.says(departed.request_id, email), departed.relay_state)
    code_of(await post(browser, form))
    assert (await refused(acme, form)).trace["code"] == Reason.REPLAYED
    again = await idp.depart(browser, **FRONTEND)
    elsewhere = await refused(acme, form.filled(RelayState=again.relay_state))
    assert elsewhere.trace["code"] == Reason.IN_RESPONSE_TO


async def test_R63_a_response_handed_in_twice_at_the_same_moment_signs_in_once(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    form = idp.form(idp.says(departed.request_id, email), departed.relay_state)
    answers = await asyncio.gather(*(post(browser, form) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403, 403, 403]


async def test_a_second_assertion_for_a_request_that_was_answered_is_refused(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    code_of(await post(browser, idp.form(idp.says(departed.request_id, email), departed.relay_state)))
    second = idp.form(idp.says(departed.request_id, email), departed.relay_state)
    assert (await refused(acme, second)).trace["code"] == Reason.REPLAYED


@pytest.mark.parametrize("relay_state", [None, "https://app.acme.test/", f"ost_rs_{'x' * 43}"])
async def test_R26_a_response_nobody_asked_for_is_refused(
    relay_state: str | None, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    unsolicited = await refused(acme, idp.form(idp.says(None, email), relay_state))
    assert unsolicited.trace["code"] == Reason.UNSOLICITED
    departed = await idp.depart(browser, **FRONTEND)
    lost = await refused(acme, idp.form(idp.says(departed.request_id, email), relay_state))
    assert lost.trace["code"] == Reason.UNSOLICITED
    assert email not in await members(acme)


async def test_a_response_to_one_connection_is_refused_at_another_of_the_same_organization(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    other = await ScriptedIdp.connected(acme, "second idp")
    departed = await idp.depart(browser, connection=idp.connection_id, **FRONTEND)
    form = idp.form(idp.says(departed.request_id, email), departed.relay_state)
    refusal = await refused(acme, replace(form, url=other.form(other.says(None), None).url))
    assert refusal.trace["code"] == Reason.UNKNOWN_REQUEST
    assert refusal.trace["connection_id"] == other.connection_id
    await acme.call("Ada", "DELETE", other.address, expect=204)


async def test_R27_a_response_to_another_organization_is_refused_whoever_signed_it(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    umbrella = Company(acme.service, acme.http, "umbrella", "umbrella.test")
    await umbrella.found()
    await umbrella.verify_domain()
    theirs = await ScriptedIdp.connected(umbrella, "umbrella idp")
    await enable_sso(umbrella)

    departed = await theirs.depart(browser, **FRONTEND)
    form = theirs.form(theirs.says(departed.request_id, email), departed.relay_state)
    at_acme = replace(form, url=idp.form(idp.says(None), None).url)
    assert (await refused(acme, at_acme)).trace["code"] == Reason.CERTIFICATE_UNKNOWN

    # Their identity provider speaks in the name of acme's, in answer to a request that acme did make.
    ours = await idp.depart(browser, **FRONTEND)
    forged = theirs.signed(idp.says(ours.request_id, email))
    assert (await refused(acme, idp.form(forged, ours.relay_state))).trace["code"] == Reason.CERTIFICATE_UNKNOWN
    assert email not in await members(acme)


async def test_R21_R34_an_identity_provider_cannot_sign_in_people_of_other_domains(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    problem, trace = await acme.refusal(
        idp.form(idp.says(departed.request_id, "eve@umbrella.test"), departed.relay_state)
    )
    assert (problem["code"], trace["code"]) == ("email_domain_not_allowed", "email_domain_not_allowed")


async def test_a_person_reads_a_plain_page_with_the_trace_and_not_the_reason(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    form = idp.form(tampered(idp, idp.says(departed.request_id, email)), departed.relay_state)
    page = await browser.post(form.url, data=form.fields, headers={"Accept": "text/html"})
    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.text
    assert "signature" not in page.text.lower()
    [trace] = [item for item in (await sign_ins(acme)) if item["id"] in page.text]
    assert trace["code"] == Reason.SIGNATURE_INVALID


async def sign_ins(company: Company) -> list[dict[str, Any]]:
    return (await company.call("Ada", "GET", f"{company.org}/sign-ins"))["data"]


async def test_traces_are_for_administrators_of_their_organization_alone(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, email: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    refusal = await refused(acme, idp.form(unsigned(idp, idp.says(departed.request_id, email)), departed.relay_state))
    path = f"{acme.org}/sign-ins/{refusal.trace['id']}"
    await acme.sign_up("Mallory")
    await acme.call("Mallory", "GET", path, expect=404)
    await acme.call(None, "GET", path, expect=401)
