"""What adds up to too many attempts, and for whom."""

from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.errors import Kind
from ostiary.domain.throttle import (
    LIMITS,
    Attempt,
    Count,
    Scope,
    counters_of,
    exceeded,
    known_place,
    place_of,
    too_many_attempts,
)

NOW = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
ADA = "ada@acme.test"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
    ],
)
def test_a_place_is_the_network_one_client_controls(address: str, place: str) -> None:
    assert place_of(address) == place


def test_every_kind_of_attempt_has_limits_and_none_is_named_twice() -> None:
    assert set(LIMITS) == set(Attempt)
    for limits in LIMITS.values():
        assert len({limit.scope for limit in limits}) == len(limits)


@pytest.mark.parametrize("attempt", list(Attempt))
def test_an_account_is_limited_tighter_at_one_place_than_everywhere(attempt: Attempt) -> None:
    limits = {limit.scope: limit for limit in LIMITS[attempt]}
    if Scope.ACCOUNT_AT_PLACE in limits and Scope.ACCOUNT in limits:
        narrow, wide = limits[Scope.ACCOUNT_AT_PLACE], limits[Scope.ACCOUNT]
        assert narrow.most * 3 <= wide.most


def test_an_attempt_counts_for_the_account_at_the_place_for_the_account_and_for_the_place() -> None:
    counters = counters_of(Attempt.SIGN_IN, account=ADA, place="192.0.2.7")
    assert {counter.limit.scope for counter in counters} == set(Scope)
    assert [counter.key for counter in counters] == sorted(counter.key for counter in counters)
    elsewhere = counters_of(Attempt.SIGN_IN, account=ADA, place="192.0.2.8")
    shared = {counter.key for counter in counters} & {counter.key for counter in elsewhere}
    assert [counter.limit.scope for counter in counters if counter.key in shared] == [Scope.ACCOUNT]


@pytest.mark.parametrize(
    ("account", "place", "scopes"),
    [(None, "192.0.2.7", {Scope.PLACE}), (ADA, None, {Scope.ACCOUNT}), (None, None, set[Scope]())],
)
def test_a_limit_whose_account_or_place_is_unknown_is_left_out(
    account: str | None, place: str | None, scopes: set[Scope]
) -> None:
    assert {c.limit.scope for c in counters_of(Attempt.SIGN_IN, account=account, place=place)} == scopes


def test_keys_tell_attempts_accounts_and_places_apart_and_hold_none_of_them() -> None:
    keys = [
        counter.key
        for attempt in Attempt
        for account, place in [("a", "bc"), ("ab", "c")]
        for counter in counters_of(attempt, account=account, place=place)
    ]
    keys += [known_place("a", "bc"), known_place("ab", "c")]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}


def test_the_limit_itself_may_be_reached_and_not_be_passed() -> None:
    (counter,) = counters_of(Attempt.VERIFY_EMAIL, account=None, place="192.0.2.7")
    most = counter.limit.most
    assert exceeded([counter], [Count(counter.key, most, NOW)]) == ()
    assert exceeded([counter], [Count(counter.key, most + 1, NOW)]) == (counter,)


def test_the_refusal_says_after_how_many_seconds_the_last_of_the_limits_is_over() -> None:
    counters = counters_of(Attempt.SIGN_IN, account=ADA, place="192.0.2.7")
    ends = [NOW + timedelta(seconds=seconds) for seconds in (10, 90.2, 3000)]
    counts = [Count(counter.key, 1, until) for counter, until in zip(counters, ends, strict=True)]
    error = too_many_attempts(counters[:2], counts, NOW)
    assert (error.kind, error.code) == (Kind.THROTTLED, "too_many_attempts")
    assert error.extra == {"retry_after_seconds": 91}
    assert "91 seconds" in error.detail
    assert too_many_attempts(counters[:1], counts, ends[0]).extra == {"retry_after_seconds": 1}
