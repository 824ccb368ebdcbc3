"""A SAML response after its signature was checked, and accept-or-refuse as one pure function.

An identity is read only from a `VerifiedAssertion`; nothing else has one. What is absent refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
MAX_QUOTATION_LENGTH = 256
STATUS_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"


class Reason(StrEnum):
    """Why a response was refused; stable, shown on traces to administrators, never to the browser."""

    MALFORMED = "malformed_response"
    TOO_LARGE = "response_too_large"
    FORBIDDEN_XML = "forbidden_xml"
    STRUCTURE = "unexpected_structure"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    ALGORITHM = "algorithm_not_allowed"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_EXPIRED = "certificate_expired"
    DECRYPTION = "decryption_failed"
    STATUS = "identity_provider_refused"
    ISSUER = "issuer_mismatch"
    DESTINATION = "destination_mismatch"
    AUDIENCE = "audience_mismatch"
    RECIPIENT = "recipient_mismatch"
    IN_RESPONSE_TO = "in_response_to_mismatch"
    UNSOLICITED = "unsolicited_response"
    CONFIRMATION = "no_bearer_confirmation"
    EXPIRED = "assertion_expired"
    NOT_YET_VALID = "assertion_not_yet_valid"
    AUTHN_STATEMENT = "no_authn_statement"
    NAME_ID = "name_id_missing"
    REPLAYED = "assertion_replayed"
    UNKNOWN_REQUEST = "unknown_request"
    MISSING_ATTRIBUTE = "attribute_missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a trace: what was looked at, whether it passed, and what was seen."""

    name: str
    passed: bool
    detail: str


class ResponseRefused(Exception):
    """A response that must not be believed; carries the checks made so far, the last of them failed.

    `status` is the identity provider's own last word on it, as "RequestDenied", where that is the reason.
    """

    def __init__(
        self, reason: Reason, detail: str, checks: tuple[Check, ...] = (), *, status: str | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.checks = checks
        self.status = status


def _plain(text: str) -> str:
    """What somebody else wrote, in one line of printable characters, at most `MAX_QUOTATION_LENGTH` of them."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= MAX_QUOTATION_LENGTH else f"{line[: MAX_QUOTATION_LENGTH - 1]}\u2026"


@dataclass(frozen=True, slots=True)
class ResponseEnvelope:
    """What the Response element says of itself. Signed only when the response is: compared, never believed."""

    id: str
    issuer: str | None
    destination: str | None
    in_response_to: str | None
    issue_instant: datetime
    status_code: str
    status_subcode: str | None
    status_message: str | None

    @property
    def status(self) -> str:
        """The most telling status code, without its namespace, as "RequestDenied"."""
        return _plain((self.status_subcode or self.status_code).rpartition(":")[2])

    @property
    def refusal(self) -> str:
        """The identity provider's refusal, in its own words: unsigned they may be, so only ever a quotation."""
        message = _plain(self.status_message or "")
        said = f"\u201c{message}\u201d ({self.status})" if message else self.status
        return f"The identity provider refused: {said}."


@dataclass(frozen=True, slots=True)
class SubjectConfirmation:
    """One way the subject may be confirmed (SAML core §2.4.1.1)."""

    method: str
    recipient: str | None
    not_before: datetime | None
    not_on_or_after: datetime | None
    in_response_to: str | None


@dataclass(frozen=True, slots=True)
class NameId:
    """The subject as the identity provider names it; sent back to it unchanged in a LogoutRequest."""

    value: str
    format: str | None = None
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None

    @property
    def key(self) -> str:
        """What two mentions of one subject have in common: e-mail addresses compare lower-cased."""
        return self.value.lower() if self.format == EMAIL_FORMAT else self.value

    @property
    def possible_keys(self) -> frozenset[str]:
        """The keys it may have had at the sign-in: some identity providers leave the format out of a LogoutRequest."""
        unspecified = self.format is None or self.format == UNSPECIFIED_FORMAT
        return frozenset({self.key, self.value, self.value.lower() if unspecified else self.key})


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """Read from bytes whose signature was checked with the connection's own certificate."""

    id: str
    issuer: str
    name_id: NameId | None
    confirmations: tuple[SubjectConfirmation, ...]
    not_before: datetime | None
    not_on_or_after: datetime | None
    audience_restrictions: tuple[tuple[str, ...], ...]
    session_index: str | None
    session_not_on_or_after: datetime | None
    has_authn_statement: bool
    attributes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class VerifiedResponse:
    """A response whose signature holds: its envelope, its one assertion, and what the signature covered.

    `signed` names the signed elements ("response", "assertion"); `checks` are those the verifier made.
    """

    envelope: ResponseEnvelope
    assertion: VerifiedAssertion
    signed: frozenset[str]
    certificate_fingerprint: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a response to this connection must say.

    `request_id` is the AuthnRequest this browser flow was started with, None when there was none (IdP-initiated).
    """

    idp_entity_id: str
    sp_entity_id: str
    acs_url: str
    request_id: str | None
    allow_unsolicited: bool
    clock_skew: timedelta


@dataclass(frozen=True, slots=True)
class Accepted:
    """A response to act on: every check passed. `replay_until` is how long its id must be remembered."""

    assertion: VerifiedAssertion
    checks: tuple[Check, ...]
    replay_until: datetime


class _Ledger:
    """Collects checks in order and refuses at the first that fails."""

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self.checks = list(checks)

    def require(self, name: str, passed: bool, reason: Reason, detail: str, *, status: str | None = None) -> None:
        self.checks.append(Check(name, passed, detail))
        if not passed:
            raise ResponseRefused(reason, detail, tuple(self.checks), status=status)


def accept(response: VerifiedResponse, expected: Expectation, now: datetime) -> Accepted:
    """Accept a verified response or raise `ResponseRefused` with the reason (SAML profiles §4.1.4.3).

    Each of issuer, destination, audience, recipient, InResponseTo and time is required and compared exactly; the
    clock skew widens every time window alike. `replay_until` is when the assertion can no longer be accepted.
    """
    ledger = _Ledger(response.checks)
    _check_envelope(ledger, response.envelope, expected)
    assertion = response.assertion
    ledger.require(
        "assertion issuer",
        assertion.issuer == expected.idp_entity_id,
        Reason.ISSUER,
        f"The assertion was issued by {assertion.issuer!r}; this connection trusts {expected.idp_entity_id!r}.",
    )
    _check_conditions(ledger, assertion, expected, now)
    deadline = _check_confirmation(ledger, assertion, expected, now)
    ledger.require(
        "authentication statement",
        assertion.has_authn_statement,
        Reason.AUTHN_STATEMENT,
        "The assertion says that the person authenticated."
        if assertion.has_authn_statement
        else "The assertion has no AuthnStatement: it does not say that the person authenticated.",
    )
    session_end = assertion.session_not_on_or_after
    ledger.require(
        "session",
        session_end is None or now - expected.clock_skew < session_end,
        Reason.EXPIRED,
        "The identity provider sets no end to the session."
        if session_end is None
        else f"The identity provider's session ends {session_end.isoformat()}; our clock says {now.isoformat()}.",
    )
    ledger.require(
        "subject",
        assertion.name_id is not None,
        Reason.NAME_ID,
        f"NameID of format {assertion.name_id.format or 'unspecified'}."
        if assertion.name_id
        else "The assertion's Subject has no NameID. Send one, as an e-mail address or a persistent id.",
    )
    return Accepted(assertion, tuple(ledger.checks), deadline + expected.clock_skew)


def _check_envelope(ledger: _Ledger, envelope: ResponseEnvelope, expected: Expectation) -> None:
    succeeded = envelope.status_code == STATUS_SUCCESS
    ledger.require(
        "status",
        succeeded,
        Reason.STATUS,
        "The identity provider reports success." if succeeded else envelope.refusal,
        status=envelope.status,
    )
    ledger.require(
        "response issuer",
        envelope.issuer is None or envelope.issuer == expected.idp_entity_id,
        Reason.ISSUER,
        f"The response was issued by {envelope.issuer!r}; this connection trusts {expected.idp_entity_id!r}.",
    )
    ledger.require(
        "destination",
        envelope.destination == expected.acs_url,
        Reason.DESTINATION,
        f"Sent to {envelope.destination!r}; this connection's ACS URL is {expected.acs_url!r}.",
    )
    if expected.request_id is None:
        ledger.require(
            "unsolicited",
            expected.allow_unsolicited and envelope.in_response_to is None,
            Reason.UNSOLICITED,
            _unsolicited_detail(envelope, expected),
        )
    else:
        ledger.require(
            "in response to",
            envelope.in_response_to == expected.request_id,
            Reason.IN_RESPONSE_TO,
            "The response answers the request this browser made."
            if envelope.in_response_to == expected.request_id
            else "The response does not answer the request this browser made. Start the sign-in again.",
        )


def _unsolicited_detail(envelope: ResponseEnvelope, expected: Expectation) -> str:
    if envelope.in_response_to is not None:
        return "The response answers a request that this browser did not make. Start the sign-in again."
    if expected.allow_unsolicited:
        return "The sign-in began at the identity provider, which this connection allows."
    return (
        "The response answers no request of ours. Start at the organization's sign-in URL, or let an administrator "
        "allow sign-in that begins at the identity provider."
    )


def _check_conditions(ledger: _Ledger, assertion: VerifiedAssertion, expected: Expectation, now: datetime) -> None:
    skew = expected.clock_skew
    if assertion.not_before is not None:
        ledger.require(
            "not before",
            now + skew >= assertion.not_before,
            Reason.NOT_YET_VALID,
            f"Valid from {assertion.not_before.isoformat()}; our clock says {now.isoformat()}.",
        )
    expiry = assertion.not_on_or_after
    ledger.require(
        "not on or after",
        expiry is not None and now - skew < expiry,
        Reason.EXPIRED,
        f"Valid until {expiry.isoformat()}; our clock says {now.isoformat()}."
        if expiry is not None
        else "The assertion has no Conditions with a NotOnOrAfter, so it would never expire.",
    )
    audiences_ok = bool(assertion.audience_restrictions) and all(
        expected.sp_entity_id in audiences for audiences in assertion.audience_restrictions
    )
    seen = ", ".join(audience for audiences in assertion.audience_restrictions for audience in audiences) or "none"
    ledger.require(
        "audience",
        audiences_ok,
        Reason.AUDIENCE,
        f"Meant for {seen}; this connection's SP entity id is {expected.sp_entity_id!r}.",
    )


def _check_confirmation(
    ledger: _Ledger, assertion: VerifiedAssertion, expected: Expectation, now: datetime
) -> datetime:
    """When the assertion stops being acceptable, skew aside; raises when it is not now (SAML profiles §4.1.4.2)."""
    bearers = [confirmation for confirmation in assertion.confirmations if confirmation.method == BEARER]
    ledger.require(
        "bearer confirmation",
        bool(bearers),
        Reason.CONFIRMATION,
        "The subject has a bearer confirmation." if bearers else "The subject has no bearer confirmation.",
    )
    recipients = [confirmation for confirmation in bearers if confirmation.recipient == expected.acs_url]
    ledger.require(
        "recipient",
        bool(recipients),
        Reason.RECIPIENT,
        f"Recipient {', '.join(repr(confirmation.recipient) for confirmation in bearers)}; this connection's ACS URL "
        f"is {expected.acs_url!r}.",
    )
    answering = [confirmation for confirmation in recipients if confirmation.in_response_to == expected.request_id]
    ledger.require(
        "confirmation in response to",
        bool(answering),
        Reason.IN_RESPONSE_TO if expected.request_id else Reason.UNSOLICITED,
        "The confirmation answers our request." if answering else "The confirmation answers another request.",
    )
    skew = expected.clock_skew
    # A bearer confirmation must not carry NotBefore (profiles §4.1.4.2), but some identity providers send one.
    begun = [
        confirmation
        for confirmation in answering
        if confirmation.not_before is None or now + skew >= confirmation.not_before
    ]
    ledger.require(
        "confirmation begun",
        bool(begun),
        Reason.NOT_YET_VALID,
        "The bearer confirmation holds already."
        if begun
        else f"The bearer confirmation does not hold yet; our clock says {now.isoformat()}.",
    )
    living = [
        confirmation.not_on_or_after
        for confirmation in begun
        if confirmation.not_on_or_after is not None and now - skew < confirmation.not_on_or_after
    ]
    ledger.require(
        "confirmation lifetime",
        bool(living),
        Reason.EXPIRED,
        f"The bearer confirmation holds until {max(living).isoformat()}."
        if living
        else f"The bearer confirmation no longer holds, or never expires; our clock says {now.isoformat()}.",
    )
    # A confirmation that begins later could still be used later, so it counts too. Whichever window closes first ends
    # the assertion's life; that the conditions have an end was required before.
    last = max(confirmation.not_on_or_after for confirmation in answering if confirmation.not_on_or_after is not None)
    return last if assertion.not_on_or_after is None else min(last, assertion.not_on_or_after)
