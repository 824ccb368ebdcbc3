"""Which logout messages are acted on, and for how long they must be remembered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ostiary.domain.assertion import EMAIL_FORMAT, STATUS_SUCCESS, UNSPECIFIED_FORMAT, NameId, Reason, ResponseRefused
from ostiary.domain.logout import (
    MAX_AGE,
    LogoutExpectation,
    LogoutRequest,
    LogoutResponse,
    ensure_acceptable,
    ensure_answers,
)
from tests.support.logout_factory import SLO_URL
from tests.support.saml_factory import IDP_ENTITY_ID, NOW

SKEW = timedelta(seconds=60)
INSTANT = timedelta(microseconds=1)
EXPECTED = LogoutExpectation(IDP_ENTITY_ID, SLO_URL, SKEW)
REQUEST = LogoutRequest("_r", IDP_ENTITY_ID, SLO_URL, NOW, NOW + timedelta(minutes=2), NameId("bo"), ("_s",))
RESPONSE = LogoutResponse("_a", IDP_ENTITY_ID, SLO_URL, NOW, "_r", STATUS_SUCCESS, None)


def refused(message: LogoutRequest | LogoutResponse, *, after: timedelta = timedelta()) -> Reason | None:
    try:
        ensure_acceptable(message, EXPECTED, NOW + after)
    except ResponseRefused as refusal:
        return refusal.reason
    return None


def test_a_request_is_remembered_as_long_as_it_could_be_used_again() -> None:
    assert ensure_acceptable(REQUEST, EXPECTED, NOW) == NOW + timedelta(minutes=2) + SKEW
    assert ensure_acceptable(replace(REQUEST, not_on_or_after=None), EXPECTED, NOW) == NOW + MAX_AGE + SKEW
    assert ensure_acceptable(RESPONSE, EXPECTED, NOW) == NOW + MAX_AGE + SKEW


@pytest.mark.parametrize("message", [REQUEST, RESPONSE], ids=["request", "response"])
def test_issuer_and_destination_must_be_there_and_be_exactly_ours(message: LogoutRequest | LogoutResponse) -> None:
    for issuer in (None, "", f"{IDP_ENTITY_ID}/", "https://another.test"):
        assert refused(replace(message, issuer=issuer)) is Reason.ISSUER
    for destination in (None, "", f"{SLO_URL}/", f"{SLO_URL}?x", "https://elsewhere.test/slo"):
        assert refused(replace(message, destination=destination)) is Reason.DESTINATION


@pytest.mark.parametrize(
    ("message", "end"),
    [
        (REQUEST, timedelta(minutes=2) + SKEW),
        (replace(REQUEST, not_on_or_after=None), MAX_AGE + SKEW),
        (RESPONSE, MAX_AGE + SKEW),
    ],
    ids=["request", "request without end", "response"],
)
def test_a_message_has_its_time_and_the_clocks_may_differ_by_the_skew(
    message: LogoutRequest | LogoutResponse, end: timedelta
) -> None:
    assert refused(message, after=-SKEW) is None
    assert refused(message, after=-SKEW - INSTANT) is Reason.NOT_YET_VALID
    assert refused(message, after=end - INSTANT) is None
    assert refused(message, after=end) is Reason.EXPIRED


def test_an_answer_must_be_to_the_request_that_was_made() -> None:
    ensure_answers(RESPONSE, "_r")
    for other in (None, "", "_R", "_other"):
        with pytest.raises(ResponseRefused) as refusal:
            ensure_answers(replace(RESPONSE, in_response_to=other), "_r")
        assert refusal.value.reason is Reason.IN_RESPONSE_TO


@pytest.mark.parametrize(
    ("name_id", "keys"),
    [
        (NameId("Bo@Acme.test", EMAIL_FORMAT), {"bo@acme.test", "Bo@Acme.test"}),
        (NameId("Bo@Acme.test", UNSPECIFIED_FORMAT), {"bo@acme.test", "Bo@Acme.test"}),
        (NameId("Bo@Acme.test"), {"bo@acme.test", "Bo@Acme.test"}),
        (NameId("aB3=", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"), {"aB3="}),
    ],
    ids=["address", "unspecified", "no format", "persistent"],
)
def test_a_name_is_looked_for_under_every_key_its_sign_in_may_have_given_it(name_id: NameId, keys: set[str]) -> None:
    assert name_id.key in name_id.possible_keys
    assert name_id.possible_keys == keys
