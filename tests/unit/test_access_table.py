"""The table of permissions and the contract name the same operations."""

import pytest

from ostiary.api.app import create_app
from ostiary.domain.access import PERMISSIONS, Standing
from ostiary.domain.operation import Operation

# SCIM requests are one operation, and SCIM is no part of the OpenAPI document.
ELSEWHERE = {Operation.PROVISION}


@pytest.fixture(scope="module")
def served() -> dict[str, str]:
    """The path of each REST operation of the contract, by operationId."""
    paths: dict[str, dict[str, dict[str, object]]] = create_app().openapi()["paths"]
    return {
        str(operation["operationId"]): path
        for path, methods in paths.items()
        if path.startswith("/v1/")
        for operation in methods.values()
    }


def test_every_operation_of_the_contract_has_its_line_in_the_table_and_the_other_way_round(
    served: dict[str, str],
) -> None:
    assert set(served) == set(PERMISSIONS) - ELSEWHERE


def test_what_stands_below_an_organization_is_open_to_its_people_alone(served: dict[str, str]) -> None:
    for operation, path in served.items():
        if path.startswith("/v1/organizations/{org}"):
            strangers = {Standing.ANYONE, Standing.SIGNED_IN, Standing.PASSWORD_SESSION, Standing.OPERATOR}
            assert not PERMISSIONS[Operation(operation)] & strangers, operation


def test_what_the_operator_does_stands_below_the_operators_path(served: dict[str, str]) -> None:
    for operation, path in served.items():
        is_operators = PERMISSIONS[Operation(operation)] == frozenset({Standing.OPERATOR})
        assert path.startswith("/v1/operator/") is is_operators, operation
