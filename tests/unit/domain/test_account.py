"""E-mail addresses, passwords and names as we take them."""

import pytest

from ostiary.domain.account import checked_email, checked_name, checked_password, email_domain
from ostiary.domain.errors import DomainError, Kind


@pytest.mark.parametrize(
    ("given", "spelt"),
    [
        ("ada@acme.test", "ada@acme.test"),
        (" Ada.Lovelace@ACME.test ", "ada.lovelace@acme.test"),
        ("ada+tag@acme.local", "ada+tag@acme.local"),
        ("o'brien@acme.example", "o'brien@acme.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("jürgen@acme.test", "jürgen@acme.test"),
        ("#ext#_ada@acme.internal", "#ext#_ada@acme.internal"),
        (f"{'a' * 64}@acme.test", f"{'a' * 64}@acme.test"),
    ],
)
def test_an_address_has_one_spelling_whatever_its_domain(given: str, spelt: str) -> None:
    assert checked_email(given) == spelt
    assert checked_email(spelt) == spelt
    assert email_domain(spelt) == spelt.partition("@")[2]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@acme.test",
        "ada@",
        "ada@acme",
        "ada @acme.test",
        "ada@acme.test, eve@evil.test",
        "ada@acme.test@evil.test",
        ".ada@acme.test",
        "ada..l@acme.test",
        '"ada"@acme.test',
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada\n@acme.test",
        "ada\0@acme.test",
        f"{'a' * 65}@acme.test",
        f"lovelace@{'.'.join(['a' * 60] * 4)}.test",
    ],
)
def test_what_is_no_address_is_refused_at_its_field(given: str) -> None:
    with pytest.raises(DomainError) as refused:
        checked_email(given, pointer="/to")
    assert (refused.value.kind, refused.value.code, refused.value.pointer) == (Kind.INVALID, "invalid_email", "/to")


@pytest.mark.parametrize("given", ["a sentence works well", "0123456789", "пароль длинный", "x1y2" * 64])
def test_a_password_is_any_text_of_ten_to_256_characters(given: str) -> None:
    assert checked_password(given, "ada@acme.test") == given


@pytest.mark.parametrize(
    "given", ["", "123456789", "x1y2" * 64 + "z", "ada.lovelace@acme.test", "Ada.Lovelace", "abababababab"]
)
def test_a_password_that_is_guessed_at_once_is_refused(given: str) -> None:
    with pytest.raises(DomainError, match="weak_password") as refused:
        checked_password(given, "ada.lovelace@acme.test")
    assert refused.value.pointer == "/password"


@pytest.mark.parametrize(
    ("given", "kept"), [("Ada", "Ada"), ("  Ada  ", "Ada"), ("Ádá 李", "Ádá 李"), ("x" * 200, "x" * 200)]
)
def test_a_name_is_trimmed_text(given: str, kept: str) -> None:
    assert checked_name(given) == kept


@pytest.mark.parametrize("given", ["", "   ", "x" * 201, "A\nda", "A\0da", "A\x1bda"])
def test_a_name_has_no_control_characters_and_is_not_endless(given: str) -> None:
    with pytest.raises(DomainError, match="invalid_name"):
        checked_name(given)
