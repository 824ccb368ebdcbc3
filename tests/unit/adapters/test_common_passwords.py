"""The list of passwords that are tried first."""

import pytest

from ostiary.adapters.common_passwords import common_passwords
from ostiary.domain.account import MIN_PASSWORD_LENGTH, checked_password
from ostiary.domain.errors import DomainError


def test_the_list_holds_thousands_in_lower_case_and_is_read_once() -> None:
    words = common_passwords()
    assert sum(len(word) >= MIN_PASSWORD_LENGTH for word in words) > 2000
    assert all(word == word.lower().strip() for word in words)
    assert common_passwords() is words


@pytest.mark.parametrize("password", ["1234567890", "QWERTYUIOP", "Password123!", "Welcome2025", "1q2w3e4r5t6y"])
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    with pytest.raises(DomainError, match="weak_password"):
        checked_password(password, "ada@acme.test", common_passwords())


@pytest.mark.parametrize("password", ["a sentence works well", "correct horse battery", "Zk7#vTq2!mWp"])
def test_sentences_and_random_ones_pass(password: str) -> None:
    assert checked_password(password, "ada@acme.test", common_passwords()) == password
