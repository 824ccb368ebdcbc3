"""A refused sign-in tells what to do about it."""

from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.domain.connection import Certificate, Connection, ConnectionStatus, IdentityProvider, Provider
from ostiary.domain.sign_in_hints import MAX_DETAIL_LENGTH, MAX_HINT_LENGTH, closed_because, hint_for, shortened

NOW, DAY = datetime(2026, 11, 24, tzinfo=UTC), timedelta(days=1)

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


@pytest.mark.parametrize(
    ("status", "lives", "code", "says"),
    [
        (ConnectionStatus.TESTING, [(-DAY, DAY)], "connection_not_active", "is testing. Run a test sign-in"),
        (ConnectionStatus.INACTIVE, [(-9 * DAY, -DAY)], "connection_not_active", "is inactive."),
        (
            ConnectionStatus.ACTIVE,
            [(-9 * DAY, -2 * DAY), (-9 * DAY, -DAY)],
            Reason.CERTIFICATE_EXPIRED,
            "1 was the last",
        ),
        (ConnectionStatus.ACTIVE, [(-9 * DAY, timedelta())], Reason.CERTIFICATE_EXPIRED, "until 2026-11-24T00:00:00"),
        (ConnectionStatus.ACTIVE, [(-9 * DAY, -DAY), (DAY, 9 * DAY)], "connection_not_ready", "that is valid now"),
    ],
)
def test_R4_why_nobody_can_sign_in_through_a_connection(
    status: ConnectionStatus, lives: list[tuple[timedelta, timedelta]], code: str, says: str
) -> None:
    certificates = tuple(Certificate(str(n), NOW + begin, NOW + end, "MII") for n, (begin, end) in enumerate(lives))
    idp = IdentityProvider("https://idp.test", "https://idp.test/sso", certificates)
    connection = Connection("conn_1", "org_1", "Okta", Provider.OKTA, status, NOW, idp=idp)
    found, hint = closed_because(connection, NOW)
    assert found == code
    assert says in hint
    assert "'Okta'" in hint
