"""The contract's links, followed from answer to answer: what one call makes, the next ones read, change and delete."""

from itertools import count
from typing import Any, ClassVar

import schemathesis
from hypothesis import HealthCheck, Phase, settings

from ostiary.api.app import create_app
from tests.contract.conftest import CHECKS, Running, credential_for

_numbers = count(1)


def _wandering() -> Any:
    schema: Any = schemathesis.openapi.from_dict(create_app().openapi())
    # Signing out would end the session that the other steps are made with.
    return schema.exclude(operation_id="sign_out").as_state_machine()


class Wanderer(_wandering()):
    """Wanders through the contract as the administrator of an organization of its own."""

    running: ClassVar[Running]
    # Operations on one thing inside the organization that were answered with a success.
    arrived: ClassVar[set[str]] = set()

    def setup(self) -> None:
        self.org = f"wandered-{next(_numbers)}"
        self.session = self.running.found(self.org)

    def before_call(self, case: Any) -> None:
        if "org" in case.path_parameters:
            case.path_parameters["org"] = self.org

    def get_call_kwargs(self, case: Any) -> dict[str, Any]:
        headers = credential_for(case.path, self.session)
        return {"base_url": self.running.url, "headers": headers, "allow_redirects": False}

    def validate_response(self, response: Any, case: Any, **_: Any) -> None:
        case.validate_response(response, checks=CHECKS)
        if "_id}" in case.path and response.status_code < 300:
            self.arrived.add(case.operation.label)


def test_answers_lead_on_as_the_contract_says(running: Running) -> None:
    Wanderer.running = running
    Wanderer.run(
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
        )
    )
    # Ids from one answer were good in the next: else every step would have been a 404.
    assert len(Wanderer.arrived) >= 5, sorted(Wanderer.arrived)
