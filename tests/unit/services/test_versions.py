"""Versions: any difference makes another one, and every replica makes the same."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from ostiary.services.versions import version_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    name: str


@dataclass(frozen=True)
class Thing:
    at: datetime
    lasts: timedelta
    colours: frozenset[Colour]
    parts: tuple[Part, ...]
    settings: dict[str, str | None]
    sealed: bytes


THING = Thing(
    datetime(2026, 1, 2, 12, tzinfo=UTC),
    timedelta(hours=1),
    frozenset(Colour),
    (Part("one"), Part("two")),
    {"a": "1", "b": None},
    b"\x01",
)


@pytest.mark.parametrize(
    "other",
    [
        {"at": datetime(2026, 1, 2, 12, 0, 0, 1, tzinfo=UTC)},
        {"lasts": timedelta(hours=2)},
        {"colours": frozenset({Colour.RED})},
        {"parts": (Part("two"), Part("one"))},
        {"parts": (Part("one"),)},
        {"settings": {"a": "1", "b": "None"}},
        {"sealed": b"\x02"},
    ],
    ids=["moment", "duration", "set", "order", "part", "value", "bytes"],
)
def test_another_value_anywhere_is_another_version(other: dict[str, Any]) -> None:
    assert version_of(replace(THING, **other)) != version_of(THING)


def test_the_same_values_are_one_version_however_they_are_written() -> None:
    alike = replace(
        THING,
        at=THING.at.astimezone(timezone(timedelta(hours=5))),
        colours=frozenset([Colour.BLUE, Colour.RED]),
        settings={"b": None, "a": "1"},
    )
    assert version_of(alike) == version_of(THING)


def test_every_process_makes_the_same_version() -> None:
    # Python orders sets differently in each process, and replicas must agree.
    assert version_of(THING) == "Y9HH6Awix16i1qli"
