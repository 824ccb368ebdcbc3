from datetime import UTC

from ostiary.adapters.system import SystemClock, SystemIds
from ostiary.domain import ids


def test_the_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_ids_are_typeids_whose_uuid_carries_the_time() -> None:
    made = SystemIds().new(ids.ORGANIZATION)
    value = ids.decode(ids.ORGANIZATION, made)
    assert value is not None
    assert value.version == 7
    assert abs(SystemClock().now().timestamp() * 1000 - (value.int >> 80)) < 60_000


def test_secrets_carry_their_prefix_and_differ() -> None:
    system = SystemIds()
    made = {system.secret("ost_ses_") for _ in range(100)}
    assert len(made) == 100
    assert all(secret.startswith("ost_ses_") and len(secret) == len("ost_ses_") + 43 for secret in made)
