"""The contract against the running service: every operation, generated calls, no undocumented answer, no 5xx."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks as general_checks
from schemathesis.specs.openapi import checks as openapi_checks

from ostiary.api.app import create_app
from ostiary.api.contract import openapi_yaml
from ostiary.bootstrap import make_app
from tests.support.house import OPERATOR_TOKEN, PASSWORD, bearer, settings_for
from tests.support.web import serve

# schemathesis declares its types only in part.
_general: Any = general_checks
_openapi: Any = openapi_checks
CHECKS: list[Any] = [
    _general.not_a_server_error,
    _openapi.status_code_conformance,
    _openapi.content_type_conformance,
    _openapi.response_headers_conformance,
    _openapi.response_schema_conformance,
]
COMMITTED = Path(__file__).parents[2] / "openapi" / "ostiary.yaml"


@dataclass(frozen=True)
class Running:
    """The service, and an administrator's session."""

    url: str
    token: str


@pytest.fixture(scope="module")
def running(worker_database: str) -> Generator[Running]:
    """The service on a socket, with an organization `contract` whose administrator calls."""

    def make(url: str) -> object:
        return make_app(settings_for(worker_database).model_copy(update={"base_url": url}))

    with serve(make) as url, httpx2.Client(base_url=url) as client:
        person = {"email": "contract@contract.test", "password": PASSWORD, "name": "Contract"}
        token = client.post("/v1/auth/sign-up", json=person).raise_for_status().json()["token"]
        named = {"name": "Contract", "slug": "contract"}
        client.post("/v1/organizations", json=named, headers=bearer(token)).raise_for_status()
        plan = {"plan": "enterprise"}
        entitlements = "/v1/operator/organizations/contract/entitlements"
        client.put(entitlements, json=plan, headers=bearer(OPERATOR_TOKEN)).raise_for_status()
        yield Running(url, token)


schema: Any = schemathesis.openapi.from_dict(create_app().openapi())
# Whoever is nobody is turned away before the body is looked at: its every boundary is the administrator's to try.
for_strangers: Any = schemathesis.openapi.from_dict(create_app().openapi())
for_strangers.config.phases.update(phases=["examples", "fuzzing"])


# Signing out would end the session that the other calls are made with.
@schema.exclude(operation_id="sign_out").parametrize()
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_every_operation_answers_what_the_contract_says(case: Any, running: Running) -> None:
    if "org" in case.path_parameters:
        case.path_parameters["org"] = "contract"
    by_operator = case.path.startswith("/v1/operator")
    token = OPERATOR_TOKEN if by_operator else running.token
    case.call_and_validate(base_url=running.url, headers=dict(bearer(token)), checks=CHECKS, allow_redirects=False)


@for_strangers.parametrize()
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_nobody_without_a_credential_gets_further_than_the_contract_says(case: Any, running: Running) -> None:
    case.call_and_validate(base_url=running.url, checks=CHECKS, allow_redirects=False)


def test_the_committed_contract_is_what_the_code_says() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == openapi_yaml(create_app())
