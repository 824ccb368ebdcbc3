"""The running service that the contract is held against."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from schemathesis import checks as general_checks
from schemathesis.specs.openapi import checks as openapi_checks

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


@dataclass(frozen=True)
class Running:
    """The service on a socket."""

    url: str

    def found(self, slug: str) -> str:
        """Sign somebody up who founds an organization with every entitlement; answers their session."""
        with httpx2.Client(base_url=self.url) as client:
            person = {"email": f"{slug}@contract.test", "password": PASSWORD, "name": "Contract"}
            token = client.post("/v1/auth/sign-up", json=person).raise_for_status().json()["token"]
            named = {"name": "Contract", "slug": slug}
            client.post("/v1/organizations", json=named, headers=bearer(token)).raise_for_status()
            plan = {"plan": "enterprise"}
            entitlements = f"/v1/operator/organizations/{slug}/entitlements"
            client.put(entitlements, json=plan, headers=bearer(OPERATOR_TOKEN)).raise_for_status()
        return token


@pytest.fixture(scope="session")
def running(worker_database: str) -> Generator[Running]:
    """The service over the worker's database."""

    def make(url: str) -> object:
        return make_app(settings_for(worker_database).model_copy(update={"base_url": url}))

    with pytest.MonkeyPatch.context() as patch, serve(make) as url:
        patch.setattr("ostiary.adapters.guarded_http._system_addresses", _on_this_machine)
        yield Running(url)


async def _on_this_machine(host: str, port: int) -> list[str]:
    """Every name made up by the tests is one of this machine: none is looked up outside."""
    assert host
    assert port
    return ["127.0.0.1"]


def credential_for(path: str, session: str) -> dict[str, str]:
    """The header of whoever an operation is for: the operator, or the administrator with the session."""
    return dict(bearer(OPERATOR_TOKEN if path.startswith("/v1/operator") else session))
