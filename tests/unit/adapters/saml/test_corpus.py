"""Every document of the corpus is accepted or refused as its row says, and for the reason it says."""

import pytest

from ostiary.domain.assertion import ResponseRefused
from tests.support.saml_corpus import ACCEPTED, CORPUS, REFUSED
from tests.support.saml_corpus.case import Case

ACCEPTABLE = {name: case for name, case in CORPUS.items() if case.reason is None}
REFUSABLE = {name: case for name, case in CORPUS.items() if case.reason is not None}


def test_no_two_rows_of_the_corpus_have_one_name() -> None:
    assert len(CORPUS) == sum(len(cases) for cases in [*ACCEPTED.values(), *REFUSED.values()])


@pytest.mark.parametrize("case", ACCEPTABLE.values(), ids=ACCEPTABLE.keys())
def test_what_an_identity_provider_sends_signs_the_person_in(case: Case) -> None:
    accepted = case.decide()
    assert accepted.assertion.name_id is not None
    assert accepted.assertion.name_id.value == case.name_id
    assert all(check.passed for check in accepted.checks)


@pytest.mark.parametrize("case", REFUSABLE.values(), ids=REFUSABLE.keys())
def test_what_must_not_be_believed_is_refused_for_its_reason(case: Case) -> None:
    with pytest.raises(ResponseRefused) as caught:
        case.decide()
    refused = caught.value
    assert refused.reason is case.reason, refused.detail
    assert [check.passed for check in refused.checks] == [True] * (len(refused.checks) - 1) + [False]
    assert refused.checks[-1].detail == refused.detail
