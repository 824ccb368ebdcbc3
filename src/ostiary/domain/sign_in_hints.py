"""What an administrator reads of a refused sign-in: what was wrong, and how to mend it."""

from collections.abc import Mapping
from datetime import datetime

from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.domain.connection import Connection, ConnectionStatus

MAX_HINT_LENGTH = 2_000
MAX_DETAIL_LENGTH = 1_000

_CLOCKS = (
    "If the two clocks differ, set the identity provider's by NTP; small differences are what the connection's "
    "clock skew is for. If the person waited before logging in, let them start again."
)
_MEND: Mapping[Reason, str] = {
    Reason.MALFORMED: "The ACS takes the SAMLResponse of the HTTP-POST binding: XML in UTF-8, base64, not deflated.",
    Reason.TOO_LARGE: "Let the identity provider send fewer or shorter attributes, as only the groups "
    "assigned to this application.",
    Reason.FORBIDDEN_XML: "Nothing between the identity provider and us may add a DOCTYPE or comments, or recode it.",
    Reason.STRUCTURE: "A response holds one assertion, in the order of the SAML 2.0 schema.",
    Reason.SIGNATURE_INVALID: "If the identity provider has a new key, refresh the metadata or add its certificate.",
    Reason.ISSUER: "If this is the right identity provider, put its present metadata on the connection; otherwise the "
    "person used the wrong application there.",
    Reason.DESTINATION: "Enter the ACS URL, to the letter, as reply URL of the application at the identity provider.",
    Reason.RECIPIENT: "Enter the ACS URL, to the letter, as recipient of the application at the identity provider.",
    Reason.AUDIENCE: "Enter the SP entity id, to the letter, as audience (entity id, identifier) of the application at "
    "the identity provider.",
    Reason.IN_RESPONSE_TO: "A second tab or the back button answers an old request. If every sign-in fails so, the "
    "identity provider does not send back the id of the AuthnRequest.",
    Reason.CONFIRMATION: "Let the identity provider confirm the subject by urn:oasis:names:tc:SAML:2.0:cm:bearer.",
    Reason.EXPIRED: _CLOCKS,
    Reason.NOT_YET_VALID: _CLOCKS,
    Reason.AUTHN_STATEMENT: "Let the identity provider send an AuthnStatement, as SAML's browser SSO profile says.",
    Reason.REPLAYED: "If every sign-in fails so, something posts the form twice.",
    Reason.UNKNOWN_REQUEST: "Then start the sign-in again.",
}

# SAML core §3.2.2.2: what an identity provider's second status code asks to be done.
_MEND_STATUS: Mapping[str, str] = {
    "AuthnFailed": "The person could not log in there.",
    "InvalidNameIDPolicy": "The identity provider cannot send the NameID format this connection asks for: change the "
    "connection's NameID format, or leave it open.",
    "NoAuthnContext": "The identity provider cannot authenticate in the way that was asked for.",
    "NoPassive": "The identity provider would have to ask the person something.",
    "RequestDenied": "Assign the person to this application at the identity provider.",
    "RequestUnsupported": "The identity provider does not take this AuthnRequest: compare binding and endpoint with "
    "its metadata.",
    "UnknownPrincipal": "The identity provider does not find this user. Create them there, or assign them to this "
    "application.",
    "UnsupportedBinding": "Let the identity provider answer by HTTP-POST.",
}
_MEND_ANY_STATUS = (
    "The identity provider's own log says more. If it faults our request, compare the SP entity id, the ACS URL and "
    "the certificate of our metadata with what is entered there."
)


def hint_for(refused: ResponseRefused) -> str:
    """What was wrong, and the next step; at most `MAX_HINT_LENGTH` characters."""
    mend = _MEND.get(refused.reason, "")
    if refused.reason is Reason.STATUS:
        mend = _MEND_STATUS.get(refused.status or "", _MEND_ANY_STATUS)
    return f"{shortened(refused.detail)} {mend}".strip()[:MAX_HINT_LENGTH]


def closed_because(connection: Connection, now: datetime) -> tuple[str, str]:
    """Why nobody can begin a sign-in through the connection: a code, and the next step (R4)."""
    if connection.status is not ConnectionStatus.ACTIVE or connection.idp is None:
        return "connection_not_active", (
            f"The connection '{connection.name}' is {connection.status}. Run a test sign-in of it, then activate it."
        )
    ends = [certificate.not_after for certificate in connection.idp.certificates]
    if ends and max(ends) <= now:
        last = max(connection.idp.certificates, key=lambda certificate: certificate.not_after)
        return Reason.CERTIFICATE_EXPIRED, (
            f"No certificate of the connection '{connection.name}' is valid any more: {last.fingerprint_sha256} was "
            f"the last, until {last.not_after.isoformat()}. Renew it at the identity provider, then refresh the "
            "metadata or add the new certificate here. Until then administrators get in with a recovery code."
        )
    return "connection_not_ready", (
        f"The connection '{connection.name}' has no certificate of the identity provider that is valid now. Refresh "
        "the metadata, or add the certificate it signs with."
    )


def shortened(detail: str) -> str:
    """A detail as a trace keeps it: what others wrote into it may be long."""
    return detail if len(detail) <= MAX_DETAIL_LENGTH else f"{detail[: MAX_DETAIL_LENGTH - 1]}…"
