"""Domains: their one spelling, their proof, and when they count (R3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.domain_name import DomainStatus, EmailDomain, checked_domain, proves
from ostiary.domain.errors import DomainError, Kind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
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
