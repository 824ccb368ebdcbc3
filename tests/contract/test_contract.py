"""The contract against the running service: every operation, generated calls, no undocumented answer, no 5xx."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from ostiary.api.app import create_app
from ostiary.api.contract import openapi_yaml
from tests.contract.conftest import CHECKS, Running, credential_for

COMMITTED = Path(__file__).parents[2] / "openapi" / "ostiary.yaml"
ORG = "contract"


@pytest.fixture(scope="module")
def session(running: Running) -> str:
    """The session of the administrator who calls, and founded the organization `contract`."""
    return running.found(ORG)


schema: Any = schemathesis.openapi.from_dict(create_app().openapi())
# Whoever is nobody is turned away before the body is looked at: its every boundary is the administrator's to try.
for_strangers: Any = schemathesis.openapi.from_dict(create_app().openapi())
for_strangers.config.phases.update(phases=["examples", "fuzzing"])


# Signing out would end the session that the other calls are made with.
@schema.exclude(operation_id="sign_out").parametrize()
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_every_operation_answers_what_the_contract_says(case: Any, running: Running, session: str) -> None:
    if "org" in case.path_parameters:
        case.path_parameters["org"] = ORG
    headers = credential_for(case.path, session)
    case.call_and_validate(base_url=running.url, headers=headers, checks=CHECKS, allow_redirects=False)


@for_strangers.parametrize()
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_nobody_without_a_credential_gets_further_than_the_contract_says(case: Any, running: Running) -> None:
    case.call_and_validate(base_url=running.url, checks=CHECKS, allow_redirects=False)


def test_the_committed_contract_is_what_the_code_says() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == openapi_yaml(create_app())
