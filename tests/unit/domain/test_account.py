"""E-mail addresses, names and passwords as people and identity providers give them."""

import pytest

from ostiary.domain.account import checked_email, checked_name, checked_password
from ostiary.domain.domain_name import checked_domain
from ostiary.domain.errors import DomainError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@Acme.test", "ada@acme.test"),
        (" bo+tag@sub.acme.local ", "bo+tag@sub.acme.local"),
        ("x@bücher.example", "x@xn--bcher-kva.example"),
        ("o'neil_x.y@acme.internal", "o'neil_x.y@acme.internal"),
    ],
)
def test_an_address_has_one_spelling(given: str, kept: str) -> None:
    assert checked_email(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "ada@",
        "@acme.test",
        "ada@acme",
        "a b@acme.test",
        "a..b@acme.test",
        ".a@acme.test",
        '"quoted"@acme.test',
        "a@b@c.test",
        "a\u2028b@acme.test",
        "a\x85b@acme.test",
        "ada@-acme.test",
        "ada@127.0.0.1",
        f"{'x' * 65}@acme.test",
        f"a@{'x.' * 125}test",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(DomainError, match="invalid_email"):
        checked_email(given)


@pytest.mark.parametrize("given", ["https://acme.test", "acme.test/path", "*.acme.test", "acme", "a_b.test", "1.2.3.4"])
def test_what_is_no_domain_is_refused(given: str) -> None:
    with pytest.raises(DomainError, match="invalid_domain"):
        checked_domain(given)


def test_names_of_every_script_are_kept_and_control_characters_are_not() -> None:
    assert checked_name(" نیما\u200cی ") == "نیما\u200cی"
    for name in ("", " ", "a\nb", "a\x00", "x" * 201):
        with pytest.raises(DomainError, match="invalid_name"):
            checked_name(name)


COMMON = frozenset({"summer", "firefighter"})


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 257,
        "aaaaaaaaaaaa",
        "AaAaAaAaAaAa",
        "ada.lovelace@acme.test",
        "Ada.Lovelace",
        "ada.lovelace1815!",
        "acme202520252025",
        "acme.test!",
        "FireFighter",
        "Summer2025!",
        "!!!!summer",
    ],
)
def test_a_password_too_short_too_long_or_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(DomainError, match="weak_password") as refused:
        checked_password(password, "ada.lovelace@acme.test", COMMON, pointer="/new")
    assert refused.value.pointer == "/new"


@pytest.mark.parametrize("password", ["a sentence works well", "summer in acme", "83920175634920", "пароль из слов"])
def test_a_password_nobody_tries_first_is_kept_as_it_is(password: str) -> None:
    assert checked_password(password, "ada.lovelace@acme.test", COMMON) == password
