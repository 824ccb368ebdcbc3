"""What Prometheus is told of the requests: exact counts, bounded labels, for the operator alone."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics  # pyright: ignore[reportUnknownVariableType] -- has no types
from prometheus_client.parser import text_string_to_metric_families as plain_text

from ostiary.api.deps import Services
from tests.support.house import OPERATOR_TOKEN, House, bearer

OPERATOR = dict(bearer(OPERATOR_TOKEN))
WORKERS = 2


def counted(text: str) -> dict[tuple[str, str, str], float]:
    """How many requests of each route, method and status."""
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in plain_text(text)
        for sample in family.samples
        if sample.name == "ostiary_http_requests_total"
    }


async def test_requests_are_counted_by_route_template_method_and_status(client: httpx2.AsyncClient) -> None:
    for name in ("acme", "bolts"):
        await client.get(f"/v1/organizations/{name}/members/mem_{name}")
        await client.get(f"/scim/v2/Users/{name}")
        await client.get(f"/no/{name}")
        await client.post(f"/saml/conn_{name}/acs", data={"SAMLResponse": "none"})
    await client.request("BREW", "/coffee")
    await client.head("/healthz")
    await client.post("/healthz")

    text = (await client.get("/metrics", headers=OPERATOR)).raise_for_status().text

    acs = {key: value for key, value in counted(text).items() if key[0] == "/saml/{connection_id}/acs"}
    assert sum(acs.values()) == 2
    assert {key: value for key, value in counted(text).items() if key not in acs} == {
        ("/v1/organizations/{org}/members/{member_id}", "GET", "401"): 2,
        ("/scim/v2/Users/{user_id}", "GET", "401"): 2,
        ("unmatched", "GET", "404"): 2,
        ("unmatched", "other", "404"): 1,
        ("/healthz", "HEAD", "200"): 1,
        ("/healthz", "POST", "405"): 1,
    }
    assert "acme" not in text
    assert "coffee" not in text


async def test_every_counted_request_was_timed(client: httpx2.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/healthz")

    text = (await client.get("/metrics", headers=OPERATOR)).text

    timed = [
        sample.value
        for family in plain_text(text)
        for sample in family.samples
        if sample.name == "ostiary_http_request_duration_seconds_count" and sample.labels["route"] == "/healthz"
    ]
    assert timed == [3]


async def test_who_asks_for_open_metrics_is_answered_in_it(client: httpx2.AsyncClient) -> None:
    response = await client.get("/metrics", headers={**OPERATOR, "Accept": "application/openmetrics-text"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert "ostiary_build" in {family.name.removesuffix("_info") for family in open_metrics(response.text)}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer none", f"Basic {OPERATOR_TOKEN}", "Bearer é"])
async def test_others_are_told_nothing(client: httpx2.AsyncClient, authorization: str) -> None:
    response = await client.get("/metrics", headers={b"Authorization": authorization.encode()})
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"


async def test_without_an_operators_token_there_is_no_such_address(app: FastAPI, client: httpx2.AsyncClient) -> None:
    services: Services = app.state.services
    app.state.services = replace(services, authenticator=replace(services.authenticator, operator_token=None))
    answers = [await client.get(path, headers=OPERATOR) for path in ("/metrics", "/nothing")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["code"] == answers[1].json()["code"]


def test_two_processes_answer_for_both(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = house.settings
    environment = {
        **os.environ,
        "OSTIARY_DATABASE_URL": settings.database_url,
        "OSTIARY_SECRET_KEY": settings.secret_key.get_secret_value(),
        "OSTIARY_BASE_URL": "https://ostiary.test",
        "OSTIARY_OPERATOR_TOKEN": OPERATOR_TOKEN,
    }
    command = [str(Path(sys.executable).with_name("ostiary")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    service = subprocess.Popen([*command, "--workers", str(WORKERS)], env=environment, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url)
        for _ in range(40):
            httpx2.get(f"{url}/nothing", trust_env=False)
        text = httpx2.get(f"{url}/metrics", headers=OPERATOR, trust_env=False).raise_for_status().text
        assert counted(text)["unmatched", "GET", "404"] == 40
        assert 'ostiary_build_info{version="' in text
    finally:
        service.terminate()
        service.wait(20)


def _await(url: str) -> None:
    for _ in range(200):
        try:
            httpx2.get(f"{url}/healthz", trust_env=False)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("The service did not start.")
