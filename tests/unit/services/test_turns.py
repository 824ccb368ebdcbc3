"""Turns of directories: one alone has all there is, many have equal shares, and nobody's turn is lost."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from ostiary.domain.errors import DomainError, Kind
from ostiary.services.metrics import REGISTRY
from ostiary.services.turns import RECENT_SECONDS, Turn, Turns


class Watch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


def value(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"queue": "directory"}) or 0.0


async def settled(*tasks: asyncio.Task[Turn]) -> list[bool]:
    """Which of them have their turn, once everybody did what they can."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


Enter = Callable[[Turns, str, int], list[asyncio.Task[Turn]]]


@pytest.fixture
async def entering() -> AsyncGenerator[Enter]:
    """Asks for turns side by side; who still waits when the test is over is sent away."""
    asked: list[asyncio.Task[Turn]] = []

    def entering(turns: Turns, directory: str, many: int) -> list[asyncio.Task[Turn]]:
        new = [asyncio.create_task(turns.enter(directory)) for _ in range(many)]
        asked.extend(new)
        return new

    yield entering
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_a_directory_alone_has_all_there_is_and_the_rest_wait_in_order(entering: Enter) -> None:
    turns = Turns(3)
    asked = entering(turns, "acme", 5)
    assert await settled(*asked) == [True, True, True, False, False]
    assert value("ostiary_queue_length") == 2
    asked[1].result().end()
    assert await settled(*asked) == [True, True, True, True, False]
    asked[0].result().end()
    assert await settled(*asked) == [True] * 5
    assert value("ostiary_queue_length") == 0


async def test_who_asks_beside_one_that_pushes_is_let_in_at_once_and_halves_its_share(entering: Enter) -> None:
    turns = Turns(4)
    pushed = entering(turns, "large", 6)
    assert await settled(*pushed) == [True] * 4 + [False] * 2
    other = await turns.enter("small")
    pushed[0].result().end()
    pushed[1].result().end()
    # Two run still: its share is two as long as another asks.
    assert await settled(*pushed) == [True] * 4 + [False] * 2
    pushed[2].result().end()
    assert await settled(*pushed) == [True] * 5 + [False]
    other.end()


async def test_everybody_has_a_turn_where_there_are_more_directories_than_turns(entering: Enter) -> None:
    turns = Turns(2)
    every = [task for number in range(5) for task in entering(turns, f"d{number}", 2)]
    # The first came before anybody else was known.
    assert await settled(*every) == [True, True] + [True, False] * 4


async def test_the_share_grows_again_when_the_others_have_not_asked_for_a_while(entering: Enter) -> None:
    watch = Watch()
    turns = Turns(4, now=watch)
    (await turns.enter("small")).end()
    watch.seconds += RECENT_SECONDS
    pushed = entering(turns, "large", 6)
    assert await settled(*pushed) == [True] * 2 + [False] * 4
    watch.seconds += 0.001
    pushed[0].result().end()
    # All that there is room for, not only the one whose turn was given back.
    assert await settled(*pushed) == [True] * 5 + [False]


async def test_nobody_overtakes_those_who_wait_when_their_share_has_grown(entering: Enter) -> None:
    watch = Watch()
    turns = Turns(4, now=watch)
    (await turns.enter("small")).end()
    pushed = entering(turns, "large", 5)
    assert await settled(*pushed) == [True] * 2 + [False] * 3
    watch.seconds += RECENT_SECONDS + 0.001
    late = entering(turns, "large", 1)
    assert await settled(*pushed, *late) == [True] * 4 + [False] * 2


async def test_who_asks_again_is_counted_from_then_and_stands_in_nobodys_way() -> None:
    watch = Watch()
    turns = Turns(4, now=watch)
    for directory, seconds in (("often", 0.0), ("once", 0.5), ("often", 0.4)):
        watch.seconds += seconds
        (await turns.enter(directory)).end()
    watch.seconds += 0.7
    assert turns._share() == 4
    watch.seconds += 0.4
    await turns.enter("new")
    assert list(turns._asked) == ["new"]


async def test_a_full_line_is_refused_and_counted_and_no_other_directory_is(entering: Enter) -> None:
    turns, refused = Turns(1, waiting=2), value("ostiary_queue_refused_total")
    asked = entering(turns, "acme", 3)
    await settled(*asked)
    with pytest.raises(DomainError, match="Wait a second") as raised:
        await turns.enter("acme")
    assert (raised.value.kind, raised.value.code) == (Kind.THROTTLED, "too_many_requests")
    assert raised.value.extra == {"retry_after_seconds": 1}
    assert value("ostiary_queue_refused_total") == refused + 1
    (await turns.enter("bolts")).end()
    asked[0].result().end()
    await settled(*asked)
    for task in (*asked[1:], *entering(turns, "acme", 1)):
        (await task).end()


async def test_a_turn_ended_twice_is_given_back_once(entering: Enter) -> None:
    turns = Turns(1)
    first = await turns.enter("acme")
    asked = entering(turns, "acme", 2)
    first.end()
    first.end()
    assert await settled(*asked) == [True, False]


async def test_who_leaves_while_waiting_is_passed_over(entering: Enter) -> None:
    turns = Turns(1, waiting=2)
    first = await turns.enter("acme")
    asked = entering(turns, "acme", 2)
    await settled(*asked)
    asked[0].cancel()
    await settled(*asked)
    # Its place in the line is free.
    third = entering(turns, "acme", 1)[0]
    assert await settled(third) == [False]
    first.end()
    assert (await settled(*asked, third))[1:] == [True, False]
    asked[1].result().end()
    (await third).end()
    assert value("ostiary_queue_length") == 0


@pytest.mark.parametrize("order", ["left first", "let in first"])
async def test_who_leaves_in_the_moment_of_being_let_in_passes_the_turn_on(entering: Enter, order: str) -> None:
    turns = Turns(1)
    first = await turns.enter("acme")
    asked = entering(turns, "acme", 2)
    await settled(*asked)
    if order == "left first":
        asked[0].cancel()
        first.end()
    else:
        first.end()
        asked[0].cancel()
    assert await settled(*asked) == [True, True]
    assert asked[0].cancelled()
    asked[1].result().end()
    (await asyncio.wait_for(turns.enter("acme"), 1)).end()


async def test_nothing_is_kept_of_directories_that_are_done() -> None:
    watch = Watch()
    turns = Turns(2, now=watch)
    for number in range(100):
        (await turns.enter(f"d{number}")).end()
    watch.seconds += 2 * RECENT_SECONDS
    last = await turns.enter("last")
    assert len(turns._lines) == len(turns._asked) == 1
    last.end()
    assert turns._lines == {}
