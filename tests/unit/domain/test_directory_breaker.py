"""When the breaker trips, decided without I/O."""

from datetime import timedelta

import pytest

from ostiary.domain.directory_breaker import Breaker, BreakerChange
from ostiary.domain.errors import DomainError


@pytest.mark.parametrize(
    ("gone", "members", "trips"),
    [
        (9, 10, False),
        (10, 10, True),
        (10, 33, True),
        (10, 34, False),
        (30, 100, False),
        (31, 100, True),
        (300_000, 1_000_000, False),
        (300_001, 1_000_000, True),
    ],
)
def test_R43_the_breaker_trips_past_the_share_and_not_below_the_minimum(gone: int, members: int, trips: bool) -> None:
    assert Breaker().trips(gone, members) is trips


def test_a_change_leaves_what_it_does_not_name() -> None:
    assert BreakerChange().applied_to(Breaker()) == Breaker()
    assert BreakerChange(enabled=False, window_seconds=60).applied_to(Breaker()) == Breaker(
        enabled=False, window=timedelta(minutes=1)
    )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (BreakerChange(share_percent=0), "/breaker/share_percent"),
        (BreakerChange(share_percent=101), "/breaker/share_percent"),
        (BreakerChange(minimum=0), "/breaker/minimum"),
        (BreakerChange(window_seconds=59), "/breaker/window_seconds"),
        (BreakerChange(window_seconds=604_801), "/breaker/window_seconds"),
    ],
    ids=str,
)
def test_settings_out_of_bounds_are_refused(change: BreakerChange, pointer: str) -> None:
    with pytest.raises(DomainError) as refused:
        change.applied_to(Breaker())

    assert (refused.value.code, refused.value.pointer) == ("invalid_value", pointer)
