"""What is changed of a connection through one replica counts at once in every other."""

from collections.abc import Generator
from dataclasses import replace

import httpx2
import pytest

from ostiary.domain.assertion import Reason
from tests.e2e.saml.conftest import ALLOWED, post
from tests.support.browser import Form
from tests.support.scripted_idp import ScriptedIdp
from tests.support.scripted_logout import FRONTEND
from tests.support.service import Company, Service, code_of, running_service
from tests.support.sso import identity_provider


@pytest.fixture
def replica(service: Service, worker_database: str) -> Generator[str]:
    """The address of a second process's service over the same database, which takes itself for the first."""
    with running_service(worker_database, base_url=service.url, redirect_uris=(ALLOWED,)) as running:
        yield running.url


def at(replica: str, form: Form, acme: Company) -> Form:
    return replace(form, url=form.url.replace(acme.service.url, replica))


async def test_a_certificate_replaced_here_is_the_only_one_trusted_there(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, replica: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    # The replica has met the connection before it changes.
    assert (await browser.get(f"{replica}/saml/{idp.connection_id}/metadata")).status_code == 200
    old = at(replica, idp.form(idp.says(departed.request_id), departed.relay_state), acme)
    new = identity_provider("its new key")
    described = {
        "entity_id": idp.entity_id,
        "sso_url": "https://idp.test/sso",
        "certificates": [new.certificate_pem],
    }
    await acme.call("Ada", "PATCH", idp.address, {"idp": described})
    refused = await post(browser, old)
    trace = await acme.call("Ada", "GET", f"{acme.org}/sign-ins/{refused.json()['trace_id']}")
    assert trace["code"] == Reason.CERTIFICATE_UNKNOWN
    idp.party = new
    code_of(await post(browser, at(replica, idp.form(idp.says(departed.request_id), departed.relay_state), acme)))


async def test_nobody_signs_in_there_through_what_was_switched_off_here(
    acme: Company, idp: ScriptedIdp, browser: httpx2.AsyncClient, replica: str
) -> None:
    departed = await idp.depart(browser, **FRONTEND)
    assert (await browser.get(f"{replica}/sso/{acme.slug}", params=FRONTEND)).status_code == 302
    await acme.call("Ada", "POST", f"{acme.org}/sso/disable", {})
    await acme.call("Ada", "POST", f"{idp.address}/deactivate")
    assert (await browser.get(f"{replica}/sso/{acme.slug}", params=FRONTEND)).status_code == 409
    arrived = at(replica, idp.form(idp.says(departed.request_id), departed.relay_state), acme)
    assert (await post(browser, arrived)).status_code == 403
