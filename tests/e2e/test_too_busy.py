"""What those are answered who find a queue full: programs a problem, browsers a page, both when to come again."""

import httpx2
from fastapi import FastAPI

from ostiary.adapters.passwords import Argon2Hasher
from ostiary.adapters.saml.verifier import SamlVerifier
from ostiary.api.deps import Services
from tests.support.busy import Busy
from tests.support.house import OPERATOR_TOKEN, PASSWORD, bearer


async def test_a_full_queue_answers_503_and_is_counted(app: FastAPI, client: httpx2.AsyncClient) -> None:
    services: Services = app.state.services
    verifier, hasher = services.sign_in_arrival._verifier, services.accounts._passwords
    assert isinstance(verifier, SamlVerifier)
    assert isinstance(hasher, Argon2Hasher)
    form = {"SAMLResponse": "PHg+"}
    credentials = {"email": "ada@acme.test", "password": PASSWORD}

    async with Busy(verifier._threads), Busy(hasher._threads):
        posted = await client.post("/saml/conn_1/acs", data=form)
        page = await client.post("/saml/conn_1/acs", data=form, headers={"Accept": "text/html"})
        signed_in = await client.post("/v1/auth/sign-in", json=credentials)
        metrics = await client.get("/metrics", headers=dict(bearer(OPERATOR_TOKEN)))

    for answer in (posted, page, signed_in):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    for answer in (posted, signed_in):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "too_busy"
    assert page.headers["content-type"].startswith("text/html")
    assert "reload" in page.text
    assert 'route="/saml/{connection_id}/acs",status="503"} 2.0' in metrics.text
