"""What identity providers send beside the RFCs is made what the RFCs say; the rest stays as it is."""

from typing import Any

import pytest

from ostiary.api.scim import quirks
from ostiary.api.scim.quirks import Operation
from ostiary.domain.errors import DomainError

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MISSPELT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("externalId eq jyoung", 'externalId eq "jyoung"'),
        ("userName eq a@b.com", 'userName eq "a@b.com"'),
        ("externalId eq 0af3-11 and active eq true", 'externalId eq "0af3-11" and active eq true'),
        ("(userName EQ bo) or userName eq cy", '(userName EQ "bo") or userName eq "cy"'),
        ('userName eq "bo eq cy"', 'userName eq "bo eq cy"'),
        (r'userName eq "say \"x eq y\""', r'userName eq "say \"x eq y\""'),
        ('emails[type eq work].value eq "x"', 'emails[type eq "work"].value eq "x"'),
        ("title pr", "title pr"),
        ("count eq 12 and x eq null", "count eq 12 and x eq null"),
    ],
)
def test_bare_values_of_filters_are_quoted(sent: str, read: str) -> None:
    assert quirks.filter_text(sent) == read


def test_entras_misspelt_extension_and_onelogins_old_schemas_are_the_present_ones() -> None:
    entra = quirks.resource({"schemas": [USER, MISSPELT], MISSPELT: {"department": "d"}}, USER)
    onelogin = quirks.resource(
        {"schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]}, USER
    )

    assert entra == {"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "d"}}
    assert onelogin == {"schemas": [USER, ENTERPRISE]}
    assert quirks.resource({"schemas": ["urn:x:y"]}, USER) == {"schemas": ["urn:x:y"]}


@pytest.mark.parametrize(
    ("manager", "read"),
    [
        ("u9", {"manager": {"value": "u9"}}),
        ([{"$ref": None, "value": "u9"}], {"manager": {"value": "u9"}}),
        ({"value": "u9", "displayName": "Di"}, {"manager": {"value": "u9", "displayName": "Di"}}),
        ("", {}),
        (None, {}),
        ([], {}),
    ],
)
def test_a_manager_is_an_object_whatever_it_came_as(manager: Any, read: dict[str, Any]) -> None:
    assert quirks.resource({ENTERPRISE: {"manager": manager}}, USER) == {ENTERPRISE: read}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"op": "Replace", "path": "active", "value": "False"}, [Operation("replace", "active", False, True)]),
        ({"OP": "ADD", "Path": "title", "Value": "x"}, [Operation("add", "title", "x", True)]),
        ({"op": "remove", "path": "title"}, [Operation("remove", "title")]),
        ({"op": "replace", "path": "title", "value": ""}, [Operation("remove", "title")]),
        ({"op": "replace", "path": "title", "value": None}, [Operation("replace", "title", None, True)]),
        (
            {"op": "replace", "path": f"{MISSPELT}:department", "value": "d"},
            [Operation("replace", f"{ENTERPRISE}:department", "d", True)],
        ),
        (
            {"op": "Add", "path": "manager", "value": "u9"},
            [Operation("add", f"{ENTERPRISE}:manager", {"value": "u9"}, True)],
        ),
        (
            {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": []},
            [Operation("remove", f"{ENTERPRISE}:manager")],
        ),
        (
            {"op": "replace", "value": {"title": "", "displayName": "d", "schemas": [USER]}},
            [Operation("replace", None, {"displayName": "d"}, True), Operation("remove", "title")],
        ),
        (
            {"op": "replace", "value": {f"{ENTERPRISE}:manager": "u9"}},
            [
                Operation("replace", f"{ENTERPRISE}:manager", {"value": "u9"}, True),
                Operation("replace", None, {}, True),
            ],
        ),
        ({"op": "replace", "path": "", "value": 1}, [Operation("replace", None, 1, True)]),
    ],
)
def test_operations_are_read_as_the_book_has_them(sent: dict[str, Any], read: list[Operation]) -> None:
    assert quirks.operations({"operations": [sent]}) == read


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "invalid_syntax"),
        ({"Operations": []}, "invalid_syntax"),
        ({"Operations": "all"}, "invalid_syntax"),
        ({"Operations": ["replace"]}, "invalid_syntax"),
        ({"Operations": [{"op": "replace", "path": 7}]}, "invalid_path"),
        ({"Operations": [{"op": "remove", "path": "title"}] * 1001}, "too_many_operations"),
    ],
)
def test_what_is_no_patch_is_refused(payload: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        quirks.operations(payload)
    assert refused.value.code == code


@pytest.mark.parametrize("value", ["no", "0", 0, 1, [], {}])
@pytest.mark.parametrize("name", ["active", "Active", f"{USER}:active"])
def test_what_only_might_mean_false_is_refused(name: str, value: object) -> None:
    with pytest.raises(DomainError, match="is true or false"):
        quirks.resource({name: value}, USER)
    with pytest.raises(DomainError, match="is true or false"):
        quirks.operations({"Operations": [{"op": "replace", "path": name, "value": value}]})


@pytest.mark.parametrize("text", ["{", "{}", '{"value": 1}', "[1]", "Admin", "{" * 5000])
def test_a_role_that_is_no_json_of_a_role_stays_as_it_is(text: str) -> None:
    assert quirks.resource({"roles": [{"value": text}, text]}, USER) == {"roles": [{"value": text}, text]}


def test_a_role_in_a_text_is_the_role_it_describes() -> None:
    text = '{"id": "1", "value": "Admin", "displayName": "An admin"}'

    read = quirks.resource({"Roles": [{"value": text, "primary": "True"}]}, USER)

    assert read == {"Roles": [{"value": "Admin", "display": "An admin", "primary": True}]}
