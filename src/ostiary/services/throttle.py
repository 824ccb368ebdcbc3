"""Counting attempts in the database, so that a limit holds over all replicas."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from ostiary.domain.errors import DomainError
from ostiary.domain.throttle import (
    KNOWN_PLACE_LIFETIME,
    Attempt,
    Counter,
    Scope,
    counters_of,
    exceeded,
    known_place,
    place_of,
    too_many_attempts,
)
from ostiary.services.context import Client, Kit
from ostiary.services.ports.uow import UnitOfWork

# The answers to a secret that is none of ours. Every other refusal came after the right one.
_WRONG_SECRET = frozenset({"invalid_token", "invalid_code", "recovery_refused"})


class Throttle:
    """Counts in transactions of its own: a use case that is refused and rolled back has been counted all the same."""

    def __init__(self, kit: Kit, *, by_address: bool) -> None:
        self._kit = kit
        self._by_address = by_address

    async def count(self, attempt: Attempt, client: Client, account: str | None = None) -> tuple[Counter, ...]:
        """Count one attempt; raises `too_many_attempts`, and then counts nothing. Answers what `give_back` takes.

        What one place has used up can so not use up the limit of the account, which others share.
        """
        place = self._place(client)
        counters = counters_of(attempt, account=account, place=place)
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            counts = await uow.attempts.add(counters, now)
            beyond = exceeded(counters, counts)
            if beyond and not (
                attempt is Attempt.SIGN_IN
                and account is not None
                and place is not None
                and all(counter.limit.scope is Scope.ACCOUNT for counter in beyond)
                and await uow.attempts.is_known(known_place(account, place), now)
            ):
                raise too_many_attempts(beyond, counts, now)
            await uow.commit()
        return counters

    async def give_back(self, taken: Sequence[Counter]) -> None:
        """It was no failure."""
        if not taken:
            return
        async with self._kit.uow() as uow:
            await uow.attempts.take_back(taken)
            await uow.commit()

    async def finished(self, uow: UnitOfWork, attempt: Attempt, client: Client, taken: Sequence[Counter] = ()) -> None:
        """What was begun at the client's place, in a request before, came to its end there, if `uow` is committed.

        With it is given back what was `taken` meanwhile.
        """
        counters = (*counters_of(attempt, account=None, place=self._place(client)), *taken)
        if counters:
            await uow.attempts.take_back(counters)

    async def welcome(self, account: str, client: Client) -> None:
        """The account's owner was here: for a time, strangers elsewhere do not lock them out here."""
        place = self._place(client)
        if place is None:
            return
        async with self._kit.uow() as uow:
            await uow.attempts.remember(known_place(account, place), self._kit.clock.now() + KNOWN_PLACE_LIFETIME)
            await uow.commit()

    def _place(self, client: Client) -> str | None:
        return place_of(client.address) if self._by_address and client.address else None

    @asynccontextmanager
    async def refusals(self, attempt: Attempt, client: Client) -> AsyncGenerator[None]:
        """Count what the block refuses as no secret of ours; raises `too_many_attempts` in its stead."""
        try:
            yield
        except DomainError as refused:
            if refused.code in _WRONG_SECRET:
                await self.count(attempt, client)
            raise
