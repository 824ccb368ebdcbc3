"""(b) The assertion consumer service over HTTP, whole: guard, signature, replay, identity, session, redirect."""

import asyncio
from datetime import UTC, datetime
from time import perf_counter
from urllib.parse import urlencode

from tests.support.saml_factory import (
    ACS_URL,
    IDP_ENTITY_ID,
    REQUEST_ID,
    SP_ENTITY_ID,
    Signing,
    signed_response,
    to_bytes,
)
from tests.support.sso import Addressed, Idp, connect, enable, good_answer, identity_provider

from benchmarks import peers
from benchmarks.companies import founded
from benchmarks.load import drive, request
from benchmarks.stage import Stage
from benchmarks.tables import Table, median, ms, rate, times

_FORM = "application/x-www-form-urlencoded"
_PEER = "pysaml2 and xmlsec1"


async def measure(stage: Stage) -> Table:
    """Sign-ins a second, each with an AuthnRequest, a response and a member of its own."""
    count, rounds = stage.size(400, 5), stage.size(4, 1)
    async with stage.house() as house:
        founder = await founded(house)
        idp = await connect(house, founder)
        await enable(house, founder)
        async with stage.service(house) as processes:
            speeds: list[float] = []
            costs: list[float] = []
            first = await drive(processes.url, await _answers(idp, processes.url, count), connections=8)
            first.ensure(303)
            for _ in range(rounds):
                waiting = await _answers(idp, processes.url, count)
                before = processes.cpu_seconds()
                outcome = (await drive(processes.url, waiting, connections=8)).ensure(303)
                speeds.append(outcome.rate)
                costs.append((processes.cpu_seconds() - before) / count)
    rows = [
        ("first sign-ins, which make members", rate(first.rate), ""),
        ("sign-ins of members", rate(median(speeds)), ms(median(costs))),
    ]
    stock = await asyncio.to_thread(_stock_rate, stage.size(30, 1))
    if stock is not None:
        rows.append((f"{_PEER} alone, without HTTP or database", rate(stock), times(median(speeds) / stock)))
    notes = ("8 connections, one service process, commits synced to disk. Targets: 250/s, and ten times the peer.",)
    return Table(
        "acs", "(b) The assertion consumer service over HTTP", ("", "a second", "CPU ms or ratio"), tuple(rows), notes
    )


async def _answers(idp: Idp, url: str, count: int) -> list[bytes]:
    """Posts of good responses, each to an AuthnRequest of its own."""
    made: list[bytes] = []
    for number in range(count):
        request_id, relay_state = await idp.depart()
        said = idp.says(request_id, f"u{number}@acme.test")
        form = urlencode({"SAMLResponse": idp.signed(said), "RelayState": relay_state}).encode()
        made.append(request("POST", url, f"/saml/{idp.connection.id}/acs", body=form, content_type=_FORM))
    return made


def _stock_rate(count: int) -> float | None:
    signer = identity_provider()
    peer = peers.verifiers(signer).get(_PEER)
    if peer is None:
        return None
    said = good_answer(Addressed(IDP_ENTITY_ID, SP_ENTITY_ID, ACS_URL), datetime.now(UTC), REQUEST_ID, "bo@acme.test")
    document = to_bytes(signed_response(said, what="assertion", how=Signing(by=signer)))
    begun = perf_counter()
    for _ in range(count):
        peer(document)
    return count / (perf_counter() - begun)
