"""What the tests of refusals share."""

import pytest

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import ResponseRefused
from ostiary.services.saml_ports import Trust
from tests.support.saml_factory import Element, form_value, trust


def refusal(document: Element | bytes | str, trusted: Trust | None = None) -> ResponseRefused:
    """How the document is refused: with a trace whose last check, and no other, failed."""
    with pytest.raises(ResponseRefused) as caught:
        verify(form_value(document), trusted or trust())
    refused = caught.value
    assert [check.passed for check in refused.checks] == [True] * (len(refused.checks) - 1) + [False]
    assert refused.checks[-1].detail == refused.detail
    return refused
