"""Single values of SAML's XML: a child, a text, a time. Whatever is missing, doubled or malformed refuses."""

import re
from datetime import UTC, datetime, timedelta, timezone

from ostiary.adapters.saml.xml import Element, local_name
from ostiary.domain.assertion import Reason, ResponseRefused

_DATE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?", re.ASCII)


def instant(moment: datetime) -> str:
    """A UTC time as SAML writes it (SAML core §1.3.3), to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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


def child_of(parent: Element, tag: str) -> Element | None:
    """The one child of that name; two would leave it open which of them counts."""
    children = parent.findall(tag)
    if len(children) > 1:
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(parent)} has more than one {local_name(children[0])}.")
    return children[0] if children else None


def required_child(parent: Element, tag: str) -> Element:
    child = child_of(parent, tag)
    if child is None:
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(parent)} has no {tag.rpartition('}')[2]}.")
    return child


def text_of(element: Element | None) -> str | None:
    """The element's text without white space around it; None where there is none."""
    if element is None:
        return None
    if len(element):
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(element)} has elements inside, where only text belongs.")
    return (element.text or "").strip() or None


def optional_time(element: Element, attribute: str) -> datetime | None:
    text = element.get(attribute)
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise ResponseRefused(Reason.MALFORMED, f"{attribute} of {local_name(element)}: {error}.") from None


def required_time(element: Element, attribute: str) -> datetime:
    time = optional_time(element, attribute)
    if time is None:
        raise ResponseRefused(Reason.STRUCTURE, f"{local_name(element)} has no {attribute}.")
    return time
