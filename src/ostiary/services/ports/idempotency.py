"""The port to what was answered to requests that may be sent twice."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that a request holds.

    `request_key` stands for caller, address and key, `fingerprint` for what the request said; both are hashes. `answer`
    is sealed, and None until the request was answered.
    """

    request_key: bytes
    fingerprint: bytes
    claimed_at: datetime
    expires_at: datetime
    answer: bytes | None = None


class IdempotencyRepository(Protocol):
    """Keys and the answers kept for them."""

    async def claim(self, claim: Claim) -> Claim | None:
        """Take the key; None where that is done now, else the living claim that holds it."""
        ...

    async def answer(self, claim: Claim, sealed: bytes) -> None:
        """Keep the answer for the claim."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give the key back, as if it had never been taken."""
        ...
