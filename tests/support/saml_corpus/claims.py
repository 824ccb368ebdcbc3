"""Well-signed responses that are not for us, not for now, or no answer to what we asked."""

from datetime import timedelta

from ostiary.domain.assertion import Reason
from tests.support.saml_corpus.case import Case, resigned, says
from tests.support.saml_factory import (
    ACS_URL,
    AUTHN_STATEMENT,
    BEARER,
    IDP_ENTITY_ID,
    NOW,
    SP_ENTITY_ID,
    Element,
    Said,
    instant,
    one,
    response,
    twin,
)

LONG_AGO = NOW - timedelta(hours=1)
LATER = NOW + timedelta(hours=1)
ANOTHER = "https://sp.example/saml/conn_2/acs"
ANOTHER_ENTITY = "https://sp.example/saml/conn_2/metadata"
STATUS = "urn:oasis:names:tc:SAML:2.0:status"


def status(top: str, sub: str | None = None, message: str | None = None) -> str:
    """A Status element's content."""
    inner = "" if sub is None else f'<samlp:StatusCode Value="{STATUS}:{sub}"/>'
    said = "" if message is None else f"<samlp:StatusMessage>{message}</samlp:StatusMessage>"
    return f'<samlp:StatusCode Value="{STATUS}:{top}">{inner}</samlp:StatusCode>{said}'


def denied(name: str, said: str) -> Case:
    """The identity provider answers without an assertion, unsigned, as it may."""
    return Case(name, lambda: response(Said(status=said), assertion=""), Reason.STATUS)


def confirmed(name: str, attribute: str, value: str | None, reason: Reason) -> Case:
    def change(root: Element) -> None:
        data = one(root, "saml:Assertion/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData")
        if value is None:
            del data.attrib[attribute]
        else:
            data.set(attribute, value)

    return resigned(name, change, reason)


def without(name: str, path: str, reason: Reason) -> Case:
    def change(root: Element) -> None:
        found = one(root, path)
        found.getparent().remove(found)  # pyright: ignore[reportOptionalMemberAccess]

    return resigned(name, change, reason)


def twice(name: str, path: str) -> Case:
    def change(root: Element) -> None:
        found = one(root, path)
        found.addnext(twin(found))

    return resigned(name, change, Reason.STRUCTURE)


RECIPIENTS = [
    says("another destination", Said(destination=ANOTHER), Reason.DESTINATION),
    says("no destination", Said(destination=None), Reason.DESTINATION),
    says("an empty destination", Said(destination=""), Reason.DESTINATION),
    says("a destination with a slash more", Said(destination=f"{ACS_URL}/"), Reason.DESTINATION),
    says("a destination with a query", Said(destination=f"{ACS_URL}?x=1"), Reason.DESTINATION),
    says("a destination in capitals", Said(destination=ACS_URL.upper()), Reason.DESTINATION),
    says("a destination with its port", Said(destination=ACS_URL.replace("/saml", ":443/saml")), Reason.DESTINATION),
    says("a destination at another site", Said(destination=f"https://evil.example/?{ACS_URL}"), Reason.DESTINATION),
    says("another recipient", Said(recipient=ANOTHER), Reason.RECIPIENT),
    says("no recipient", Said(recipient=None), Reason.RECIPIENT),
    says("a recipient with a slash more", Said(recipient=f"{ACS_URL}/"), Reason.RECIPIENT),
    says("the entity id as recipient", Said(recipient=SP_ENTITY_ID), Reason.RECIPIENT),
    says("another audience", Said(audiences=((ANOTHER_ENTITY,),)), Reason.AUDIENCE),
    says("no audience", Said(audiences=()), Reason.AUDIENCE),
    says("an empty restriction", Said(audiences=((),)), Reason.AUDIENCE),
    says("an empty audience", Said(audiences=(("",),)), Reason.AUDIENCE),
    says("an audience in capitals", Said(audiences=((SP_ENTITY_ID.upper(),),)), Reason.AUDIENCE),
    says("an audience that begins as ours", Said(audiences=((f"{SP_ENTITY_ID}.evil.example",),)), Reason.AUDIENCE),
    says("the ACS URL as audience", Said(audiences=((ACS_URL,),)), Reason.AUDIENCE),
    says("a second restriction without us", Said(audiences=((SP_ENTITY_ID,), (ANOTHER_ENTITY,))), Reason.AUDIENCE),
]

ISSUERS = [
    says("another issuer", Said(issuer="https://idp.example/other"), Reason.ISSUER),
    says("another issuer of the response", Said(response_issuer="https://idp.example/other"), Reason.ISSUER),
    says("an issuer with a slash more", Said(issuer=f"{IDP_ENTITY_ID}/"), Reason.ISSUER),
    says("an issuer in capitals", Said(issuer=IDP_ENTITY_ID.upper()), Reason.ISSUER),
    says("an empty issuer", Said(issuer=""), Reason.ISSUER),
    says("ourselves as issuer", Said(issuer=SP_ENTITY_ID, response_issuer=SP_ENTITY_ID), Reason.ISSUER),
]

REQUESTS = [
    says("another request", Said(in_response_to="_other"), Reason.IN_RESPONSE_TO),
    says("no request", Said(in_response_to=None), Reason.IN_RESPONSE_TO),
    says("an empty request", Said(in_response_to=""), Reason.IN_RESPONSE_TO),
    says("a confirmation of another request", Said(confirmed_in_response_to="_other"), Reason.IN_RESPONSE_TO),
    says("a confirmation of no request", Said(confirmed_in_response_to=None), Reason.IN_RESPONSE_TO),
    says(
        "unsolicited where that is not allowed",
        Said(in_response_to=None, confirmed_in_response_to=None),
        Reason.UNSOLICITED,
        request_id=None,
    ),
    says(
        "an answer to somebody else's request, where unsolicited ones are allowed",
        Said(),
        Reason.UNSOLICITED,
        request_id=None,
        allow_unsolicited=True,
    ),
    says(
        "unsolicited by its envelope alone",
        Said(in_response_to=None),
        Reason.UNSOLICITED,
        request_id=None,
        allow_unsolicited=True,
    ),
]

TIMES = [
    says("expired", Said(not_on_or_after=LONG_AGO), Reason.EXPIRED),
    says("expired to the second, skew included", Said(not_on_or_after=NOW - timedelta(seconds=60)), Reason.EXPIRED),
    says("a confirmation that expired", Said(confirmed_until=LONG_AGO), Reason.EXPIRED),
    says(
        "a confirmation that expired to the second", Said(confirmed_until=NOW - timedelta(seconds=60)), Reason.EXPIRED
    ),
    says("never expiring", Said(not_on_or_after=None), Reason.EXPIRED),
    says("a confirmation that never expires", Said(confirmed_until=None), Reason.EXPIRED),
    says("not yet valid", Said(not_before=LATER, not_on_or_after=LATER + timedelta(hours=1)), Reason.NOT_YET_VALID),
    says(
        "not yet valid by a second, skew included", Said(not_before=NOW + timedelta(seconds=61)), Reason.NOT_YET_VALID
    ),
    says("valid from when it ended", Said(not_before=LATER, not_on_or_after=LONG_AGO), Reason.NOT_YET_VALID),
    confirmed("a confirmation not yet begun", "NotBefore", instant(LATER), Reason.NOT_YET_VALID),
    confirmed("a confirmation until tomorrow, in words", "NotOnOrAfter", "tomorrow", Reason.MALFORMED),
    confirmed("a time in seconds since 1970", "NotOnOrAfter", "1768478700", Reason.MALFORMED),
    confirmed("a time without its day", "NotOnOrAfter", "12:05:00Z", Reason.MALFORMED),
    confirmed("an empty time", "NotOnOrAfter", "", Reason.MALFORMED),
    says(
        "a session that ended",
        Said(
            authn_statements=AUTHN_STATEMENT.replace(
                " Session", f' SessionNotOnOrAfter="{instant(LONG_AGO)}" Session', 1
            )
        ),
        Reason.EXPIRED,
    ),
    says(
        "of two sessions one ended",
        Said(
            authn_statements=AUTHN_STATEMENT
            + AUTHN_STATEMENT.replace(" Session", f' SessionNotOnOrAfter="{instant(LONG_AGO)}" Session', 1)
        ),
        Reason.EXPIRED,
    ),
]

SUBJECTS = [
    says("no bearer", Said(method=BEARER.replace("bearer", "sender-vouches")), Reason.CONFIRMATION),
    says("holder of key alone", Said(method=BEARER.replace("bearer", "holder-of-key")), Reason.CONFIRMATION),
    says("bearer in capitals", Said(method=BEARER.upper()), Reason.CONFIRMATION),
    without("no confirmation", "saml:Assertion/saml:Subject/saml:SubjectConfirmation", Reason.CONFIRMATION),
    without(
        "a bearer without data",
        "saml:Assertion/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData",
        Reason.RECIPIENT,
    ),
    without("no subject", "saml:Assertion/saml:Subject", Reason.CONFIRMATION),
    without("no conditions", "saml:Assertion/saml:Conditions", Reason.EXPIRED),
    says("nobody authenticated", Said(authn_statements=""), Reason.AUTHN_STATEMENT),
    says("nobody named", Said(name_id=None), Reason.NAME_ID),
    says("a blank name", Said(name_id="  "), Reason.NAME_ID),
    twice("two name ids", "saml:Assertion/saml:Subject/saml:NameID"),
    says("a condition nobody knows", Said(more_conditions="<saml:Condition/>"), Reason.STRUCTURE),
    twice(
        "two data in one confirmation",
        "saml:Assertion/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData",
    ),
]

STATUSES = [
    says("refused, with an assertion", Said(status=status("Requester")), Reason.STATUS),
    says("success one level too deep", Said(status=status("Responder", "Success")), Reason.STATUS),
    says("success in other letters", Said(status=status("success")), Reason.STATUS),
    says("an empty status code", Said(status='<samlp:StatusCode Value=""/>'), Reason.STATUS),
    says("no status code", Said(status=""), Reason.STRUCTURE),
    says("two status codes", Said(status=status("Success") + status("Responder")), Reason.STRUCTURE),
    denied("denied: AuthnFailed", status("Responder", "AuthnFailed", "The password is wrong")),
    denied("denied: RequestDenied", status("Responder", "RequestDenied", "Bo is not assigned to this application")),
    denied("denied: NoPassive", status("Responder", "NoPassive")),
    denied("denied: InvalidNameIDPolicy", status("Requester", "InvalidNameIDPolicy")),
    denied("denied: UnsupportedBinding", status("Requester", "UnsupportedBinding")),
    denied("denied: UnknownPrincipal", status("Responder", "UnknownPrincipal")),
    denied("denied: VersionMismatch", status("VersionMismatch")),
    denied("denied: a code of one's own", '<samlp:StatusCode Value="urn:example:no"/>'),
]
