"""From signed elements to the values of the domain."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from ostiary.adapters.saml.values import parse_time
from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import EMAIL_FORMAT, NameId, Reason, VerifiedAssertion
from tests.support.saml_factory import (
    AUTHN_STATEMENT,
    Element,
    Said,
    assertion_in,
    form_value,
    response_xml,
    sign,
    signed_response,
    trust,
)
from tests.unit.adapters.saml.refusing import refusal


def changed(old: str, new: str) -> Element:
    """A response signed after its text was changed."""
    xml = response_xml(Said())
    assert old in xml
    root = etree.fromstring(xml.replace(old, new))
    sign(assertion_in(root))
    return root


def read(old: str, new: str) -> VerifiedAssertion:
    return verify(form_value(changed(old, new)), trust()).assertion


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-15T12:00:00Z", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        (" 2026-01-15T12:00:00Z\n", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2026-01-15T12:00:00", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2026-01-15T12:00:00.5Z", datetime(2026, 1, 15, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-15T12:00:00.1234567Z", datetime(2026, 1, 15, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-01-15T12:00:00.000000000001Z", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2026-01-15T14:00:00+02:00", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2026-01-15T06:30:00-05:30", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2028-02-29T00:00:00-00:00", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_with_its_fraction_and_offset(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-15",
        "2026-01-15 12:00:00Z",
        "2026-01-15T12:00Z",
        "2026-13-15T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-15T25:00:00Z",
        "2026-01-15T12:00:60Z",
        "2026-01-15T12:00:00.Z",
        "2026-01-15T12:00:00+25:00",
        "2026-01-15T12:00:00 Z",
        "0001-01-01T00:00:00+01:00",
        "0000-01-01T00:00:00Z",
        "-2026-01-15T12:00:00Z",
        "12026-01-15T12:00:00Z",
        "1768478400",
        "٢٠٢٦-01-15T12:00:00Z",
    ],
)
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time|out of range|must be|between|day is out"):
        parse_time(text)


@pytest.mark.parametrize("attribute", ["NotBefore", "NotOnOrAfter"])
def test_a_malformed_time_refuses_the_response(attribute: str) -> None:
    refused = refusal(changed(f'{attribute}="2026', f'{attribute}="tomorrow'))
    assert refused.reason is Reason.MALFORMED
    assert attribute in refused.detail


def test_a_response_without_issue_instant_is_refused() -> None:
    xml = response_xml(Said()).replace(' IssueInstant="2026-01-15T12:00:00Z"', "", 1)
    root = etree.fromstring(xml)
    sign(assertion_in(root))
    assert refusal(root).reason is Reason.STRUCTURE


def test_an_attribute_sent_in_parts_is_put_together() -> None:
    part = (
        '<saml:Attribute Name="groups"><saml:AttributeValue>third</saml:AttributeValue></saml:Attribute>'
        "</saml:AttributeStatement>"
    )
    assert read("</saml:AttributeStatement>", part).attributes["groups"] == ("platform", "data", "third")


def test_attributes_of_several_statements_are_put_together() -> None:
    statement = (
        "</saml:AttributeStatement><saml:AttributeStatement>"
        '<saml:Attribute Name="role"><saml:AttributeValue>admin</saml:AttributeValue></saml:Attribute>'
        "</saml:AttributeStatement>"
    )
    attributes = read("</saml:AttributeStatement>", statement).attributes
    assert attributes["role"] == ("admin",)
    assert attributes["email"] == ("bo@acme.test",)


@pytest.mark.parametrize(
    "value",
    [
        "<saml:AttributeValue/>",
        "<saml:AttributeValue> \n </saml:AttributeValue>",
        '<saml:AttributeValue xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">x</saml:AttributeValue>',
        "",
    ],
)
def test_an_empty_value_is_left_out_and_the_attribute_stays(value: str) -> None:
    attribute = f'<saml:AttributeStatement><saml:Attribute Name="role">{value}</saml:Attribute>'
    assert read("<saml:AttributeStatement>", attribute).attributes["role"] == ()


def test_white_space_around_values_is_cut() -> None:
    assertion = read(">bo@acme.test</saml:NameID>", ">\n  bo@acme.test\n</saml:NameID>")
    assert assertion.name_id == NameId("bo@acme.test", EMAIL_FORMAT)


def test_the_text_of_an_element_inside_a_value_counts() -> None:
    value = "<saml:AttributeValue><saml:NameID>persistent-1</saml:NameID></saml:AttributeValue>"
    assertion = read("<saml:AttributeValue>Bo</saml:AttributeValue>", value)
    assert assertion.attributes["firstName"] == ("persistent-1",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">bo@acme.test</saml:NameID>", ">bo@acme.test<x/>.evil.example</saml:NameID>"),
        ("</saml:NameID>", "</saml:NameID><saml:NameID>ada@acme.test</saml:NameID>"),
        ("</saml:Audience>", "<x/></saml:Audience>"),
        ("</saml:Conditions>", "<saml:Condition/></saml:Conditions>"),
        ("</saml:Conditions>", "<x xmlns='urn:other'/></saml:Conditions>"),
        ("</saml:SubjectConfirmation>", "<saml:SubjectConfirmationData/></saml:SubjectConfirmation>"),
        ('<saml:Attribute Name="email">', "<saml:Attribute>"),
        ('<saml:Attribute Name="email">', '<saml:Attribute Name="">'),
        (Said().status, ""),
    ],
)
def test_what_could_be_read_in_two_ways_or_not_at_all_is_refused(old: str, new: str) -> None:
    assert refusal(changed(old, new)).reason is Reason.STRUCTURE


@pytest.mark.parametrize("condition", ["<saml:OneTimeUse/>", '<saml:ProxyRestriction Count="0"/>'])
def test_conditions_that_ask_nothing_of_us_are_accepted(condition: str) -> None:
    assert verify(form_value(signed_response(Said(more_conditions=condition))), trust())


def test_an_assertion_without_subject_conditions_and_statements_is_read_as_such() -> None:
    xml = response_xml(Said(authn_statements="", attributes={}))
    for name in ("Subject", "Conditions"):
        start, end = xml.index(f"<saml:{name}"), xml.index(f"</saml:{name}>") + len(f"</saml:{name}>")
        xml = xml[:start] + xml[end:]
    root = etree.fromstring(xml)
    sign(assertion_in(root))
    assertion = verify(form_value(root), trust()).assertion
    assert (assertion.name_id, assertion.confirmations) == (None, ())
    assert (assertion.not_before, assertion.not_on_or_after, assertion.audience_restrictions) == (None, None, ())
    assert (assertion.session_index, assertion.session_not_on_or_after) == (None, None)
    assert not assertion.has_authn_statement
    assert assertion.attributes == {}


def test_a_statement_without_session_index_still_says_that_the_person_authenticated() -> None:
    said = Said(authn_statements=AUTHN_STATEMENT.replace(' SessionIndex="_session1"', ""))
    assertion = verify(form_value(signed_response(said)), trust()).assertion
    assert assertion.has_authn_statement
    assert assertion.session_index is None


def test_the_status_is_read_with_its_parts() -> None:
    status = (
        '<samlp:StatusCode Value="urn:a"><samlp:StatusCode Value="urn:b"/></samlp:StatusCode>'
        "<samlp:StatusMessage>why</samlp:StatusMessage>"
    )
    envelope = verify(form_value(signed_response(Said(status=status))), trust()).envelope
    assert (envelope.status_code, envelope.status_subcode, envelope.status_message) == ("urn:a", "urn:b", "why")
