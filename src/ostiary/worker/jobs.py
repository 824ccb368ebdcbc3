"""What a worker does with each kind of job."""

from datetime import timedelta

import structlog

from ostiary.services.jobs import mail_of, webhook_of, wish_of
from ostiary.services.passwords import PasswordService
from ostiary.services.ports.jobs import RetryLater
from ostiary.services.ports.world import Mailer
from ostiary.services.recovery import RecoveryService
from ostiary.services.webhook_delivery import WebhookDeliveryService

# Nine tries in about a day: through a mail server's restart, a greylist, and a night without an operator.
MAIL_RETRIES = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
_log = structlog.get_logger(__name__)


class MailAbandonedError(Exception):
    """A message was tried as often as we try, and is lost."""


class MailJob:
    """Delivers one message, patiently."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    async def __call__(self, payload: bytes, attempts: int) -> None:
        """Send it; a refusal puts the job off by the next of `MAIL_RETRIES`, and after the last ends it.

        The log gets the mail server's words, never the message: its text may hold a secret.
        """
        try:
            await self._mailer.send(mail_of(payload))
        except Exception as error:  # noqa: BLE001 -- whatever kept the message from being taken, it is tried again
            reason = type(error).__name__
            log = _log.bind(attempts=attempts + 1, reason=reason, details=str(error)[:300])
            if attempts >= len(MAIL_RETRIES):
                log.error(  # noqa: TRY400 -- a traceback would add nothing
                    "mail_abandoned", next_step="Mend OSTIARY_SMTP_URL; the person can ask for the mail again."
                )
                raise MailAbandonedError(reason) from None
            delay = MAIL_RETRIES[attempts]
            log.warning("mail_delayed", retry_in_seconds=delay.total_seconds())
            raise RetryLater(delay, reason) from None


class WebhookJob:
    """Gives one webhook a turn. Nothing of it is tried again as a job: what is due is found by the clock."""

    def __init__(self, deliveries: WebhookDeliveryService) -> None:
        self._deliveries = deliveries

    async def __call__(self, payload: bytes, _attempts: int) -> None:
        """Deliver what is due to the webhook the payload names."""
        await self._deliveries.take_turn(*webhook_of(payload))


class TokenJob:
    """Mails a token to whom there is; where there is nobody, nothing happens, and nobody hears of it."""

    def __init__(self, passwords: PasswordService, recovery: RecoveryService) -> None:
        self._passwords = passwords
        self._recovery = recovery

    async def __call__(self, payload: bytes, attempts: int) -> None:  # noqa: ARG002 -- a JobHandler; one try is enough
        """Look up and mail. A failure is logged by the queue; the person can ask again."""
        wish = wish_of(payload)
        if wish.repairs is None:
            await self._passwords.mail_reset(wish.email)
        else:
            await self._recovery.mail_link(organization=wish.repairs, email=wish.email)
