"""Domains: their one spelling, their proof, and when they count (R3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.domain_name import (
    CHECK_EVERY,
    CHECK_FAILING_EVERY,
    DomainOwnership,
    DomainStatus,
    EmailDomain,
    after_loss,
    after_override,
    after_proof,
    checked_domain,
    ensure_ownable,
    proves,
)
from ostiary.domain.errors import DomainError, Kind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DOMAIN = EmailDomain("dom", "org", "acme.test", DomainStatus.VERIFIED, "ours", NOW)


@pytest.mark.parametrize(
    ("given", "spelt"),
    [
        ("acme.test", "acme.test"),
        ("  ACME.Test. \n", "acme.test"),
        ("mail.acme.co.uk", "mail.acme.co.uk"),
        ("intern.local", "intern.local"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("a-b.c1.internal", "a-b.c1.internal"),
        ("BÜCHER。example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
    ],
)
def test_a_domain_has_one_spelling(given: str, spelt: str) -> None:
    assert checked_domain(given) == spelt


@pytest.mark.parametrize(
    "given",
    [
        "",
        "acme",
        "https://acme.test",
        "acme.test/path",
        "ada@acme.test",
        "*.acme.test",
        "-acme.test",
        "acme-.test",
        "acme..test",
        ".acme.test",
        "ac me.test",
        "acme_.test",
        "127.0.0.1",
        "acme.1",
        f"{'a' * 64}.test",
        ".".join(["a" * 60] * 5),
        "acme\0.test",
        "a\ud800.test",
        "bü cher.test",
        "bü/cher.test",
        "a\u2100b.test",
        "\u0301bü.test",
        "a\u200db.test",
    ],
)
def test_what_is_no_domain_is_refused_at_its_field(given: str) -> None:
    with pytest.raises(DomainError) as refused:
        checked_domain(given)
    assert (refused.value.kind, refused.value.code, refused.value.pointer) == (Kind.INVALID, "invalid_domain", "/name")


def test_R3_only_the_organizations_own_value_proves_the_domain() -> None:
    assert proves(DOMAIN, frozenset({"theirs", "ours"}))
    assert not proves(DOMAIN, frozenset({"theirs", "ours too"}))
    assert not proves(DOMAIN, frozenset())
    assert DOMAIN.txt_name == "_ostiary-challenge.acme.test"


@pytest.mark.parametrize(
    ("domain", "at", "admits"),
    [
        (replace(DOMAIN, status=DomainStatus.PENDING), NOW, False),
        (DOMAIN, NOW, True),
        (replace(DOMAIN, override_until=NOW + timedelta(days=30)), NOW, True),
        (replace(DOMAIN, override_until=NOW), NOW, False),
        (replace(DOMAIN, status=DomainStatus.FAILING, failing_since=NOW), NOW + timedelta(days=6, hours=23), True),
        (replace(DOMAIN, status=DomainStatus.FAILING, failing_since=NOW), NOW + timedelta(days=7), False),
        (replace(DOMAIN, status=DomainStatus.FAILING), NOW, False),
    ],
)
def test_R3_a_domain_counts_while_proven_and_seven_days_after_its_record_was_lost(
    domain: EmailDomain, at: datetime, admits: bool
) -> None:
    assert domain.admits(at) is admits


@pytest.mark.parametrize(
    ("ownership", "code"),
    [
        (DomainOwnership.PUBLIC_SUFFIX, "public_suffix_domain"),
        (DomainOwnership.FREE_MAIL, "free_mail_domain"),
        (DomainOwnership.COMPANY, None),
    ],
)
def test_R3_a_name_that_no_company_has_for_itself_is_refused_with_its_own_code(
    ownership: DomainOwnership, code: str | None
) -> None:
    if code is None:
        ensure_ownable("acme.test", ownership)
        return
    with pytest.raises(DomainError) as refused:
        ensure_ownable("acme.test", ownership)
    assert (refused.value.kind, refused.value.code, refused.value.pointer) == (Kind.INVALID, code, "/name")


def test_R3_a_lost_record_warns_for_seven_days_and_then_lapses_once() -> None:
    lost = after_loss(DOMAIN, NOW)
    assert (lost.status, lost.failing_since, lost.fails_at) == (DomainStatus.FAILING, NOW, NOW + 7 * DAY)
    assert lost.next_check_at == NOW + CHECK_FAILING_EVERY
    assert "08 March 2026" in lost.warnings[0]
    later = after_loss(lost, NOW + 6 * DAY)
    assert (later.failing_since, later.lapsed_at) == (NOW, None)
    lapsed = after_loss(later, NOW + 7 * DAY)
    assert lapsed.lapsed_at == NOW + 7 * DAY
    assert after_loss(lapsed, NOW + 8 * DAY).lapsed_at == NOW + 7 * DAY


def test_R3_a_lapsed_domain_lets_members_in_and_counts_again_once_its_record_is_back() -> None:
    lapsed = after_loss(after_loss(DOMAIN, NOW), NOW + 7 * DAY)
    assert not lapsed.admits(NOW + 7 * DAY)
    assert lapsed.lets_members_in
    assert not replace(DOMAIN, status=DomainStatus.PENDING).lets_members_in
    back = after_proof(lapsed, NOW + 9 * DAY)
    assert back.admits(NOW + 900 * DAY)
    assert (back.failing_since, back.lapsed_at, back.fails_at, back.warnings) == (None, None, None, ())
    assert back.next_check_at == NOW + 9 * DAY + CHECK_EVERY


def test_R3_the_operators_word_lasts_thirty_days_and_never_permits_email_changes() -> None:
    vouched = after_override(replace(DOMAIN, status=DomainStatus.PENDING), NOW)
    assert (vouched.status, vouched.fails_at) == (DomainStatus.VERIFIED, NOW + 30 * DAY)
    assert vouched.admits(NOW + 29 * DAY)
    assert not vouched.admits(NOW + 30 * DAY)
    assert not vouched.permits_email_changes(NOW)
    assert DOMAIN.permits_email_changes(NOW)
    assert after_proof(vouched, NOW).permits_email_changes(NOW)
    assert not after_proof(vouched, NOW).override_until


def test_R3_the_operators_word_warns_in_its_last_seven_days_and_no_day_longer() -> None:
    vouched = after_override(replace(DOMAIN, status=DomainStatus.PENDING), NOW)
    early = after_loss(vouched, NOW + 20 * DAY)
    assert (early.status, early.next_check_at) == (DomainStatus.VERIFIED, NOW + 21 * DAY)
    warned = after_loss(early, NOW + 24 * DAY)
    assert (warned.status, warned.fails_at) == (DomainStatus.FAILING, NOW + 30 * DAY)
    assert after_loss(warned, NOW + 30 * DAY).lapsed_at == NOW + 30 * DAY
    # A worker that looked too late says at once that it is over.
    assert after_loss(vouched, NOW + 31 * DAY).lapsed_at == NOW + 31 * DAY
