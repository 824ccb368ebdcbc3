"""Metadata read again: what is taken over, what waits; and when the end of certificates is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.certificate_expiry import days_left, last_expiry, next_warning
from ostiary.domain.connection import Certificate, Connection, ConnectionStatus, IdentityProvider, Provider
from ostiary.domain.connection_warnings import warnings
from ostiary.domain.idp_metadata import (
    MetadataChange,
    MetadataChangeKind,
    changes_to_confirm,
    described,
    read_again,
    taken_over,
    unreadable,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def certificate(name: str, ends: timedelta = 365 * DAY) -> Certificate:
    return Certificate(name, NOW - 400 * DAY, NOW + ends, "MII")


OLD, NEW, ENDED = certificate("old"), certificate("new", 800 * DAY), certificate("ended", -DAY)
IDP = IdentityProvider("https://idp.test/metadata", "https://idp.test/sso", (OLD,))
CONNECTION = Connection("c", "o", "Okta", Provider.OKTA, ConnectionStatus.ACTIVE, NOW, idp=IDP, tested_at=NOW)


def test_new_certificates_are_taken_over_and_vanished_ones_kept_until_they_end() -> None:
    rolled = replace(IDP, certificates=(NEW,))
    assert taken_over(IDP, rolled, NOW).certificates == (NEW, OLD)
    assert taken_over(IDP, rolled, OLD.not_after).certificates == (NEW,)
    assert changes_to_confirm(IDP, rolled, NOW) == (
        MetadataChange(MetadataChangeKind.CERTIFICATE_WITHDRAWN, "old", None),
    )
    assert changes_to_confirm(IDP, rolled, OLD.not_after) == ()


@pytest.mark.parametrize(
    ("changed", "kind", "before", "after"),
    [
        (
            replace(IDP, entity_id="https://evil.test"),
            MetadataChangeKind.ISSUER,
            "https://idp.test/metadata",
            "https://evil.test",
        ),
        (replace(IDP, sso_url="https://evil.test/sso"), MetadataChangeKind.SSO_HOST, "idp.test", "evil.test"),
        (replace(IDP, sso_url="https://idp.test:444/sso"), MetadataChangeKind.SSO_HOST, "idp.test", "idp.test:444"),
        (replace(IDP, certificates=(OLD, ENDED)), None, None, None),
    ],
    ids=["issuer", "host", "port", "harmless"],
)
def test_what_would_send_people_elsewhere_is_not_taken_over(
    changed: IdentityProvider, kind: MetadataChangeKind | None, before: str | None, after: str | None
) -> None:
    with_a_new_certificate = replace(changed, certificates=(*changed.certificates, NEW))
    expected = () if kind is None else (MetadataChange(kind, before, after),)
    assert changes_to_confirm(IDP, with_a_new_certificate, NOW) == expected
    assert taken_over(IDP, with_a_new_certificate, NOW) == (with_a_new_certificate if kind is None else IDP)


def test_metadata_without_a_valid_certificate_leaves_the_old_ones() -> None:
    assert taken_over(IDP, replace(IDP, certificates=(ENDED,)), NOW) == IDP


def test_another_path_of_the_same_host_and_a_new_logout_address_are_taken_over() -> None:
    moved = replace(IDP, sso_url="https://IDP.test/sso/v2", slo_url="https://idp.test/slo")
    assert changes_to_confirm(IDP, moved, NOW) == ()
    assert taken_over(IDP, moved, NOW) == moved


def test_the_first_metadata_of_a_connection_is_taken_as_it_is() -> None:
    assert changes_to_confirm(None, IDP, NOW) == ()
    assert taken_over(None, IDP, NOW) == IDP


def test_R4_what_trusts_other_certificates_counts_as_untested() -> None:
    later = NOW + DAY
    assert read_again(CONNECTION, IDP, later).is_tested()
    after = read_again(CONNECTION, replace(IDP, certificates=(OLD, NEW)), later)
    assert not after.is_tested()
    assert (after.metadata_refreshed_at, after.metadata_due_at) == (later, later + DAY)


def test_unreadable_metadata_changes_nothing_and_is_asked_for_hourly_then_daily() -> None:
    failing = unreadable(CONNECTION, "idp.test answered with status 500.", NOW)
    assert (failing.idp, failing.metadata_failing_since, failing.metadata_due_at) == (IDP, NOW, NOW + DAY / 24)
    still = unreadable(failing, "No answer.", NOW + 2 * DAY)
    assert (still.metadata_failing_since, still.metadata_due_at) == (NOW, NOW + 3 * DAY)
    assert "since 01 March 2026, 12:00 UTC: No answer." in warnings(still, (), NOW + 2 * DAY)[-1]
    assert read_again(still, IDP, NOW + 3 * DAY).metadata_failing_since is None


def test_a_connection_described_by_hand_is_not_read_again() -> None:
    by_url = described(CONNECTION, IDP, "https://idp.test/metadata", NOW)
    assert by_url.metadata_due_at == NOW + DAY
    assert described(by_url, IDP, None, NOW).metadata_due_at is None


def test_the_end_of_the_last_certificate_is_told_30_7_and_1_days_before_and_when_it_comes() -> None:
    ends = OLD.not_after
    told: list[int] = []
    due = next_warning(replace(IDP, certificates=(OLD, ENDED)))
    while due is not None:
        told.append(days_left(ends, due))
        due = next_warning(IDP, due)
    assert told == [30, 7, 1, 0]
    assert next_warning(IDP, ends - 3 * DAY) == ends - DAY
    assert next_warning(replace(IDP, certificates=())) is None
    assert days_left(ends, ends - timedelta(hours=30)) == 2


def test_an_end_seen_late_is_told_at_once_and_a_new_certificate_begins_anew() -> None:
    soon = replace(IDP, certificates=(certificate("soon", 5 * DAY),))
    late = described(CONNECTION, soon, None, NOW)
    assert late.expiry_warning_due_at == NOW - 25 * DAY
    warned = replace(late, expiry_warning_due_at=next_warning(soon, NOW))
    assert described(warned, soon, None, NOW).expiry_warning_due_at == NOW + 4 * DAY
    renewed = described(warned, IDP, None, NOW)
    assert renewed.expiry_warning_due_at == OLD.not_after - 30 * DAY
    assert last_expiry(None) is None


def test_an_administrator_is_warned_before_the_last_certificate_expires() -> None:
    soon = replace(CONNECTION, idp=replace(IDP, certificates=(certificate("soon", 20 * DAY),)))
    assert warnings(CONNECTION, (), NOW) == ()
    assert "21 March 2026" in warnings(soon, (), NOW)[0]
    assert "refresh" in warnings(soon, (), NOW + 20 * DAY)[0]


def test_what_waits_is_told_in_words() -> None:
    moved = replace(IDP, entity_id="https://evil.test", sso_url="https://evil.test/sso", certificates=(ENDED,))
    [warning] = warnings(CONNECTION, changes_to_confirm(IDP, moved, NOW), NOW)
    assert "the issuer from https://idp.test/metadata to https://evil.test" in warning
    assert "the sign-in host from idp.test to evil.test" in warning
    assert "none is valid today" in warning
    assert "no longer lists old" in warning
