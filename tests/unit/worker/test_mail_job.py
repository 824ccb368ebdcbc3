from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ostiary.services.jobs import mail_payload
from ostiary.services.ports.jobs import RetryLater
from ostiary.services.ports.world import Mail
from ostiary.worker.jobs import MAIL_RETRIES, MailAbandonedError, MailJob

MAIL = Mail("ada@acme.test", "Join Acme", "ost_inv_the-secret\n")


class Postbox:
    """A mailer that takes a message or refuses it."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(mail)


async def test_the_message_is_handed_over_as_it_was_queued() -> None:
    postbox = Postbox()
    await MailJob(postbox)(mail_payload(MAIL), 0)
    assert postbox.sent == [MAIL]


async def test_a_refused_message_is_put_off_longer_each_time() -> None:
    job = MailJob(Postbox(ConnectionRefusedError("nobody there")))
    delays: list[timedelta] = []
    for attempts in range(len(MAIL_RETRIES)):
        with pytest.raises(RetryLater) as caught:
            await job(mail_payload(MAIL), attempts)
        assert caught.value.reason == "ConnectionRefusedError"
        delays.append(caught.value.delay)
    assert delays == sorted(delays)
    assert timedelta(hours=20) < sum(delays, timedelta()) < timedelta(hours=30)


async def test_after_the_last_attempt_the_message_is_abandoned_with_an_error_that_keeps_its_secret() -> None:
    job = MailJob(Postbox(ConnectionRefusedError("nobody there")))
    with capture_logs() as logs, pytest.raises(MailAbandonedError) as caught:
        await job(mail_payload(MAIL), len(MAIL_RETRIES))
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("mail_abandoned", "error")
    assert (entry["attempts"], entry["details"]) == (len(MAIL_RETRIES) + 1, "nobody there")
    assert "OSTIARY_SMTP_URL" in entry["next_step"]
    assert "the-secret" not in repr(logs) + repr(caught.value)
    assert caught.value.__cause__ is None
