"""Single logout: which messages of an identity provider are acted on (SAML core §3.7, profiles §4.4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.domain.assertion import STATUS_SUCCESS, NameId, Reason, ResponseRefused

# How old a message without an end of its own may be: long enough for a browser that goes from page to page.
MAX_AGE = timedelta(minutes=5)
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A verified wish to end sessions. Without session indexes it means all of the subject's."""

    id: str
    issuer: str | None
    destination: str | None
    issued_at: datetime
    not_on_or_after: datetime | None
    name_id: NameId
    session_indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogoutResponse:
    """A verified answer to a LogoutRequest of ours."""

    id: str
    issuer: str | None
    destination: str | None
    issued_at: datetime
    in_response_to: str | None
    status_code: str
    status_subcode: str | None

    @property
    def everywhere(self) -> bool:
        """Whether the identity provider ended all the sessions it knew of."""
        return self.status_code == STATUS_SUCCESS and self.status_subcode != PARTIAL_LOGOUT


@dataclass(frozen=True, slots=True)
class LogoutExpectation:
    """What a logout message to this connection must say."""

    idp_entity_id: str
    slo_url: str
    clock_skew: timedelta


def ensure_acceptable(message: LogoutRequest | LogoutResponse, expected: LogoutExpectation, now: datetime) -> datetime:
    """Refuse a message from elsewhere, for elsewhere, or out of its time; raises `ResponseRefused`.

    Answers until when it could be used again, and so must be remembered.
    """
    if message.issuer != expected.idp_entity_id:
        raise ResponseRefused(
            Reason.ISSUER,
            f"The message was issued by {message.issuer!r}; this connection trusts {expected.idp_entity_id!r}.",
        )
    # Required of signed messages (SAML bindings §3.4.5.2, §3.5.5.2).
    if message.destination != expected.slo_url:
        raise ResponseRefused(
            Reason.DESTINATION,
            f"Sent to {message.destination!r}; this connection's logout URL is {expected.slo_url!r}.",
        )
    if now + expected.clock_skew < message.issued_at:
        raise ResponseRefused(
            Reason.NOT_YET_VALID, f"Issued {message.issued_at.isoformat()}; our clock says {now.isoformat()}."
        )
    end = message.issued_at + MAX_AGE
    if isinstance(message, LogoutRequest) and message.not_on_or_after is not None:
        end = message.not_on_or_after
    if now - expected.clock_skew >= end:
        raise ResponseRefused(
            Reason.EXPIRED, f"Good until {end.isoformat()}; our clock says {now.isoformat()}. Log out again."
        )
    return end + expected.clock_skew


def ensure_answers(response: LogoutResponse, request_id: str) -> None:
    """Refuse an answer to another request than the one this browser carried; raises `ResponseRefused`."""
    if response.in_response_to != request_id:
        raise ResponseRefused(
            Reason.IN_RESPONSE_TO, "The answer is not to the logout this browser began. Sign out again."
        )
