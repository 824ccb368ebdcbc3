"""A short queue in front of threads: who finds it full is sent away, and nobody's place is lost."""

import asyncio
import threading

import pytest

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.domain.errors import DomainError, Kind


async def test_who_finds_the_queue_full_is_told_to_come_again_and_nothing_of_it_runs() -> None:
    threads, go, ran = BoundedThreads("test", at_once=1, waiting=1), threading.Event(), list[int]()
    threads.ensure_room()
    held = [asyncio.create_task(threads.run(go.wait, 5)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(DomainError) as refused:
        await threads.run(ran.append, 1)
    with pytest.raises(DomainError, match="Wait a second"):
        threads.ensure_room()

    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "too_busy")
    assert refused.value.extra == {"retry_after_seconds": 1}
    go.set()
    assert await asyncio.gather(*held) == [True, True]
    await threads.run(ran.append, 2)
    assert ran == [2]


async def test_work_that_fails_gives_its_place_back() -> None:
    threads = BoundedThreads("test", at_once=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 / 0)
    assert await threads.run(lambda: "done") == "done"


async def test_whoever_leaves_while_waiting_gives_the_place_back_and_is_not_worked_for() -> None:
    threads, go, ran = BoundedThreads("test", at_once=1, waiting=1), threading.Event(), list[int]()
    held = asyncio.create_task(threads.run(go.wait, 5))
    left = asyncio.create_task(threads.run(ran.append, 1))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    threads.ensure_room()
    go.set()
    assert await held
    assert ran == []


async def test_work_goes_on_beside_the_event_loop_at_most_so_much_at_once() -> None:
    threads, lock = BoundedThreads("test", at_once=2, waiting=10), threading.Lock()
    working, most = 0, 0

    def work() -> int:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        threading.Event().wait(0.01)
        with lock:
            working -= 1
        return threading.get_ident()

    assert threading.get_ident() not in await asyncio.gather(*(threads.run(work) for _ in range(10)))
    assert most == 2


class Watch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 7.0

    def __call__(self) -> float:
        return self.seconds

    def work(self, seconds: float) -> int:
        """Takes so long; answers in which thread it was done."""
        self.seconds += seconds
        return threading.get_ident()


async def test_brief_work_is_done_where_it_is_asked_for() -> None:
    watch, here = Watch(), threading.get_ident()
    threads = BoundedThreads("test", now=watch)
    for _ in range(100):
        assert await threads.brief(watch.work, 0.001) == here
        watch.seconds += 0.002


async def test_brief_work_goes_to_threads_while_it_takes_more_than_half_of_the_time() -> None:
    watch, here = Watch(), threading.get_ident()
    threads = BoundedThreads("test", now=watch)
    done = [await threads.brief(watch.work, 0.001) == here for _ in range(1000)]
    # What there is to begin with, twice, for half of it comes back meanwhile; then every other one, for work in
    # threads passes time too.
    assert done[:99] == [True] * 99
    assert sum(done[200:]) == pytest.approx(400, abs=2)
    watch.seconds += 0.01
    assert await threads.brief(watch.work, 0.001) == here


async def test_work_that_proves_long_is_paid_for_afterwards() -> None:
    watch, here = Watch(), threading.get_ident()
    threads = BoundedThreads("test", now=watch)
    assert await threads.brief(watch.work, 1.0) == here
    watch.seconds += 0.5
    assert await threads.brief(watch.work, 0) != here
    watch.seconds += 0.5
    assert await threads.brief(watch.work, 0) == here


async def test_brief_work_that_finds_neither_time_nor_a_thread_is_sent_away() -> None:
    watch, go = Watch(), threading.Event()
    threads = BoundedThreads("test", at_once=1, waiting=0, now=watch)
    await threads.brief(watch.work, 1.0)
    held = asyncio.create_task(threads.run(go.wait, 5))
    await asyncio.sleep(0)
    with pytest.raises(DomainError, match="Wait a second"):
        await threads.brief(watch.work, 0)
    go.set()
    assert await held


async def test_brief_work_that_fails_is_paid_for_and_raises_what_it_raised() -> None:
    watch, here = Watch(), threading.get_ident()
    threads = BoundedThreads("test", now=watch)

    def fail() -> None:
        watch.work(1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await threads.brief(fail)
    assert await threads.brief(watch.work, 0) != here
