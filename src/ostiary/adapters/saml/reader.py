"""From an element whose bytes were signed to the values of the domain. Nothing is judged here but the form."""

import re
from datetime import UTC, datetime, timedelta, timezone

from ostiary.adapters.saml.xml import SAML, SAMLP, XSI, Element, local_name
from ostiary.domain.assertion import (
    Reason,
    ResponseEnvelope,
    ResponseRefused,
    SubjectConfirmation,
    VerifiedAssertion,
)

_DATE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?", re.ASCII)
_CONDITIONS = frozenset(f"{{{SAML}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction"))


def read_envelope(response: Element) -> ResponseEnvelope:
    """What a Response says of itself (SAML core §3.2.2); raises `ResponseRefused` for what is missing or malformed."""
    status = _required(response, f"{{{SAMLP}}}Status")
    code = _required(status, f"{{{SAMLP}}}StatusCode")
    subcode = _child(code, f"{{{SAMLP}}}StatusCode")
    return ResponseEnvelope(
        id=response.get("ID", ""),
        issuer=_text_of(_child(response, f"{{{SAML}}}Issuer")),
        destination=response.get("Destination"),
        in_response_to=response.get("InResponseTo"),
        issue_instant=_required_time(response, "IssueInstant"),
        status_code=code.get("Value", ""),
        status_subcode=None if subcode is None else subcode.get("Value"),
        status_message=_text_of(_child(status, f"{{{SAMLP}}}StatusMessage")),
    )


def read_assertion(assertion: Element) -> VerifiedAssertion:
    """What an Assertion says (SAML core §2.3.3); raises `ResponseRefused` for what is ambiguous or malformed.

    With several AuthnStatements the first session index counts, and the earliest end of session.
    """
    subject = _child(assertion, f"{{{SAML}}}Subject")
    name_id = None if subject is None else _child(subject, f"{{{SAML}}}NameID")
    conditions = _child(assertion, f"{{{SAML}}}Conditions")
    statements = assertion.findall(f"{{{SAML}}}AuthnStatement")
    indexes = [index for statement in statements if (index := statement.get("SessionIndex"))]
    ends = [end for statement in statements if (end := _time(statement, "SessionNotOnOrAfter")) is not None]
    return VerifiedAssertion(
        id=assertion.get("ID", ""),
        issuer=_text_of(_required(assertion, f"{{{SAML}}}Issuer")) or "",
        name_id=_text_of(name_id),
        name_id_format=None if name_id is None else name_id.get("Format"),
        confirmations=() if subject is None else _confirmations(subject),
        not_before=None if conditions is None else _time(conditions, "NotBefore"),
        not_on_or_after=None if conditions is None else _time(conditions, "NotOnOrAfter"),
        audience_restrictions=() if conditions is None else _audience_restrictions(conditions),
        session_index=indexes[0] if indexes else None,
        session_not_on_or_after=min(ends) if ends else None,
        has_authn_statement=bool(statements),
        attributes=_attributes(assertion),
    )


def parse_time(text: str) -> datetime:
    """An xs:dateTime as a UTC datetime, cut to microseconds; raises ValueError.

    SAML times are UTC (SAML core §1.3.3), so one without an offset is read as UTC; an offset is honoured.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:64]!r} is not a time such as 2026-01-31T12:00:00Z")
    *fields, fraction, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    zone = timezone(-offset if sign == "-" else offset)
    year, month, day, hour, minute, second = map(int, fields)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, zone).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text[:64]!r} is out of range") from None


def _confirmations(subject: Element) -> tuple[SubjectConfirmation, ...]:
    return tuple(
        _confirmation(confirmation, _child(confirmation, f"{{{SAML}}}SubjectConfirmationData"))
        for confirmation in subject.findall(f"{{{SAML}}}SubjectConfirmation")
    )


def _confirmation(confirmation: Element, data: Element | None) -> SubjectConfirmation:
    return SubjectConfirmation(
        method=confirmation.get("Method", ""),
        recipient=None if data is None else data.get("Recipient"),
        not_before=None if data is None else _time(data, "NotBefore"),
        not_on_or_after=None if data is None else _time(data, "NotOnOrAfter"),
        in_response_to=None if data is None else data.get("InResponseTo"),
    )


def _audience_restrictions(conditions: Element) -> tuple[tuple[str, ...], ...]:
    """The audiences of each restriction; a condition that is not understood refuses (SAML core §2.5.1.1)."""
    unknown = [local_name(condition) for condition in conditions if condition.tag not in _CONDITIONS]
    if unknown:
        raise ResponseRefused(Reason.STRUCTURE, f"The assertion has a condition that is not understood: {unknown[0]}.")
    return tuple(
        tuple(text for audience in restriction.findall(f"{{{SAML}}}Audience") if (text := _text_of(audience)))
        for restriction in conditions.findall(f"{{{SAML}}}AudienceRestriction")
    )


def _attributes(assertion: Element) -> dict[str, tuple[str, ...]]:
    """The values by attribute name; an attribute sent in parts is put together, empty values are left out."""
    attributes: dict[str, tuple[str, ...]] = {}
    for attribute in assertion.findall(f"{{{SAML}}}AttributeStatement/{{{SAML}}}Attribute"):
        name = attribute.get("Name")
        if not name:
            raise ResponseRefused(Reason.STRUCTURE, "An attribute of the assertion has no Name.")
        values = (_value_of(value) for value in attribute.findall(f"{{{SAML}}}AttributeValue"))
        attributes[name] = attributes.get(name, ()) + tuple(value for value in values if value)
    return attributes


def _value_of(value: Element) -> str:
    """The text of a value. One may enclose an element, as eduPersonTargetedID does a NameID: its text counts."""
    if value.get(f"{{{XSI}}}nil") in {"true", "1"}:
        return ""
    return "".join(value.itertext()).strip()


def _child(parent: Element, tag: str) -> Element | None:
    """The one child of that name; two would leave it open which of them counts."""
    children = parent.findall(tag)
    if len(children) > 1:
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(parent)} has more than one {local_name(children[0])}.")
    return children[0] if children else None


def _required(parent: Element, tag: str) -> Element:
    child = _child(parent, tag)
    if child is None:
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(parent)} has no {tag.rpartition('}')[2]}.")
    return child


def _text_of(element: Element | None) -> str | None:
    """The element's text without white space around it; None where there is none."""
    if element is None:
        return None
    if len(element):
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(element)} has elements inside, where only text belongs.")
    return (element.text or "").strip() or None


def _time(element: Element, attribute: str) -> datetime | None:
    text = element.get(attribute)
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise ResponseRefused(Reason.MALFORMED, f"{attribute} of {local_name(element)}: {error}.") from None


def _required_time(element: Element, attribute: str) -> datetime:
    time = _time(element, attribute)
    if time is None:
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(element)} has no {attribute}.")
    return time
