"""From an element whose bytes were signed to the values of the domain. Nothing is judged here but the form."""

from dataclasses import dataclass

from ostiary.adapters.saml.values import child_of, optional_time, required_child, required_time, text_of
from ostiary.adapters.saml.xml import SAML, SAMLP, STATUS, XSI, Element, local_name
from ostiary.domain.assertion import (
    NameId,
    Reason,
    ResponseEnvelope,
    ResponseRefused,
    SubjectConfirmation,
    VerifiedAssertion,
)

_CONDITIONS = frozenset(f"{{{SAML}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction"))


@dataclass(frozen=True, slots=True)
class SamlStatus:
    """What a message says of its success."""

    code: str
    subcode: str | None
    message: str | None


def read_envelope(response: Element) -> ResponseEnvelope:
    """What a Response says of itself (SAML core §3.2.2); raises `ResponseRefused` for what is missing or malformed."""
    status = read_status(required_child(response, STATUS))
    return ResponseEnvelope(
        id=response.get("ID", ""),
        issuer=text_of(child_of(response, f"{{{SAML}}}Issuer")),
        destination=response.get("Destination"),
        in_response_to=response.get("InResponseTo"),
        issue_instant=required_time(response, "IssueInstant"),
        status_code=status.code,
        status_subcode=status.subcode,
        status_message=status.message,
    )


def read_status(status: Element) -> SamlStatus:
    """What a Status says (SAML core §3.2.2.1); raises `ResponseRefused`."""
    code = required_child(status, f"{{{SAMLP}}}StatusCode")
    subcode = child_of(code, f"{{{SAMLP}}}StatusCode")
    return SamlStatus(
        code=code.get("Value", ""),
        subcode=None if subcode is None else subcode.get("Value"),
        message=text_of(child_of(status, f"{{{SAMLP}}}StatusMessage")),
    )


def read_name_id(element: Element) -> NameId | None:
    """The subject as the identity provider names it; None where the element is empty."""
    value = text_of(element)
    if value is None:
        return None
    return NameId(value, element.get("Format"), element.get("NameQualifier"), element.get("SPNameQualifier"))


def read_assertion(assertion: Element) -> VerifiedAssertion:
    """What an Assertion says (SAML core §2.3.3); raises `ResponseRefused` for what is ambiguous or malformed.

    With several AuthnStatements the first session index counts, and the earliest end of session.
    """
    subject = child_of(assertion, f"{{{SAML}}}Subject")
    name_id = None if subject is None else child_of(subject, f"{{{SAML}}}NameID")
    conditions = child_of(assertion, f"{{{SAML}}}Conditions")
    statements = assertion.findall(f"{{{SAML}}}AuthnStatement")
    indexes = [index for statement in statements if (index := statement.get("SessionIndex"))]
    ends = [end for statement in statements if (end := optional_time(statement, "SessionNotOnOrAfter")) is not None]
    return VerifiedAssertion(
        id=assertion.get("ID", ""),
        issuer=text_of(required_child(assertion, f"{{{SAML}}}Issuer")) or "",
        name_id=None if name_id is None else read_name_id(name_id),
        confirmations=() if subject is None else _confirmations(subject),
        not_before=None if conditions is None else optional_time(conditions, "NotBefore"),
        not_on_or_after=None if conditions is None else optional_time(conditions, "NotOnOrAfter"),
        audience_restrictions=() if conditions is None else _audience_restrictions(conditions),
        session_index=indexes[0] if indexes else None,
        session_not_on_or_after=min(ends) if ends else None,
        has_authn_statement=bool(statements),
        attributes=_attributes(assertion),
    )


def _confirmations(subject: Element) -> tuple[SubjectConfirmation, ...]:
    return tuple(
        _confirmation(confirmation, child_of(confirmation, f"{{{SAML}}}SubjectConfirmationData"))
        for confirmation in subject.findall(f"{{{SAML}}}SubjectConfirmation")
    )


def _confirmation(confirmation: Element, data: Element | None) -> SubjectConfirmation:
    return SubjectConfirmation(
        method=confirmation.get("Method", ""),
        recipient=None if data is None else data.get("Recipient"),
        not_before=None if data is None else optional_time(data, "NotBefore"),
        not_on_or_after=None if data is None else optional_time(data, "NotOnOrAfter"),
        in_response_to=None if data is None else data.get("InResponseTo"),
    )


def _audience_restrictions(conditions: Element) -> tuple[tuple[str, ...], ...]:
    """The audiences of each restriction; a condition that is not understood refuses (SAML core §2.5.1.1)."""
    unknown = [local_name(condition) for condition in conditions if condition.tag not in _CONDITIONS]
    if unknown:
        raise ResponseRefused(Reason.STRUCTURE, f"The assertion has a condition that is not understood: {unknown[0]}.")
    return tuple(
        tuple(text for audience in restriction.findall(f"{{{SAML}}}Audience") if (text := text_of(audience)))
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
