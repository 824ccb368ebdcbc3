"""Genuine, well-signed responses that are not for us, not for now, or not an answer to what we asked."""

from datetime import timedelta

import pytest

from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import Expectation, Reason, ResponseRefused, accept
from tests.support.saml_factory import (
    ACS_URL,
    BEARER,
    IDP_ENTITY_ID,
    NOW,
    REQUEST_ID,
    SP_ENTITY_ID,
    Said,
    form_value,
    signed_response,
    trust,
)

EXPECTED = Expectation(
    idp_entity_id=IDP_ENTITY_ID,
    sp_entity_id=SP_ENTITY_ID,
    acs_url=ACS_URL,
    request_id=REQUEST_ID,
    allow_unsolicited=False,
    clock_skew=timedelta(seconds=60),
)
LONG_AGO = NOW - timedelta(hours=1)
LATER = NOW + timedelta(hours=1)
ANOTHER = "https://sp.example/saml/conn_2/acs"

VERDICTS = {
    "another destination": (Said(destination=ANOTHER), Reason.DESTINATION),
    "no destination": (Said(destination=None), Reason.DESTINATION),
    "another request": (Said(in_response_to="_other"), Reason.IN_RESPONSE_TO),
    "no request": (Said(in_response_to=None), Reason.IN_RESPONSE_TO),
    "another issuer": (Said(issuer="https://idp.example/other"), Reason.ISSUER),
    "another issuer of the response": (Said(response_issuer="https://idp.example/other"), Reason.ISSUER),
    "another audience": (Said(audiences=(("https://sp.example/saml/conn_2/metadata",),)), Reason.AUDIENCE),
    "no audience": (Said(audiences=()), Reason.AUDIENCE),
    "another recipient": (Said(recipient=ANOTHER), Reason.RECIPIENT),
    "no recipient": (Said(recipient=None), Reason.RECIPIENT),
    "a confirmation of another request": (Said(confirmed_in_response_to="_other"), Reason.IN_RESPONSE_TO),
    "expired": (Said(not_on_or_after=LONG_AGO), Reason.EXPIRED),
    "a confirmation that expired": (Said(confirmed_until=LONG_AGO), Reason.EXPIRED),
    "never expiring": (Said(not_on_or_after=None), Reason.EXPIRED),
    "a confirmation that never expires": (Said(confirmed_until=None), Reason.EXPIRED),
    "not yet valid": (Said(not_before=LATER, not_on_or_after=LATER + timedelta(hours=1)), Reason.NOT_YET_VALID),
    "no bearer": (Said(method=BEARER.replace("bearer", "sender-vouches")), Reason.CONFIRMATION),
    "nobody authenticated": (Said(authn_statements=""), Reason.AUTHN_STATEMENT),
    "nobody named": (Said(name_id=None), Reason.NAME_ID),
    "a blank name": (Said(name_id="  "), Reason.NAME_ID),
    "the identity provider refuses": (
        Said(status='<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Requester"/>'),
        Reason.STATUS,
    ),
}


@pytest.mark.parametrize("what", ["assertion", "both"])
@pytest.mark.parametrize(("said", "reason"), VERDICTS.values(), ids=VERDICTS.keys())
def test_a_well_signed_response_is_refused_for_what_it_says(said: Said, reason: Reason, what: str) -> None:
    verified = verify(form_value(signed_response(said, what=what)), trust())
    with pytest.raises(ResponseRefused) as caught:
        accept(verified, EXPECTED, NOW)
    assert caught.value.reason is reason
    # The trace goes on where the verifier's ended.
    assert caught.value.checks[: len(verified.checks)] == verified.checks


def test_a_well_signed_response_to_our_request_is_accepted() -> None:
    verified = verify(form_value(signed_response()), trust())
    assert accept(verified, EXPECTED, NOW).assertion.attributes["email"] == ("bo@acme.test",)
