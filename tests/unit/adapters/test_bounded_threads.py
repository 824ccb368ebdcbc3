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
