"""TypeIDs and UUIDv7."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain import ids


@pytest.mark.parametrize(
    ("text", "uuid"),
    [
        ("prefix_00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
        ("prefix_0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
        ("prefix_0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
        ("prefix_01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("prefix_7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ],
)
def test_the_specifications_vectors_hold_in_both_directions(text: str, uuid: str) -> None:
    assert ids.encode("prefix", UUID(uuid)) == text
    assert ids.decode("prefix", text) == UUID(uuid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "prefix",
        "prefix_",
        "prefix_1",
        "other_01h455vb4pex5vsknk084sn02q",
        "prefix_81h455vb4pex5vsknk084sn02q",
        "prefix_01h455vb4pex5vsknk084sn02l",
        "prefix_01H455VB4PEX5VSKNK084SN02Q",
        "prefix-01h455vb4pex5vsknk084sn02q",
    ],
)
def test_text_that_is_no_id_of_the_prefix_decodes_to_nothing(text: str) -> None:
    assert ids.decode("prefix", text) is None


@given(st.sampled_from(sorted(ids.PREFIXES)), st.uuids())
def test_every_uuid_survives_the_way_there_and_back(prefix: str, uuid: UUID) -> None:
    assert ids.decode(prefix, ids.encode(prefix, uuid)) == uuid


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_later_ids_sort_after_earlier_ones(moment: int, one: bytes, other: bytes) -> None:
    earlier, later = ids.uuid7(moment, one), ids.uuid7(moment + 1, other)
    assert (earlier.version, later.version) == (7, 7)
    assert ids.encode("org", earlier) < ids.encode("org", later)


def test_a_uuid_needs_ten_random_bytes() -> None:
    with pytest.raises(ValueError, match="ten"):
        ids.uuid7(0, b"short")
