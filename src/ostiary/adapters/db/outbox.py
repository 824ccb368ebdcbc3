"""External effects as jobs that are committed, or rolled back, together with what caused them."""

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.db.job_queue import DriverConnection, driver_of, queries_over, sealing_purpose
from ostiary.services.jobs import SEND_MAIL, mail_payload
from ostiary.services.ports.world import Mail, Sealer


class PgOutbox:
    """Enqueues over the connection, and thereby inside the transaction, of one unit of work."""

    def __init__(self, connection: AsyncConnection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def mail(self, mail: Mail) -> None:
        """Send the message once the transaction is committed."""
        await self._enqueue(SEND_MAIL, mail_payload(mail))

    async def _enqueue(self, job: str, payload: bytes) -> None:
        sealed = self._sealer.seal(payload, purpose=sealing_purpose(job))
        await queries_over(AsyncpgDriver(await self._driver_in_transaction())).enqueue(job, sealed)

    async def _driver_in_transaction(self) -> DriverConnection:
        driver = await driver_of(self._connection)
        if not driver.is_in_transaction():
            # SQLAlchemy begins at its own first statement; without one the job would be committed at once.
            await self._connection.execute(select(1))
        if not driver.is_in_transaction():
            raise RuntimeError("The outbox's connection commits each statement by itself: use one that does not.")
        return driver
