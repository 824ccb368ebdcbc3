"""What Prometheus is told of the requests: exact counts, bounded labels, for the operator alone."""

import asyncio
import math
import os
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

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.db.engine import make_engine
from ostiary.adapters.db.job_queue import PgJobQueue
from ostiary.adapters.sealing import AesGcmSealer
from ostiary.api.deps import Services
from ostiary.api.metrics import forget_the_dead
from ostiary.domain.assertion import Reason
from tests.support.busy import Busy
from tests.support.database import connection
from tests.support.house import OPERATOR_TOKEN, House, bearer
from tests.support.process import running
from tests.support.sso import connect, enable

OPERATOR = dict(bearer(OPERATOR_TOKEN))
WORKERS = 2
SEALER = AesGcmSealer("a secret key of more than 32 characters")


def value(text: str, name: str, **labels: str) -> float | None:
    """The sample with exactly these labels."""
    found = [
        sample.value
        for family in plain_text(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return found[0] if found else None


async def scraped(client: httpx2.AsyncClient) -> str:
    return (await client.get("/metrics", headers=OPERATOR)).raise_for_status().text


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


async def test_sign_ins_are_counted_by_what_became_of_them(house: House, client: httpx2.AsyncClient) -> None:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    idp = await connect(house, ada)
    await enable(house, ada)
    outcomes = {"succeeded": "", "refused": Reason.REPLAYED}
    before = await scraped(client)
    request_id, relay_state = await idp.depart()
    answer = {"SAMLResponse": idp.signed(idp.says(request_id, "bo@acme.test")), "RelayState": relay_state}

    for _ in range(2):
        await client.post(f"/saml/{idp.connection.id}/acs", data=answer)

    after = await scraped(client)
    for outcome, code in outcomes.items():
        labels = {"purpose": "sign_in", "outcome": outcome, "code": code}
        counts = [value(text, "ostiary_sign_ins_total", **labels) or 0 for text in (before, after)]
        assert counts[1] - counts[0] == 1, outcome
    assert "bo@acme.test" not in after
    assert idp.connection.id not in after


async def test_a_full_queue_shows_its_length_and_whom_it_sent_away(house: House, client: httpx2.AsyncClient) -> None:
    threads = BoundedThreads("saml", at_once=1, waiting=2)
    empty = value(await scraped(client), "ostiary_queue_length", queue="saml") or 0
    refused = value(await scraped(client), "ostiary_queue_refused_total", queue="saml") or 0
    async with Busy(threads):
        full = await scraped(client)
    after = await scraped(client)

    assert value(full, "ostiary_queue_length", queue="saml") == empty + 3
    # Those who fill the queue here stop at the first refusal.
    assert value(full, "ostiary_queue_refused_total", queue="saml") == refused + 1
    assert value(after, "ostiary_queue_length", queue="saml") == empty


async def test_jobs_that_are_due_are_counted_and_how_late_the_oldest_is(
    house: House, client: httpx2.AsyncClient
) -> None:
    async with connection(house.settings.database_url) as database:
        await database.execute("DELETE FROM pgqueuer")
        await database.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after)"
            " SELECT 0, 'send_mail', NULL, 'queued', now() - n * interval '60 seconds' FROM generate_series(-1, 3) AS n"
        )
    text = await scraped(client)
    assert value(text, "ostiary_database_up") == 1
    assert value(text, "ostiary_jobs_waiting", job="send_mail") == 4
    assert value(text, "ostiary_jobs_late_seconds", job="send_mail") == pytest.approx(180, abs=30)
    assert value(text, "ostiary_jobs_waiting", job="deliver_webhook") == 0


async def test_what_the_database_tells_is_unknown_when_it_does_not_answer(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    app.state.jobs = PgJobQueue(make_engine("postgresql://nobody@127.0.0.1:1/none", pool_size=1), SEALER)
    text = await scraped(client)
    assert value(text, "ostiary_database_up") == 0
    assert math.isnan(value(text, "ostiary_jobs_waiting", job="send_mail") or 0)


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
    with running(house, "serve", "--workers", str(WORKERS), OSTIARY_DATABASE_POOL_SIZE="4") as url:
        for _ in range(40):
            httpx2.get(f"{url}/nothing", trust_env=False)
        text = httpx2.get(f"{url}/metrics", headers=OPERATOR, trust_env=False).raise_for_status().text
        assert counted(text)["unmatched", "GET", "404"] == 40
        assert 'ostiary_build_info{version="' in text
        while value(text, "ostiary_database_connections_limit") != WORKERS * 4:  # the second one may still be starting
            time.sleep(0.1)
            text = httpx2.get(f"{url}/metrics", headers=OPERATOR, trust_env=False).raise_for_status().text


async def test_a_worker_tells_of_its_jobs_on_a_port_of_its_own(house: House) -> None:
    async with connection(house.settings.database_url) as database:
        await database.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, payload, status) VALUES (0, 'send_mail', 'unsealed', 'queued')"
        )
    with running(house, "worker", port="--metrics-port") as url:
        text = ""
        while not value(text, "ostiary_jobs_total", job="send_mail", outcome="failed"):
            await asyncio.sleep(0.1)
            text = httpx2.get(f"{url}/metrics", trust_env=False).raise_for_status().text
    assert value(text, "ostiary_job_duration_seconds_count", job="send_mail") == 1
    assert (value(text, "process_resident_memory_bytes") or 0) > 0


def test_a_process_that_ended_is_taken_out_of_what_is(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    files = {process: tmp_path / f"gauge_livesum_{process}.db" for process in (ended.pid, os.getpid())}
    counters = tmp_path / f"counter_{ended.pid}.db"
    for file in (*files.values(), counters):
        file.touch()

    forget_the_dead(tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == {files[os.getpid()].name, counters.name}
