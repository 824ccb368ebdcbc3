"""Requests that may be sent twice and are carried out once: the Idempotency-Key of whoever creates something."""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256

from ostiary.domain.errors import DomainError, Kind, conflict, invalid
from ostiary.domain.operation import Operation
from ostiary.domain.principal import OPERATOR, Principal
from ostiary.services.context import Caller, Kit, admit
from ostiary.services.ports.idempotency import Claim
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.world import Sealer

KEPT_FOR = timedelta(hours=24)
# Nothing takes that long: who began before and has no answer yet was cut off.
LONGEST_REQUEST = timedelta(minutes=2)
MAX_KEY_LENGTH = 255
SEALED_FOR = "idempotency"


@dataclass(frozen=True, slots=True)
class CreatingRequest:
    """A request that creates something, and the key it came with.

    `organization` and `database_id` are what its address names, where it names one.
    """

    operation: Operation
    path: str
    key: str
    body: bytes
    organization: str | None = None
    database_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a request was answered."""

    status: int
    body: str


class IdempotencyService:
    """Keeps what creating requests were answered, so that each is carried out once.

    A key belongs to one credential and one address. The answer is kept in a transaction after the one that created: who
    is cut off in between leaves a claim without an answer, and that is said, for nobody can know what became of it.
    """

    def __init__(self, kit: Kit, sealer: Sealer) -> None:
        self._kit = kit
        self._sealer = sealer

    async def begin(self, caller: Caller, principal: Principal, request: CreatingRequest) -> KeptAnswer | Claim:
        """The answer there is already; else a claim, to be ended by `keep` or `release`.

        Raises `invalid_idempotency_key`, `idempotency_key_reused`, `idempotency_in_progress`,
        `idempotency_outcome_unknown`, and what a caller hears who may no longer do this.
        """
        if not (0 < len(request.key) <= MAX_KEY_LENGTH and request.key.isascii() and request.key.isprintable()):
            raise invalid(
                "invalid_idempotency_key",
                f"Send an Idempotency-Key of 1 to {MAX_KEY_LENGTH} printable ASCII characters, such as a UUID.",
            )
        now = self._kit.clock.now()
        wanted = Claim(
            request_key=_hash(principal.kind, principal.id, request.path, request.key),
            fingerprint=sha256(request.body).digest(),
            claimed_at=now,
            expires_at=now + KEPT_FOR,
        )
        async with self._kit.uow() as uow:
            held = await uow.idempotency.claim(wanted)
            if held is not None:
                await self._ensure_still_permitted(uow, caller, request)
                return self._kept(held, wanted)
            await uow.commit()
        return wanted

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Answer the same from now on; sealed, for what is created may have a secret."""
        sealed = self._sealer.seal(json.dumps(asdict(answer)).encode(), purpose=SEALED_FOR)
        async with self._kit.uow() as uow:
            await uow.idempotency.answer(claim, sealed)
            await uow.commit()

    async def release(self, claim: Claim) -> None:
        """Nothing was created: the key may be used again."""
        async with self._kit.uow() as uow:
            await uow.idempotency.release(claim)
            await uow.commit()

    def _kept(self, held: Claim, wanted: Claim) -> KeptAnswer:
        if held.fingerprint != wanted.fingerprint:
            raise invalid(
                "idempotency_key_reused",
                "This Idempotency-Key came with another body before. Send a new key with a new request.",
            )
        if held.answer is not None:
            return KeptAnswer(**json.loads(self._sealer.unseal(held.answer, purpose=SEALED_FOR)))
        if wanted.claimed_at - held.claimed_at < LONGEST_REQUEST:
            raise DomainError(
                Kind.CONFLICT,
                "idempotency_in_progress",
                "The first request with this Idempotency-Key is still being carried out. Send it again in a moment.",
                extra={"retry_after_seconds": 1},
            )
        raise conflict(
            "idempotency_outcome_unknown",
            "The first request with this Idempotency-Key was cut off, and may or may not have been carried out. Look "
            "at the list whether what it creates is there; if not, send it with a new key.",
        )

    async def _ensure_still_permitted(self, uow: UnitOfWork, caller: Caller, request: CreatingRequest) -> None:
        """What was answered once is no longer for somebody who lost the right to ask."""
        if request.organization is None or caller.principal is OPERATOR:
            caller.permitted(request.operation)
        else:
            await admit(
                uow,
                self._kit.urls,
                caller,
                request.organization,
                request.operation,
                database_id=request.database_id,
            )


def _hash(*parts: str) -> bytes:
    return sha256(json.dumps(parts).encode()).digest()
