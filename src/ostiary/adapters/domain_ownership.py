"""Names that no single company owns: public suffixes (the copy publicsuffixlist brings) and free-mail domains."""

from functools import cache
from importlib import resources

from publicsuffixlist import PublicSuffixList

from ostiary.domain.domain_name import DomainOwnership


class ListedOwnership:
    """Answers from lists that come with the installation; nothing is fetched."""

    def of(self, name: str) -> DomainOwnership:
        """Who can own the domain, given as A-labels.

        A top-level domain the list does not know (`.test`, `.internal`) counts as one suffix: names below it are
        companies' own.
        """
        suffixes, free_mail = _lists()
        if suffixes.is_public(name):
            return DomainOwnership.PUBLIC_SUFFIX
        if name in free_mail:
            return DomainOwnership.FREE_MAIL
        return DomainOwnership.COMPANY


@cache
def _lists() -> tuple[PublicSuffixList, frozenset[str]]:
    text = resources.files("ostiary.adapters").joinpath("free_mail_domains.txt").read_text(encoding="ascii")
    lines = (line.strip() for line in text.splitlines())
    # Both the suffixes registries sell under and those companies give their customers (`github.io`).
    return PublicSuffixList(), frozenset(line for line in lines if line and not line.startswith("#"))
