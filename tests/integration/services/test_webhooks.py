"""Events on their way to webhooks: in the transaction, to a real receiver, again and again, and no longer."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from ostiary.adapters.webhook_sender import HttpWebhookSender
from ostiary.domain.errors import DomainError
from ostiary.domain.webhook import (
    DISABLED_AFTER,
    MAX_WEBHOOKS,
    RETRIES,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Webhook,
)
from ostiary.services.jobs import DELIVER_WEBHOOK
from ostiary.services.metrics import REGISTRY
from ostiary.services.paging import PageRequest
from ostiary.services.ports.webhooks import DeliveryFilter
from ostiary.services.webhooks import WebhookChange
from tests.support.house import House, Person
from tests.support.receiver import Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@dataclass
class Acme:
    """An organization whose founder made a webhook for everything about teams."""

    house: House
    ada: Person
    webhook: Webhook
    secret: str

    async def team(self, name: str) -> None:
        await self.house.services.teams.create(self.ada.caller, "acme", name)

    async def turn(self) -> None:
        """What the worker does when the webhook is woken."""
        await self.house.deliveries.take_turn(self.webhook.organization_id, self.webhook.id)

    async def now(self) -> Webhook:
        return await self.house.services.webhooks.get(self.ada.caller, "acme", self.webhook.id)

    async def deliveries(self) -> tuple[Delivery, ...]:
        """Newest first."""
        page = await self.house.services.webhooks.deliveries(
            self.ada.caller, "acme", self.webhook.id, DeliveryFilter(), PageRequest()
        )
        return page.items


@pytest.fixture
async def acme(house: House, receiver: Receiver) -> Acme:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    webhook, secret = await house.services.webhooks.create(ada.caller, "acme", url=receiver.url, event_types=["team.*"])
    return Acme(house, ada, webhook, secret)


async def test_R60_an_event_reaches_the_webhook_signed(acme: Acme, receiver: Receiver) -> None:
    await acme.team("Platform")
    await acme.turn()
    [call] = receiver.received
    payload = call.verified(acme.secret)
    [event] = await acme.house.events("team.created")
    assert call.id == event.id == payload["data"]["id"]
    assert payload["data"]["after"] == {"name": "Platform"}
    assert payload["data"]["actor"]["label"] == "ada@acme.test"
    [delivery] = await acme.deliveries()
    assert (delivery.status, delivery.tries) == (DeliveryStatus.SUCCEEDED, 1)
    assert delivery.attempts[0].response_body == "thank you"


async def test_a_changed_body_or_another_secret_does_not_verify(acme: Acme, receiver: Receiver) -> None:
    await acme.team("Platform")
    await acme.turn()
    _, other = await acme.house.services.webhooks.create(
        acme.ada.caller, "acme", url=receiver.url, event_types=["sso.*"]
    )
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified(other)


async def test_what_was_not_subscribed_to_is_not_sent(acme: Acme, receiver: Receiver) -> None:
    await acme.house.services.databases.create(acme.ada.caller, "acme", name="orders")
    await acme.turn()
    assert receiver.received == []
    assert await acme.deliveries() == ()


async def test_another_organizations_events_are_not_sent(acme: Acme, receiver: Receiver) -> None:
    bo = await acme.house.person("bo@other.test")
    await acme.house.organization(bo, "other")
    await acme.house.services.teams.create(bo.caller, "other", "Platform")
    await acme.turn()
    assert receiver.received == []


async def test_a_transaction_that_is_rolled_back_sends_nothing(acme: Acme, receiver: Receiver) -> None:
    await acme.team("Platform")
    await acme.turn()
    jobs = await acme.house.count("pgqueuer", entrypoint=DELIVER_WEBHOOK)
    with pytest.raises(DomainError, match="team_name_taken"):
        await acme.team("Platform")
    await acme.turn()
    assert len(receiver.received) == 1
    assert await acme.house.count("pgqueuer", entrypoint=DELIVER_WEBHOOK) == jobs


async def test_many_events_at_once_all_arrive_each_once(acme: Acme, receiver: Receiver) -> None:
    for number in range(23):
        await acme.team(f"Team {number}")
    # Two workers at the same moment: the second finds it taken.
    await asyncio.gather(acme.turn(), acme.turn())
    assert len({call.id for call in receiver.received}) == len(receiver.received) == 23


async def test_events_recorded_together_are_delivered_each(acme: Acme, receiver: Receiver) -> None:
    webhook, _ = await acme.house.services.webhooks.create(
        acme.ada.caller, "acme", url=receiver.url, event_types=["credential.revoked"]
    )
    database = await acme.house.services.databases.create(acme.ada.caller, "acme", name="orders")
    credentials = acme.house.services.credentials
    made = [await credentials.create(acme.ada.caller, "acme", database.id, f"app {number}") for number in range(3)]
    await credentials.revoke_all(acme.ada.caller, "acme", [one.credential.id for one in made])
    await acme.house.deliveries.take_turn(webhook.organization_id, webhook.id)
    told = [call.target() for call in receiver.received]
    assert sorted(told) == sorted(one.credential.id for one in made)


async def test_a_failed_delivery_is_tried_again_under_the_same_id(acme: Acme, receiver: Receiver) -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("ostiary_webhook_tries_total", {"outcome": outcome}) or 0

    before = {outcome: counted(outcome) for outcome in ("succeeded", "failed")}
    receiver.answers = [500, 500]
    await acme.team("Platform")
    await acme.turn()
    await acme.turn()
    assert len(receiver.received) == 1
    for pause in RETRIES[:2]:
        acme.house.clock.turn(pause * 1.3)
        assert await acme.house.deliveries.wake_waiting() == 1
        await acme.turn()
    assert len({call.id for call in receiver.received}) == 1
    [delivery] = await acme.deliveries()
    assert (delivery.status, delivery.tries) == (DeliveryStatus.SUCCEEDED, 3)
    assert [attempt.response_status for attempt in delivery.attempts] == [500, 500, 200]
    assert (await acme.now()).failing_since is None
    assert {outcome: counted(outcome) - had for outcome, had in before.items()} == {"succeeded": 1, "failed": 2}


async def test_a_redirect_is_not_followed(acme: Acme, receiver: Receiver) -> None:
    receiver.answers = [307]
    await acme.team("Platform")
    await acme.turn()
    [delivery] = await acme.deliveries()
    assert delivery.status is DeliveryStatus.PENDING
    assert "Redirects are not followed" in (delivery.attempts[0].error or "")


async def test_gone_switches_the_webhook_off_and_tells_the_administrators(acme: Acme, receiver: Receiver) -> None:
    receiver.answers = [410]
    await acme.team("Platform")
    await acme.team("Data")
    await acme.turn()
    off = await acme.now()
    assert (off.enabled, off.disabled_reason) == (False, DisabledReason.GONE)
    assert [event.target_id for event in await acme.house.events("webhook.disabled")] == [off.id]
    assert [mail.to for mail in await acme.house.mails() if "webhook" in mail.subject.lower()] == ["ada@acme.test"]
    assert DeliveryStatus.PENDING not in {delivery.status for delivery in await acme.deliveries()}
    sent = len(receiver.received)
    await acme.team("Later")
    await acme.turn()
    assert len(receiver.received) == sent


async def test_five_days_without_a_success_switch_it_off(acme: Acme, receiver: Receiver) -> None:
    receiver.answers = [500] * 50
    await acme.team("Platform")
    await acme.turn()
    acme.house.clock.turn(DISABLED_AFTER)
    await acme.team("Data")
    for pause in (timedelta(0), *RETRIES[:5]):
        acme.house.clock.turn(pause * 1.3)
        await acme.turn()
    off = await acme.now()
    assert (off.enabled, off.disabled_reason) == (False, DisabledReason.FAILING)


async def test_a_receiver_that_is_not_there_rests(acme: Acme, receiver: Receiver) -> None:
    await acme.house.services.webhooks.update(
        acme.ada.caller, "acme", acme.webhook.id, WebhookChange(url="http://127.0.0.1:9/hook")
    )
    for number in range(20):
        await acme.team(f"Team {number}")
    await acme.turn()
    resting = await acme.now()
    assert resting.rest_until is not None
    tried = [delivery for delivery in await acme.deliveries() if delivery.tries]
    assert len(tried) == 5
    await acme.turn()
    assert [delivery for delivery in await acme.deliveries() if delivery.tries] == tried
    assert receiver.received == []


async def test_during_a_rotation_receivers_of_either_secret_verify(acme: Acme, receiver: Receiver) -> None:
    _, new = await acme.house.services.webhooks.rotate_secret(acme.ada.caller, "acme", acme.webhook.id)
    await acme.team("Platform")
    await acme.turn()
    assert receiver.received[0].verified(acme.secret) == receiver.received[0].verified(new)
    await acme.house.services.webhooks.rotate_secret(acme.ada.caller, "acme", acme.webhook.id, overlap=timedelta(0))
    await acme.team("Data")
    await acme.turn()
    for secret in (acme.secret, new):
        with pytest.raises(WebhookVerificationError):
            receiver.received[1].verified(secret)


async def test_the_secret_is_stored_sealed(acme: Acme) -> None:
    async with acme.house.uow() as uow:
        stored = await uow.webhooks.get(acme.webhook.organization_id, acme.webhook.id)
    assert stored is not None
    assert acme.secret.encode() not in stored.secrets.current
    assert acme.secret.removeprefix("ost_hook_").encode() not in stored.secrets.current


async def test_a_test_event_is_sent_whatever_was_subscribed_to(acme: Acme, receiver: Receiver) -> None:
    delivery = await acme.house.services.webhooks.test(acme.ada.caller, "acme", acme.webhook.id)
    await acme.turn()
    assert receiver.types() == ["webhook.tested"]
    assert receiver.received[0].id == delivery.id


async def test_redelivery_sends_the_same_event_again(acme: Acme, receiver: Receiver) -> None:
    await acme.team("Platform")
    await acme.turn()
    [delivery] = await acme.deliveries()
    again = await acme.house.services.webhooks.redeliver(acme.ada.caller, "acme", acme.webhook.id, delivery.id)
    assert again.status is DeliveryStatus.PENDING
    await acme.turn()
    assert [call.id for call in receiver.received] == [delivery.id, delivery.id]
    assert receiver.received[0].body == receiver.received[1].body


async def test_a_deleted_webhook_is_told_nothing_more(acme: Acme, receiver: Receiver) -> None:
    await acme.team("Platform")
    await acme.house.services.webhooks.delete(acme.ada.caller, "acme", acme.webhook.id)
    await acme.turn()
    assert receiver.received == []
    assert await acme.house.count("webhook_deliveries") == 0


async def test_switching_off_cancels_what_waits_and_on_begins_anew(acme: Acme, receiver: Receiver) -> None:
    await acme.team("Platform")
    webhooks = acme.house.services.webhooks
    off = await webhooks.update(acme.ada.caller, "acme", acme.webhook.id, WebhookChange(enabled=False))
    assert (off.enabled, off.disabled_reason) == (False, DisabledReason.BY_HAND)
    with pytest.raises(DomainError, match="webhook_disabled"):
        await webhooks.test(acme.ada.caller, "acme", acme.webhook.id)
    await webhooks.update(acme.ada.caller, "acme", acme.webhook.id, WebhookChange(enabled=True))
    await acme.team("Data")
    await acme.turn()
    assert receiver.types() == ["team.created"]
    statuses = [delivery.status for delivery in await acme.deliveries()]
    assert statuses == [DeliveryStatus.SUCCEEDED, DeliveryStatus.CANCELED]


async def test_there_is_room_for_so_many_and_no_more(acme: Acme, receiver: Receiver) -> None:
    create = acme.house.services.webhooks.create
    made = await asyncio.gather(
        *(create(acme.ada.caller, "acme", url=receiver.url, event_types=["*"]) for _ in range(MAX_WEBHOOKS)),
        return_exceptions=True,
    )
    refused = [one for one in made if isinstance(one, DomainError)]
    assert [one.code for one in refused] == ["too_many_webhooks"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.acme.test/",
        "ftp://127.0.0.1/",
        "https://user:secret@127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "not a url",
        "https://127.0.0.1/" + "x" * 3000,
    ],
    ids=["http", "ftp", "password", "private", "metadata service", "mapped", "no url", "long"],
)
async def test_an_address_inside_a_network_or_not_over_https_is_refused(
    acme: Acme, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def public(host: str, port: int) -> list[str]:
        assert port
        return ["192.0.43.7"] if host == "hooks.acme.test" else [host.strip("[]")]

    sender = acme.house.services.webhooks._sender
    assert isinstance(sender, HttpWebhookSender)
    monkeypatch.setattr(sender._http, "_resolve", public)
    with pytest.raises(DomainError) as refused:
        await acme.house.services.webhooks.create(acme.ada.caller, "acme", url=url, event_types=["*"])
    assert (refused.value.code, refused.value.pointer) == ("webhook_url_not_allowed", "/url")


async def test_R1_only_administrators_have_webhooks(acme: Acme, receiver: Receiver) -> None:
    bo = await acme.house.joined(acme.ada, "bo@acme.test")
    stranger = await acme.house.person("eve@evil.test")
    for caller, code in ((bo.caller, "forbidden"), (stranger.caller, "organization_not_found")):
        with pytest.raises(DomainError) as refused:
            await acme.house.services.webhooks.create(caller, "acme", url=receiver.url, event_types=["*"])
        assert refused.value.code == code


async def test_a_worker_that_died_holds_a_webhook_for_a_minute_only(acme: Acme, receiver: Receiver) -> None:
    now = acme.house.clock.now()
    await acme.team("Platform")
    async with acme.house.uow() as uow:
        taken = await uow.webhooks.begin_turn(
            acme.webhook.organization_id, acme.webhook.id, now, now + timedelta(seconds=60)
        )
        assert taken is not None
        await uow.commit()
    await acme.turn()
    assert receiver.received == []
    acme.house.clock.turn(timedelta(seconds=61))
    assert await acme.house.deliveries.wake_waiting() == 1
    await acme.turn()
    assert receiver.types() == ["team.created"]
