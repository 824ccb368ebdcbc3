"""Password hashing by argon2id (RFC 9106), away from the event loop."""

import os
import secrets

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher as PwdlibArgon2

from ostiary.adapters.bounded_threads import DEFAULT_WAITING, BoundedThreads

_MOST_THREADS = 4


class Argon2Hasher:
    """Hashes with the given cost: `memory_kib` in KiB per hash, `rounds` passes over it.

    At most as many hashes run at once as there are processors, and never more than four: the memory in use stays
    below four times the cost, and further callers wait their turn; too many of them are sent away.
    """

    def __init__(self, *, memory_kib: int, rounds: int, waiting: int = DEFAULT_WAITING) -> None:
        self._hasher = PasswordHash((PwdlibArgon2(time_cost=rounds, memory_cost=memory_kib, parallelism=1),))
        self._threads = BoundedThreads("argon2", at_once=min(_MOST_THREADS, os.cpu_count() or 1), waiting=waiting)
        # Compared against when there is no password: the same work, and nothing that could match.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """The hash to store, with its own salt and the cost it was made with."""
        return await self._threads.run(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the hashed one; False for None, after the time a comparison takes.

        Raises `pwdlib.exceptions.UnknownHashError` for a hash that is not argon2's: the row was damaged.
        """
        compared = self._nobody if password_hash is None else password_hash
        matches = await self._threads.run(self._hasher.verify, password, compared)
        return matches and password_hash is not None
