"""External effects as jobs that are committed, or rolled back, together with what caused them."""

from collections.abc import Sequence

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from ostiary.adapters.db.job_queue import queries_over, sealing_purpose
from ostiary.adapters.db.transaction import Transaction
from ostiary.services.jobs import (
    DELIVER_WEBHOOK,
    SEND_MAIL,
    SEND_TOKEN,
    mail_payload,
    webhook_payload,
    wish_payload,
)
from ostiary.services.ports.world import Mail, Sealer, TokenWish

# However many webhooks wait, a person who waits for a mail does not wait for them.
MAIL_FIRST = 10


class PgOutbox:
    """Enqueues inside the transaction of one unit of work."""

    def __init__(self, transaction: Transaction, sealer: Sealer) -> None:
        self._transaction = transaction
        self._sealer = sealer
        # A transaction of a thousand events wakes each webhook once.
        self._woken: set[str] = set()

    async def mail(self, mail: Mail) -> None:
        """Send the message once the transaction is committed."""
        await (await self._queries()).enqueue(SEND_MAIL, self._sealed(SEND_MAIL, mail_payload(mail)), MAIL_FIRST)

    async def token(self, wish: TokenWish) -> None:
        """Look up, once the transaction is committed, whether there is somebody to mail a token to."""
        await (await self._queries()).enqueue(SEND_TOKEN, self._sealed(SEND_TOKEN, wish_payload(wish)), MAIL_FIRST)

    async def webhooks(self, organization_id: str, webhook_ids: Sequence[str]) -> None:
        """Deliver what waits for the webhooks, once the transaction is committed. Asking again costs nothing."""
        new = [webhook_id for webhook_id in webhook_ids if webhook_id not in self._woken]
        self._woken.update(new)
        if new:
            payloads: list[bytes | None] = [self._webhook_payload(organization_id, webhook_id) for webhook_id in new]
            await (await self._queries()).enqueue([DELIVER_WEBHOOK] * len(new), payloads, [0] * len(new))

    async def waiting_webhooks(self, waiting: Sequence[tuple[str, str]]) -> None:
        """As `webhooks`, by organization and id, for those who look for what was put off; asks once, however often."""
        if waiting:
            await (await self._queries()).enqueue(
                [DELIVER_WEBHOOK] * len(waiting),
                [self._webhook_payload(*one) for one in waiting],
                [0] * len(waiting),
                dedupe_key=[f"{DELIVER_WEBHOOK} {webhook_id}" for _, webhook_id in waiting],
                on_conflict="skip",
            )

    def committed(self) -> None:
        """The transaction is over: the next one's webhooks are woken anew."""
        self._woken.clear()

    def _webhook_payload(self, organization_id: str, webhook_id: str) -> bytes:
        return self._sealed(DELIVER_WEBHOOK, webhook_payload(organization_id, webhook_id))

    def _sealed(self, job: str, payload: bytes) -> bytes:
        return self._sealer.seal(payload, purpose=sealing_purpose(job))

    async def _queries(self) -> Queries:
        return queries_over(AsyncpgDriver(await self._transaction.begin()))
