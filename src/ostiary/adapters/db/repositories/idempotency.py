"""Keys of requests that may be sent twice."""

from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from ostiary.adapters.db.repositories.base import Repository
from ostiary.adapters.db.tables import idempotency_keys
from ostiary.services.ports.idempotency import Claim


def _own(claim: Claim) -> ColumnElement[bool]:
    return (idempotency_keys.c.request_key == claim.request_key) & (idempotency_keys.c.claimed_at == claim.claimed_at)


class Idempotency(Repository):
    """Keys and the answers kept for them; of no organization, for a key belongs to a credential."""

    async def claim(self, claim: Claim) -> Claim | None:
        """Take the key; None where that is done now, else the living claim that holds it."""
        values = {
            "fingerprint": claim.fingerprint,
            "claimed_at": claim.claimed_at,
            "expires_at": claim.expires_at,
            "answer": None,
        }
        taken = insert(idempotency_keys).values(request_key=claim.request_key, **values)
        taken = taken.on_conflict_do_update(
            index_elements=["request_key"], set_=values, where=idempotency_keys.c.expires_at <= claim.claimed_at
        )
        if await self._first(taken.returning(idempotency_keys.c.request_key)) is not None:
            return None
        held = await self._first(select(idempotency_keys).where(idempotency_keys.c.request_key == claim.request_key))
        # Given back since: who asks again finds it free.
        return claim if held is None else _claim(held)

    async def answer(self, claim: Claim, sealed: bytes) -> None:
        """Keep the answer for the claim."""
        await self._execute(update(idempotency_keys).where(_own(claim)).values(answer=sealed))

    async def release(self, claim: Claim) -> None:
        """Give the key back, as if it had never been taken."""
        await self._execute(delete(idempotency_keys).where(_own(claim)))


def _claim(row: Row[Any]) -> Claim:
    return Claim(row.request_key, row.fingerprint, row.claimed_at, row.expires_at, row.answer)
