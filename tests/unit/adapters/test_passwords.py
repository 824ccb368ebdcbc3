import asyncio
import threading
import time

import pytest
from pwdlib.exceptions import UnknownHashError

from ostiary.adapters import passwords
from ostiary.adapters.passwords import Argon2Hasher

CHEAP = Argon2Hasher(memory_kib=8, rounds=1)


async def test_the_right_password_verifies_and_a_wrong_one_does_not() -> None:
    stored = await CHEAP.hash("correct horse")
    assert await CHEAP.verify("correct horse", stored)
    assert not await CHEAP.verify("correct hors", stored)


async def test_hashes_are_argon2id_with_the_cost_asked_for_and_their_own_salt() -> None:
    hasher = Argon2Hasher(memory_kib=64, rounds=3)
    first, second = await hasher.hash("same"), await hasher.hash("same")
    assert first.startswith("$argon2id$v=19$m=64,t=3,p=1$")
    assert first != second


async def test_a_hash_of_an_earlier_cost_still_verifies() -> None:
    assert await CHEAP.verify("same", await Argon2Hasher(memory_kib=64, rounds=2).hash("same"))


async def test_without_a_hash_nothing_verifies_and_it_takes_as_long() -> None:
    hasher = Argon2Hasher(memory_kib=16_384, rounds=2)
    stored = await hasher.hash("one")

    async def fastest(password_hash: str | None) -> float:
        times: list[float] = []
        for _ in range(5):
            start = time.perf_counter()
            assert not await hasher.verify("two", password_hash)
            times.append(time.perf_counter() - start)
        return min(times)

    assert await fastest(None) > 0.5 * await fastest(stored)


async def test_a_damaged_hash_raises() -> None:
    with pytest.raises(UnknownHashError):
        await CHEAP.verify("x", "$damaged$")


async def test_many_at_once_run_on_a_few_threads_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = Argon2Hasher(memory_kib=8, rounds=1)
    running, most, threads = 0, 0, set[int]()
    lock = threading.Lock()
    real = hasher._hasher.hash

    def counted(password: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            threads.add(threading.get_ident())
        time.sleep(0.005)
        with lock:
            running -= 1
        return real(password)

    monkeypatch.setattr(hasher._hasher, "hash", counted)
    await asyncio.gather(*(hasher.hash("x") for _ in range(20)))
    assert most <= passwords._MOST_THREADS
    assert threading.get_ident() not in threads
