"""Which names belong to no single company (R3)."""

from importlib import resources

import pytest

from ostiary.adapters.domain_ownership import ListedOwnership
from ostiary.domain.domain_name import DomainOwnership, checked_domain

LISTS = ListedOwnership()


@pytest.mark.parametrize("name", ["co.uk", "com.br", "kawasaki.jp", "github.io", "herokuapp.com", "xn--55qx5d.cn"])
def test_R3_a_name_anybody_registers_below_is_a_public_suffix(name: str) -> None:
    assert LISTS.of(name) is DomainOwnership.PUBLIC_SUFFIX


@pytest.mark.parametrize("name", ["gmail.com", "outlook.com", "yahoo.co.jp", "gmx.de", "qq.com", "icloud.com"])
def test_R3_a_name_anybody_gets_an_address_at_is_free_mail(name: str) -> None:
    assert LISTS.of(name) is DomainOwnership.FREE_MAIL


@pytest.mark.parametrize(
    "name",
    [
        "acme.com",
        "acme.co.uk",
        "mail.acme.com",
        "acme.github.io",
        "acme.test",
        "acme.example",
        "acme.local",
        "acme.internal",
        "xn--bcher-kva.example",
        "mygmail.com",
        "gmail.com.acme.com",
    ],
)
def test_R3_a_companys_own_name_is_its_own_special_use_domains_included(name: str) -> None:
    assert LISTS.of(name) is DomainOwnership.COMPANY


def test_the_list_of_free_mail_domains_is_sorted_and_spelt_as_domains_are_stored() -> None:
    text = resources.files("ostiary.adapters").joinpath("free_mail_domains.txt").read_text(encoding="ascii")
    names = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(names) > 500
    assert names == sorted(set(names))
    assert [checked_domain(name) for name in names] == names
    assert not [name for name in names if LISTS.of(name) is not DomainOwnership.FREE_MAIL]
