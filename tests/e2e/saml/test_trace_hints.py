"""Whatever goes wrong in a sign-in, its trace names the check that failed and what an administrator does about it."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

import httpx2
import pytest
from lxml import etree

from ostiary.domain.sign_in_hints import MAX_DETAIL_LENGTH, MAX_HINT_LENGTH
from tests.e2e.saml.conftest import company, enable_sso, post
from tests.support.browser import Form
from tests.support.saml_corpus.claims import status
from tests.support.saml_factory import Element, Said, Signing, attacker, response, signed_response
from tests.support.scripted_idp import ScriptedIdp
from tests.support.service import CHALLENGE, REDIRECT_URI, Company, Service, code_of

ELSEWHERE = "https://elsewhere.test/saml"
FRONTEND = {"redirect_uri": REDIRECT_URI, "state": "s-1", "code_challenge": CHALLENGE}
NAME_ID = "urn:oasis:names:tc:SAML:2.0:nameid-format"

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


Answering = Callable[[ScriptedIdp, Said], Said | Element]


@dataclass(frozen=True)
class Fault:
    """What the identity provider answers instead, and what its trace must then say.

    In `says`, {sp}, {acs}, {idp}, {known} and {seen} stand for the values of the moment.
    """

    answer: Answering
    check: str
    code: str
    says: tuple[str, ...]


def saying(**changed: object) -> Answering:
    return lambda _idp, said: replace(said, **changed)  # pyright: ignore[reportArgumentType]


def moved(minutes: int) -> Answering:
    """The assertion was written at another time."""

    def change(idp: ScriptedIdp, said: Said) -> Said:
        now = idp.company.service.clock.now()
        by = timedelta(minutes=minutes)
        return replace(said, not_before=now + by, not_on_or_after=now + 2 * by if minutes > 0 else now + by)

    return change


def refusing(*said: str | None) -> Answering:
    """The identity provider signs nobody in, and says so without an assertion."""
    return lambda _idp, good: response(replace(good, status=status(*said)), assertion="")  # pyright: ignore[reportArgumentType]


FAULTS: dict[str, Fault] = {
    "not XML": Fault(
        lambda _idp, _said: etree.Element("html"),
        "structure",
        "unexpected_structure",
        ("html", "SAML 2.0"),
    ),
    "unsigned": Fault(
        lambda _idp, said: response(said), "assertion signature", "signature_missing", ("Switch signing on",)
    ),
    "an unknown certificate": Fault(
        lambda _idp, said: signed_response(said, how=Signing(by=attacker())),
        "assertion signature",
        "certificate_unknown",
        ("{seen}", "{known}", "refresh the metadata"),
    ),
    "another audience": Fault(
        saying(audiences=((ELSEWHERE,),)),
        "audience",
        "audience_mismatch",
        (ELSEWHERE, "{sp}", "Enter the SP entity id"),
    ),
    "another recipient": Fault(
        saying(recipient=ELSEWHERE), "recipient", "recipient_mismatch", (ELSEWHERE, "{acs}", "Enter the ACS URL")
    ),
    "another destination": Fault(
        saying(destination=ELSEWHERE), "destination", "destination_mismatch", (ELSEWHERE, "{acs}", "Enter the ACS URL")
    ),
    "another issuer": Fault(
        saying(issuer=ELSEWHERE), "assertion issuer", "issuer_mismatch", (ELSEWHERE, "{idp}", "present metadata")
    ),
    "a clock that is behind": Fault(
        moved(-10), "not on or after", "assertion_expired", ("our clock says", "by NTP", "clock skew")
    ),
    "a clock that is ahead": Fault(
        moved(10), "not before", "assertion_not_yet_valid", ("our clock says", "by NTP", "clock skew")
    ),
    "an answer to another request": Fault(
        saying(in_response_to="_other"), "in response to", "in_response_to_mismatch", ("second tab",)
    ),
    "no bearer": Fault(
        saying(method="urn:x"),
        "bearer confirmation",
        "no_bearer_confirmation",
        ("2.0:cm:bearer",),
    ),
    "nobody authenticated": Fault(
        saying(authn_statements=""), "authentication statement", "no_authn_statement", ("AuthnStatement",)
    ),
    "no name id": Fault(saying(name_id=None), "subject", "name_id_missing", ("Send one",)),
    "a transient name id": Fault(
        saying(name_id="_a8f", name_id_format=f"{NAME_ID}:transient"),
        "attribute_missing",
        "attribute_missing",
        ("transient NameID", "map an id attribute", "Attributes received: email, firstName"),
    ),
    "no e-mail address": Fault(
        saying(name_id="00u1", name_id_format=f"{NAME_ID}:persistent", attributes={"givenName": ("Bo",)}),
        "attribute_missing",
        "attribute_missing",
        ("There is no e-mail address", "'email'", "Attributes received: givenName"),
    ),
    "no e-mail address in the attribute": Fault(
        saying(attributes={"email": ("Bo Diddley",)}),
        "attribute_missing",
        "attribute_missing",
        ("'Bo Diddley' is no e-mail address",),
    ),
    "another domain": Fault(
        lambda _idp, said: replace(said, name_id="bo@other.test", attributes={}),
        "email_domain_not_allowed",
        "email_domain_not_allowed",
        ("other.test", "this connection allows", "Verify the domain"),
    ),
    "user not found": Fault(
        refusing("Responder", "UnknownPrincipal"),
        "status",
        "identity_provider_refused",
        ("UnknownPrincipal", "does not find this user", "assign them"),
    ),
    "not assigned": Fault(
        refusing("Responder", "RequestDenied", "Bo is not assigned"),
        "status",
        "identity_provider_refused",
        ("\u201cBo is not assigned\u201d (RequestDenied)", "Assign the person"),
    ),
    "a name id format it cannot send": Fault(
        refusing("Requester", "InvalidNameIDPolicy"),
        "status",
        "identity_provider_refused",
        ("InvalidNameIDPolicy", "change the connection's NameID format"),
    ),
    "a request it does not like": Fault(
        refusing("Requester"), "status", "identity_provider_refused", ("Requester", "compare the SP entity id")
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_the_trace_names_the_failing_check_and_the_next_step(
    name: str, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    fault = FAULTS[name]
    departed = await idp.depart(browser, **FRONTEND)
    good = idp.says(departed.request_id)
    _, trace = await acme.refusal(idp.form(fault.answer(idp, good), departed.relay_state))
    saml = f"{acme.service.url}/saml/{idp.connection_id}"
    values = {
        "sp": f"{saml}/metadata",
        "acs": f"{saml}/acs",
        "idp": idp.entity_id,
        "known": idp.party.certificate.fingerprint_sha256,
        "seen": attacker().certificate.fingerprint_sha256,
    }
    last = trace["steps"][-1]
    assert (last["name"], last["passed"], trace["code"]) == (fault.check, False, fault.code)
    for words in fault.says:
        assert words.format(**values) in trace["hint"]
    assert last["detail"] in trace["hint"]


async def test_a_second_person_behind_one_address_is_told_as_a_conflict(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    email = acme.email(f"person-{next(_numbers)}")
    departed = await idp.depart(browser, **FRONTEND)
    code_of(await post(browser, idp.form(idp.says(departed.request_id, email), departed.relay_state)))
    again = await idp.depart(browser, **FRONTEND)
    other = replace(idp.says(again.request_id, email), name_id="00u2", name_id_format=f"{NAME_ID}:persistent")
    _, trace = await acme.refusal(idp.form(other, again.relay_state))
    assert trace["code"] == trace["steps"][-1]["name"] == "identity_conflict"
    assert "another internal id" in trace["hint"]
    assert "delete the member's old identity" in trace["hint"]


async def test_a_replay_and_what_nobody_asked_for_are_told_apart(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    form = idp.form(idp.says(departed.request_id, acme.email(f"person-{next(_numbers)}")), departed.relay_state)
    code_of(await post(browser, form))
    _, replayed = await acme.refusal(form)
    assert replayed["code"] == "assertion_replayed"
    assert "used before" in replayed["hint"]
    assert "posts the form twice" in replayed["hint"]
    _, unsolicited = await acme.refusal(idp.form(idp.says(None), None))
    assert unsolicited["code"] == "unsolicited_response"
    assert "allow sign-in that begins at the identity provider" in unsolicited["hint"]


SCRIPT = "&lt;script&gt;alert(1)&lt;/script&gt; \u202e call 0800 &amp;amp; pay\n" + "now " * 500


async def answered_page(browser: httpx2.AsyncClient, form: Form) -> str:
    page = await browser.post(form.url, data=form.fields, headers={"Accept": "text/html"})
    assert page.status_code == 403
    return page.text


async def test_what_the_identity_provider_says_to_a_person_is_quoted_escaped_and_cut(
    idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    answer = refusing("Responder", "RequestDenied", SCRIPT)(idp, idp.says(departed.request_id))
    page = await answered_page(browser, idp.form(answer, departed.relay_state))
    assert (
        "The identity provider refused: \u201c&lt;script&gt;alert(1)&lt;/script&gt; call 0800 &amp;amp; pay now" in page
    )
    assert "<script" not in page
    assert "\u202e" not in page
    assert page.count("now") < 70


@pytest.mark.parametrize("with_assertion", [False, True])
async def test_a_stranger_puts_no_words_on_our_page(
    with_assertion: bool, acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    said = replace(idp.says(None), status=status("Responder", "RequestDenied", "Call 0800 to pay"))
    answer = idp.signed(said) if with_assertion else response(said, assertion="")
    form = idp.form(answer, None)
    assert "0800" not in await answered_page(browser, form)
    assert "Call 0800 to pay" in (await acme.refusal(form))[1]["hint"]


async def test_a_trace_stays_small_whatever_is_sent(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    long = replace(idp.says(departed.request_id), audiences=(tuple(f"{ELSEWHERE}/{n}" for n in range(3000)),))
    _, trace = await acme.refusal(idp.form(long, departed.relay_state))
    assert trace["code"] == "audience_mismatch"
    assert max(len(step["detail"]) for step in trace["steps"]) == MAX_DETAIL_LENGTH
    assert MAX_DETAIL_LENGTH < len(trace["hint"]) <= MAX_HINT_LENGTH
    assert "Enter the SP entity id" in trace["hint"]
