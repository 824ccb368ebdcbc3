"""accept(): the verdict over a response whose signature holds (SAML profiles §4.1.4.3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.assertion import (
    BEARER,
    EMAIL_FORMAT,
    STATUS_SUCCESS,
    Check,
    Expectation,
    NameId,
    Reason,
    ResponseEnvelope,
    ResponseRefused,
    SubjectConfirmation,
    VerifiedAssertion,
    VerifiedResponse,
    accept,
)

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SKEW = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
IDP = "https://idp.example/metadata"
SP = "https://sp.example/saml/conn_1/metadata"
ACS = "https://sp.example/saml/conn_1/acs"
REQUEST = "_request1"

EXPECTED = Expectation(
    idp_entity_id=IDP,
    sp_entity_id=SP,
    acs_url=ACS,
    request_id=REQUEST,
    allow_unsolicited=False,
    clock_skew=SKEW,
)
CONFIRMATION = SubjectConfirmation(
    method=BEARER,
    recipient=ACS,
    not_before=None,
    not_on_or_after=NOW + timedelta(minutes=5),
    in_response_to=REQUEST,
)
ENVELOPE = ResponseEnvelope(
    id="_response1",
    issuer=IDP,
    destination=ACS,
    in_response_to=REQUEST,
    issue_instant=NOW,
    status_code=STATUS_SUCCESS,
    status_subcode=None,
    status_message=None,
)
ASSERTION = VerifiedAssertion(
    id="_assertion1",
    issuer=IDP,
    name_id=NameId("bo@acme.test", EMAIL_FORMAT),
    confirmations=(CONFIRMATION,),
    not_before=NOW - timedelta(minutes=5),
    not_on_or_after=NOW + timedelta(minutes=10),
    audience_restrictions=((SP,),),
    session_index="_session1",
    session_not_on_or_after=None,
    has_authn_statement=True,
    attributes={"email": ("bo@acme.test",)},
)


def response(**assertion: object) -> VerifiedResponse:
    return VerifiedResponse(
        envelope=ENVELOPE,
        assertion=replace(ASSERTION, **assertion),  # pyright: ignore[reportArgumentType]
        signed=frozenset({"assertion"}),
        certificate_fingerprint="ab" * 32,
        checks=(Check("assertion signature", passed=True, detail="rsa-sha256"),),
    )


def enveloped(**envelope: object) -> VerifiedResponse:
    return replace(response(), envelope=replace(ENVELOPE, **envelope))  # pyright: ignore[reportArgumentType]


def confirmed(**confirmation: object) -> VerifiedResponse:
    changed = replace(CONFIRMATION, **confirmation)  # pyright: ignore[reportArgumentType]
    return response(confirmations=(changed,))


def refusal(given_response: VerifiedResponse, expected: Expectation = EXPECTED) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        accept(given_response, expected, NOW)
    return caught.value


def unsolicited() -> VerifiedResponse:
    """A good response to no request."""
    return replace(confirmed(in_response_to=None), envelope=replace(ENVELOPE, in_response_to=None))


UNSOLICITED_ALLOWED = replace(EXPECTED, request_id=None, allow_unsolicited=True)


def test_a_response_in_which_everything_is_right_is_accepted_with_all_its_checks() -> None:
    accepted = accept(response(), EXPECTED, NOW)
    assert accepted.assertion == ASSERTION
    assert all(check.passed for check in accepted.checks)
    assert [check.name for check in accepted.checks] == [
        "assertion signature",
        "status",
        "response issuer",
        "destination",
        "in response to",
        "assertion issuer",
        "not before",
        "not on or after",
        "audience",
        "bearer confirmation",
        "recipient",
        "confirmation in response to",
        "confirmation begun",
        "confirmation lifetime",
        "authentication statement",
        "session",
        "subject",
    ]


REFUSALS = {
    "status": (
        enveloped(status_code="urn:oasis:names:tc:SAML:2.0:status:Responder", status_message="no such user"),
        Reason.STATUS,
        "status",
    ),
    "another issuer of the response": (enveloped(issuer="https://evil.example"), Reason.ISSUER, "response issuer"),
    "no destination": (enveloped(destination=None), Reason.DESTINATION, "destination"),
    "another destination": (enveloped(destination=f"{ACS}/"), Reason.DESTINATION, "destination"),
    "a destination in capitals": (enveloped(destination=ACS.upper()), Reason.DESTINATION, "destination"),
    "the response answers nothing": (enveloped(in_response_to=None), Reason.IN_RESPONSE_TO, "in response to"),
    "the response answers another": (enveloped(in_response_to="_other"), Reason.IN_RESPONSE_TO, "in response to"),
    "another issuer": (response(issuer="https://evil.example"), Reason.ISSUER, "assertion issuer"),
    "no issuer": (response(issuer=""), Reason.ISSUER, "assertion issuer"),
    "not yet valid": (response(not_before=NOW + SKEW + SECOND), Reason.NOT_YET_VALID, "not before"),
    "expired": (response(not_on_or_after=NOW - SKEW), Reason.EXPIRED, "not on or after"),
    "without an end": (response(not_on_or_after=None), Reason.EXPIRED, "not on or after"),
    "no audience restriction": (response(audience_restrictions=()), Reason.AUDIENCE, "audience"),
    "an empty audience restriction": (response(audience_restrictions=((),)), Reason.AUDIENCE, "audience"),
    "another audience": (response(audience_restrictions=((f"{SP}x",),)), Reason.AUDIENCE, "audience"),
    "one of two restrictions without us": (
        response(audience_restrictions=((SP,), ("https://other.example",))),
        Reason.AUDIENCE,
        "audience",
    ),
    "no confirmation": (response(confirmations=()), Reason.CONFIRMATION, "bearer confirmation"),
    "no bearer confirmation": (
        confirmed(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
        Reason.CONFIRMATION,
        "bearer confirmation",
    ),
    "no recipient": (confirmed(recipient=None), Reason.RECIPIENT, "recipient"),
    "another recipient": (confirmed(recipient="https://sp.example/saml/conn_2/acs"), Reason.RECIPIENT, "recipient"),
    "the confirmation answers nothing": (
        confirmed(in_response_to=None),
        Reason.IN_RESPONSE_TO,
        "confirmation in response to",
    ),
    "the confirmation answers another": (
        confirmed(in_response_to="_other"),
        Reason.IN_RESPONSE_TO,
        "confirmation in response to",
    ),
    "the confirmation begins later": (
        confirmed(not_before=NOW + SKEW + SECOND),
        Reason.NOT_YET_VALID,
        "confirmation begun",
    ),
    "the confirmation is over": (confirmed(not_on_or_after=NOW - SKEW), Reason.EXPIRED, "confirmation lifetime"),
    "the confirmation has no end": (confirmed(not_on_or_after=None), Reason.EXPIRED, "confirmation lifetime"),
    "no authentication statement": (
        response(has_authn_statement=False),
        Reason.AUTHN_STATEMENT,
        "authentication statement",
    ),
    "the session is over": (response(session_not_on_or_after=NOW - SKEW), Reason.EXPIRED, "session"),
    "no name id": (response(name_id=None), Reason.NAME_ID, "subject"),
}


@pytest.mark.parametrize(("given_response", "reason", "check"), REFUSALS.values(), ids=REFUSALS.keys())
def test_one_thing_that_is_wrong_refuses(given_response: VerifiedResponse, reason: Reason, check: str) -> None:
    refused = refusal(given_response)
    assert refused.reason is reason
    assert refused.checks[-1].name == check
    assert not refused.checks[-1].passed
    assert all(earlier.passed for earlier in refused.checks[:-1])


def test_the_response_may_leave_its_issuer_out_because_the_assertion_names_it() -> None:
    assert accept(enveloped(issuer=None), EXPECTED, NOW)


def test_the_refusal_of_the_identity_provider_is_passed_on() -> None:
    refused = refusal(
        enveloped(status_code="urn:oasis:names:tc:SAML:2.0:status:Responder", status_message="no consent")
    )
    assert "no consent" in refused.detail


def test_the_audience_may_stand_beside_others() -> None:
    assert accept(response(audience_restrictions=(("https://other.example", SP), (SP,))), EXPECTED, NOW)


def test_of_several_confirmations_one_that_fits_is_enough() -> None:
    others = (
        replace(CONFIRMATION, method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
        replace(CONFIRMATION, recipient="https://other.example"),
        replace(CONFIRMATION, not_on_or_after=NOW - timedelta(hours=1)),
    )
    assert accept(response(confirmations=(*others, CONFIRMATION)), EXPECTED, NOW)


def test_conditions_that_fit_in_different_confirmations_do_not_add_up() -> None:
    halves = (
        replace(CONFIRMATION, recipient="https://other.example"),
        replace(CONFIRMATION, in_response_to="_other"),
    )
    assert refusal(response(confirmations=halves)).reason is Reason.IN_RESPONSE_TO


def test_an_unsolicited_response_is_refused_where_the_connection_does_not_allow_it() -> None:
    refused = refusal(unsolicited(), replace(UNSOLICITED_ALLOWED, allow_unsolicited=False))
    assert refused.reason is Reason.UNSOLICITED
    assert "sign-in URL" in refused.detail


def test_an_unsolicited_response_is_accepted_where_the_connection_allows_it() -> None:
    assert accept(unsolicited(), UNSOLICITED_ALLOWED, NOW)


def test_an_unsolicited_response_must_not_claim_to_answer_a_request() -> None:
    answering = replace(unsolicited(), envelope=ENVELOPE)
    assert refusal(answering, UNSOLICITED_ALLOWED).reason is Reason.UNSOLICITED


def test_the_confirmation_of_an_unsolicited_response_must_not_claim_to_answer_a_request() -> None:
    answering = replace(response(), envelope=replace(ENVELOPE, in_response_to=None))
    assert refusal(answering, UNSOLICITED_ALLOWED).reason is Reason.UNSOLICITED


def test_an_unsolicited_response_does_not_pass_for_the_answer_to_a_request() -> None:
    assert refusal(unsolicited()).reason is Reason.IN_RESPONSE_TO


def test_what_is_replayed_is_remembered_as_long_as_any_window_with_its_skew() -> None:
    accepted = accept(response(), EXPECTED, NOW)
    assert accepted.replay_until == NOW + timedelta(minutes=5) + SKEW
    sooner = accept(response(not_on_or_after=NOW + timedelta(minutes=2)), EXPECTED, NOW)
    assert sooner.replay_until == NOW + timedelta(minutes=2) + SKEW


def test_a_confirmation_that_begins_later_prolongs_how_long_the_assertion_is_remembered() -> None:
    later = replace(CONFIRMATION, not_before=NOW + timedelta(minutes=6), not_on_or_after=NOW + timedelta(minutes=8))
    accepted = accept(response(confirmations=(CONFIRMATION, later)), EXPECTED, NOW)
    assert accepted.replay_until == NOW + timedelta(minutes=8) + SKEW


seconds = st.integers(-600, 600).map(lambda value: timedelta(seconds=value))


@given(start=seconds, end=seconds, confirmed_until=seconds, skew=st.integers(0, 300))
def test_time_decides_exactly_by_the_windows_widened_by_the_skew(
    start: timedelta, end: timedelta, confirmed_until: timedelta, skew: int
) -> None:
    expected = replace(EXPECTED, clock_skew=timedelta(seconds=skew))
    given_response = response(
        not_before=NOW + start,
        not_on_or_after=NOW + end,
        confirmations=(replace(CONFIRMATION, not_on_or_after=NOW + confirmed_until),),
    )
    if start <= expected.clock_skew and min(end, confirmed_until) > -expected.clock_skew:
        replay_until = accept(given_response, expected, NOW).replay_until
        assert replay_until > NOW
        with pytest.raises(ResponseRefused):
            accept(given_response, expected, replay_until)
    else:
        with pytest.raises(ResponseRefused) as caught:
            accept(given_response, expected, NOW)
        assert caught.value.reason in {Reason.EXPIRED, Reason.NOT_YET_VALID}
