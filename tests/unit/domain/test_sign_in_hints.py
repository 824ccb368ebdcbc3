"""A refused sign-in tells what to do about it."""

import pytest

from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.domain.sign_in_hints import MAX_DETAIL_LENGTH, MAX_HINT_LENGTH, hint_for, shortened

# Their detail says itself what to do: it depends on more than the reason.
TELL_THEMSELVES = {
    Reason.SIGNATURE_MISSING,
    Reason.ALGORITHM,
    Reason.CERTIFICATE_UNKNOWN,
    Reason.CERTIFICATE_EXPIRED,
    Reason.DECRYPTION,
    Reason.UNSOLICITED,
    Reason.NAME_ID,
    Reason.MISSING_ATTRIBUTE,
}


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in TELL_THEMSELVES])
def test_every_reason_comes_with_a_next_step(reason: Reason) -> None:
    hint = hint_for(ResponseRefused(reason, "This was wrong."))
    assert hint.startswith("This was wrong. ")
    assert len(hint) > len("This was wrong. ") + 20


@pytest.mark.parametrize("reason", sorted(TELL_THEMSELVES))
def test_a_detail_that_tells_the_next_step_itself_is_left_alone(reason: Reason) -> None:
    assert hint_for(ResponseRefused(reason, "Do that.")) == "Do that."


def test_a_status_nobody_knows_gets_the_general_advice() -> None:
    assert "own log" in hint_for(ResponseRefused(Reason.STATUS, "No.", status="urn:example"))
    assert "own log" in hint_for(ResponseRefused(Reason.STATUS, "No."))


def test_details_and_hints_are_cut() -> None:
    assert shortened("x" * MAX_DETAIL_LENGTH) == "x" * MAX_DETAIL_LENGTH
    assert shortened("x" * (MAX_DETAIL_LENGTH + 1)) == "x" * (MAX_DETAIL_LENGTH - 1) + "\u2026"
    assert len(hint_for(ResponseRefused(Reason.AUDIENCE, "x" * 100_000))) <= MAX_HINT_LENGTH
