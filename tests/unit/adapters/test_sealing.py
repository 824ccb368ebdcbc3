import pytest

from ostiary.adapters.sealing import AesGcmSealer

SEALER = AesGcmSealer("a secret key of more than 32 characters")


@pytest.mark.parametrize("plaintext", [b"", b"x", b"a private key" * 1000])
def test_what_was_sealed_opens_for_its_purpose(plaintext: bytes) -> None:
    assert SEALER.unseal(SEALER.seal(plaintext, purpose="sp-key"), purpose="sp-key") == plaintext


def test_another_process_with_the_same_key_opens_it() -> None:
    again = AesGcmSealer("a secret key of more than 32 characters")
    assert again.unseal(SEALER.seal(b"kept", purpose="sp-key"), purpose="sp-key") == b"kept"


def test_sealing_the_same_twice_gives_different_bytes_that_hide_the_plaintext() -> None:
    first, second = SEALER.seal(b"plaintext", purpose="mail"), SEALER.seal(b"plaintext", purpose="mail")
    assert first != second
    assert b"plaintext" not in first


def test_another_purpose_does_not_open_it() -> None:
    with pytest.raises(ValueError, match="Not sealed for sp-key"):
        SEALER.unseal(SEALER.seal(b"x", purpose="mail"), purpose="sp-key")


def test_another_secret_key_does_not_open_it() -> None:
    with pytest.raises(ValueError, match="OSTIARY_SECRET_KEY"):
        AesGcmSealer("another secret key, also long enough").unseal(SEALER.seal(b"x", purpose="mail"), purpose="mail")


def test_one_flipped_bit_anywhere_does_not_open() -> None:
    sealed = SEALER.seal(b"secret", purpose="mail")
    for position in range(len(sealed)):
        broken = bytearray(sealed)
        broken[position] ^= 1
        with pytest.raises(ValueError, match="mail"):
            SEALER.unseal(bytes(broken), purpose="mail")


@pytest.mark.parametrize(
    "foreign", [b"", b"\x01", b"\x01" + bytes(27), b"\x02" + bytes(60), b"some plain text, longer than 29 bytes"]
)
def test_foreign_bytes_are_a_value_error(foreign: bytes) -> None:
    with pytest.raises(ValueError, match="mail"):
        SEALER.unseal(foreign, purpose="mail")
