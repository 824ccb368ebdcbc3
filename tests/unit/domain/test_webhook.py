"""Who is told of what, when it is tried again, and when we stop."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import ostiary.services
from ostiary.domain.audit import ActorKind, AuditActor, AuditEvent
from ostiary.domain.audit_actions import ACTIONS
from ostiary.domain.errors import DomainError
from ostiary.domain.webhook import (
    DISABLED_AFTER,
    JITTER,
    MAX_EVENT_TYPES,
    MAX_KEPT_ATTEMPTS,
    MAX_PAYLOAD_BYTES,
    RETRIES,
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    SealedSecrets,
    Webhook,
    checked_event_types,
    encoded,
    health_after,
    patterns_for,
    payload_of,
    retry_at,
    tried,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVENT = AuditEvent(
    id="evt_1",
    organization_id="org_1",
    at=NOW,
    actor=AuditActor(ActorKind.ACCOUNT, "usr_1", "ada@acme.test"),
    action="member.joined",
    target_kind="member",
    target_id="mem_1",
    after={"email": "bo@acme.test"},
    request_id="req_1",
)
WEBHOOK = Webhook("hook_1", "org_1", "https://x.test/", ("*",), SealedSecrets(b"new"), NOW)
DELIVERY = Delivery("hook_1", EVENT, DeliveryStatus.PENDING, NOW)
TAKEN = Attempt(NOW, 10, 204)
REFUSED = Attempt(NOW, 10, 400)
SILENT = Attempt(NOW, 10, error="took no connection")


def test_R60_every_action_the_services_write_is_in_the_catalogue_and_no_other() -> None:
    folder = Path(ostiary.services.__file__).parent
    # The name stands on the line of the call, or alone on the one below it.
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    written = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', text))
    assert written == set(ACTIONS)


@pytest.mark.parametrize("wanted", [["*"], ["member.*"], ["member.joined"], ["member.joined", "sso.*", "*"]])
def test_everything_a_family_or_one_type_can_be_subscribed_to(wanted: list[str]) -> None:
    assert checked_event_types(wanted) == tuple(wanted)


def test_what_is_wanted_twice_is_kept_once() -> None:
    assert checked_event_types(["sso.*", "member.*", "sso.*"]) == ("sso.*", "member.*")


@pytest.mark.parametrize(
    ("wanted", "code", "pointer"),
    [
        ([], "event_types_missing", "/event_types"),
        (["*"] * (MAX_EVENT_TYPES + 1), "too_many_event_types", "/event_types"),
        (["*", "member.vanished"], "unknown_event_type", "/event_types/1"),
        (["member"], "unknown_event_type", "/event_types/0"),
        (["nothing.*"], "unknown_event_type", "/event_types/0"),
        (["*.joined"], "unknown_event_type", "/event_types/0"),
    ],
)
def test_what_names_no_event_is_refused(wanted: list[str], code: str, pointer: str) -> None:
    with pytest.raises(DomainError) as refused:
        checked_event_types(wanted)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


def test_an_action_matches_everything_its_family_and_itself() -> None:
    assert patterns_for("member.joined") == ("*", "member.*", "member.joined")


def test_retries_follow_the_schedule_each_at_most_a_fifth_late() -> None:
    for number, pause in enumerate(RETRIES, start=1):
        at = retry_at(number, NOW, "a seed")
        assert at is not None
        assert NOW + pause <= at <= NOW + pause * (1 + JITTER)
    assert retry_at(len(RETRIES) + 1, NOW, "a seed") is None
    assert len({retry_at(3, NOW, f"{seed}") for seed in range(20)}) > 15


def test_a_delivery_ends_with_a_success_or_with_its_last_try() -> None:
    done = tried(DELIVERY, TAKEN, NOW)
    assert (done.status, done.tries, done.next_attempt_at) == (DeliveryStatus.SUCCEEDED, 1, None)
    delivery = DELIVERY
    for _ in RETRIES:
        delivery = tried(delivery, REFUSED, NOW)
        assert delivery.status is DeliveryStatus.PENDING
    delivery = tried(delivery, REFUSED, NOW)
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.FAILED, None)


def test_only_the_latest_attempts_are_kept() -> None:
    delivery = DELIVERY
    for _ in range(MAX_KEPT_ATTEMPTS + 5):
        delivery = tried(delivery, REFUSED, NOW)
    assert len(delivery.attempts) == MAX_KEPT_ATTEMPTS


def test_gone_switches_it_off_at_once() -> None:
    health = health_after(WEBHOOK, [tried(DELIVERY, Attempt(NOW, 1, 410), NOW)], NOW)
    assert health.disable is DisabledReason.GONE


def test_one_success_forgives_what_failed() -> None:
    failing = replace(WEBHOOK, failing_since=NOW - timedelta(days=9), rests=7)
    health = health_after(failing, [tried(DELIVERY, SILENT, NOW), tried(DELIVERY, TAKEN, NOW)], NOW)
    assert (health.failing_since, health.rests, health.rest_until, health.disable) == (None, 0, None, None)


def test_five_days_without_a_success_switch_it_off_but_not_at_the_first_try_of_something_new() -> None:
    failing = replace(WEBHOOK, failing_since=NOW - DISABLED_AFTER)
    new, old = tried(DELIVERY, REFUSED, NOW), tried(replace(DELIVERY, tries=4), REFUSED, NOW)
    assert health_after(failing, [new], NOW).disable is None
    assert health_after(failing, [old], NOW).disable is DisabledReason.FAILING
    assert health_after(replace(failing, failing_since=NOW - timedelta(days=4)), [old], NOW).disable is None


def test_a_silent_receiver_rests_longer_each_time_and_one_that_refuses_does_not() -> None:
    refusing = health_after(WEBHOOK, [tried(DELIVERY, REFUSED, NOW)], NOW)
    assert (refusing.failing_since, refusing.rest_until) == (NOW, None)
    rests = [
        health_after(replace(WEBHOOK, rests=rests), [tried(DELIVERY, SILENT, NOW)], NOW).rest_until
        for rests in (0, 1, 2, 60)
    ]
    assert rests == [NOW + timedelta(seconds=seconds) for seconds in (10, 20, 40, 300)]


def test_during_a_rotation_both_secrets_sign() -> None:
    rotated = SealedSecrets(b"old").rotated(b"new", NOW, timedelta(hours=24))
    assert rotated.signing(NOW) == (b"new", b"old")
    assert rotated.signing(NOW + timedelta(hours=24)) == (b"new",)
    again = rotated.rotated(b"newest", NOW, timedelta(hours=1))
    assert again.signing(NOW) == (b"newest", b"new")
    assert rotated.rotated(b"newest", NOW, timedelta(0)).signing(NOW) == (b"newest",)


def test_the_payload_says_what_who_and_what_it_was() -> None:
    assert payload_of(EVENT) == {
        "type": "member.joined",
        "timestamp": "2026-03-01T00:00:00Z",
        "data": {
            "id": "evt_1",
            "organization_id": "org_1",
            "actor": {"kind": "account", "id": "usr_1", "label": "ada@acme.test"},
            "target": {"kind": "member", "id": "mem_1"},
            "before": {},
            "after": {"email": "bo@acme.test"},
            "truncated": False,
            "request_id": "req_1",
        },
    }


def test_a_payload_has_bounds() -> None:
    large = replace(EVENT, action="team.members_changed", after={"added": ["mem_01h455vb4pex5vsknk084sn02q"] * 5_000})
    payload = payload_of(large)
    assert len(encoded(payload)) <= MAX_PAYLOAD_BYTES
    data = payload["data"]
    assert isinstance(data, dict)
    assert (data["truncated"], data["after"], data["id"]) == (True, {}, "evt_1")
