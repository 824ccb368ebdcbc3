"""Bulk requests are put into an order in which what is referred to comes first."""

from typing import Any

import pytest

from ostiary.api.scim.bulk_job import BulkOperation, Step, read_job, references, resolved, steps, without
from ostiary.domain.errors import DomainError


def post(bulk_id: str, *needs: str) -> dict[str, Any]:
    data = {"displayName": bulk_id, "members": [{"value": f"bulkId:{name}"} for name in needs]}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}


def order(*operations: dict[str, Any]) -> list[Step]:
    return steps(read_job({"Operations": list(operations)}).operations)


def test_what_refers_to_nothing_stays_in_its_order() -> None:
    assert order(post("a"), post("b"), post("c")) == [Step(0), Step(1), Step(2)]


def test_what_is_referred_to_comes_first_even_from_behind() -> None:
    assert order(post("a", "b"), post("b", "c"), post("c"), post("d", "a")) == [Step(2), Step(1), Step(0), Step(3)]


def test_a_circle_is_opened_at_one_place_and_closed_later() -> None:
    assert order(post("a", "b"), post("b", "a")) == [Step(1, frozenset({"a"})), Step(0)]
    assert order(post("a", "a")) == [Step(0, frozenset({"a"}))]
    assert order(post("a", "b"), post("b", "c"), post("c", "a", "d"), post("d")) == [
        Step(3),
        Step(2, frozenset({"a"})),
        Step(1),
        Step(0),
    ]


def test_a_chain_of_a_thousand_is_no_depth() -> None:
    operations = [post(str(number), str(number + 1)) for number in range(999)]

    assert [step.index for step in order(*operations, post("999"))] == list(range(999, -1, -1))


def test_references_are_found_wherever_ids_stand() -> None:
    data = {
        "manager": {"value": "bulkId:a", "$ref": "../Users/bulkId:b"},
        "Operations": [{"path": 'members[value eq "bulkId:c"]'}, {"value": ["bulkId:d"]}],
        "displayName": "see bulkId:x",
    }
    operation = BulkOperation("PATCH", "/Users/bulkId:e", "Users", "bulkId:e", data=data)

    assert references(operation) == set("abcde")
    assert resolved(data, {name: name.upper() for name in "abcde"}) == {
        "manager": {"value": "A", "$ref": "../Users/B"},
        "Operations": [{"path": 'members[value eq "C"]'}, {"value": ["D"]}],
        "displayName": "see bulkId:x",
    }


def test_what_is_not_there_yet_is_left_out_as_a_whole() -> None:
    data = {
        "displayName": "x",
        "members": [{"value": "bulkId:a", "type": "User"}, {"value": "bulkId:b"}, {"value": "u"}],
        "urn:e": {"manager": {"value": "bulkId:a"}, "department": "QA"},
    }

    assert without(data, frozenset("a")) == {
        "displayName": "x",
        "members": [{"value": "bulkId:b"}, {"value": "u"}],
        "urn:e": {"department": "QA"},
    }


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("nothing", "invalid_syntax"),
        ({}, "invalid_value"),
        ({"method": "GET", "path": "/Users/u"}, "invalid_value"),
        ({"method": "POST", "bulkId": "a", "data": {}}, "invalid_value"),
        ({"method": "POST", "path": "/Users", "data": {}}, "invalid_value"),
        ({"method": "POST", "path": "/Users", "bulkId": "a"}, "invalid_value"),
        ({"method": "PATCH", "path": "/Users/u", "data": []}, "invalid_value"),
        ({"method": "DELETE", "path": "/Users/u", "version": 3}, "invalid_value"),
        ({"method": "POST", "path": "/Users/u", "bulkId": "a", "data": {}}, "not_found"),
        ({"method": "DELETE", "path": "/Users"}, "not_found"),
        ({"method": "DELETE", "path": "/Users/u/groups"}, "not_found"),
        ({"method": "DELETE", "path": "/Users/u?x=y"}, "not_found"),
        ({"method": "DELETE", "path": "/Me/u"}, "not_found"),
        ({"method": "POST", "path": "/Bulk", "bulkId": "a", "data": {}}, "not_found"),
    ],
)
def test_an_operation_that_cannot_be_read_is_refused_by_itself(operation: Any, code: str) -> None:
    job = read_job({"Operations": [operation, post("b")]})

    refused = job.operations[0].refused
    assert refused is not None
    assert refused.code == code
    assert job.operations[1].refused is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_syntax"),
        ({"Operations": []}, "invalid_syntax"),
        ({"Operations": {}}, "invalid_syntax"),
        ({"schemas": ["urn:x"], "Operations": [post("a")]}, "invalid_syntax"),
        ({"failOnErrors": 0, "Operations": [post("a")]}, "invalid_value"),
        ({"failOnErrors": True, "Operations": [post("a")]}, "invalid_value"),
        ({"Operations": [post("a"), post("a")]}, "invalid_value"),
        ({"Operations": [post(str(number)) for number in range(1001)]}, "too_many_operations"),
    ],
)
def test_a_job_that_cannot_be_read_is_refused_as_a_whole(body: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        read_job(body)
    assert refused.value.code == code
