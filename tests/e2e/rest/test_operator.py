"""What support does over HTTP: vouch for a domain, add one the lists refuse, let a locked-out administrator in."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from fastapi import FastAPI

from tests.support.house import OPERATOR_TOKEN, House, Person, bearer
from tests.support.problem import code_of
from tests.support.sso import connect, enable


@pytest.fixture
async def as_operator(app: FastAPI) -> AsyncGenerator[httpx2.AsyncClient]:
    """The operator's client, at acme."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://ostiary.test/v1/operator/organizations/acme",
        headers=bearer(OPERATOR_TOKEN),
    ) as client:
        yield client


async def test_R3_support_vouches_for_a_domain_and_adds_one_the_lists_refuse(
    as_ada: httpx2.AsyncClient, as_operator: httpx2.AsyncClient
) -> None:
    refused = await as_ada.post("/domains", json={"name": "gmail.com"})
    assert code_of(refused, 422) == "free_mail_domain"
    assert refused.json()["errors"][0]["pointer"] == "/name"
    assert code_of(await as_ada.post("/domains", json={"name": "co.uk"}), 422) == "public_suffix_domain"
    assert code_of(await as_ada.post("/domains/dom_x/verify"), 404) == "domain_not_found"
    added = (await as_operator.post("/domains", json={"name": "gmail.com", "reason": "They are Google."})).json()
    assert (added["status"], added["vouched_until"], added["fails_at"]) == ("pending", None, None)
    vouched = await as_operator.post(f"/domains/{added['id']}/verify", json={"reason": "Seen their contract."})
    assert vouched.status_code == 200
    shown = (await as_ada.get(f"/domains/{added['id']}")).json()
    assert shown == vouched.json()
    assert (shown["status"], shown["vouched_until"]) == ("verified", shown["fails_at"])
    assert "Support vouches" in shown["warnings"][0]
    # The body may be left out, and the operator's paths are the operator's.
    assert (await as_operator.post(f"/domains/{added['id']}/verify")).status_code == 200
    operators = f"http://ostiary.test/v1/operator/organizations/acme/domains/{added['id']}/verify"
    assert code_of(await as_ada.post(operators), 403) == "forbidden"


async def test_a_domain_beyond_ascii_is_shown_as_it_is_stored_and_as_it_is_read(as_ada: httpx2.AsyncClient) -> None:
    made = (await as_ada.post("/domains", json={"name": "Bücher.example"})).json()
    assert (made["name"], made["unicode_name"], made["warnings"]) == ("xn--bcher-kva.example", "bücher.example", [])
    twin = (await as_ada.post("/domains", json={"name": "\u0430cme.test"})).json()
    assert len(twin["warnings"]) == 2


async def test_R62_support_has_a_link_mailed_which_opens_a_session_that_repairs(
    house: House, app: FastAPI, ada: Person, as_operator: httpx2.AsyncClient
) -> None:
    await connect(house, ada)
    await enable(house, ada)
    body = {"member_id": (await house.member(ada)).id, "reason": "Their certificate has expired."}
    sent = await as_operator.post("/recover", json=body)
    assert (sent.status_code, sent.json()) == (202, None)
    link = next(mail for mail in await house.mails() if mail.subject.startswith("Repair")).text.split()[-1]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ostiary.test") as http:
        signed_in = (await http.post("/v1/auth/recover/by-link", json={"token": link})).json()
        assert signed_in["session"]["kind"] == "recovery"
        headers = bearer(signed_in["token"])
        assert (await http.get("/v1/organizations/acme/connections", headers=headers)).status_code == 200
        assert code_of(await http.get("/v1/organizations/acme/members", headers=headers), 403) == "forbidden"
        again = await http.post("/v1/auth/recover/by-link", json={"token": link})
        assert code_of(again, 401) == "recovery_refused"


async def test_the_operator_finds_organizations_by_name_slug_id_plan_and_single_sign_on(
    house: House, ada: Person, as_operator: httpx2.AsyncClient
) -> None:
    await house.organization(ada, "bolts-100")
    await house.organization(ada, "cogs")
    await house.enable_sso("cogs")
    acme = (await as_operator.get("http://ostiary.test/v1/operator/organizations")).json()["data"][0]

    async def found(**matching: str) -> list[str]:
        answer = await as_operator.get("http://ostiary.test/v1/operator/organizations", params=matching)
        assert answer.status_code == 200, answer.text
        return [organization["slug"] for organization in answer.json()["data"]]

    assert await found() == ["acme", "bolts-100", "cogs"]
    assert await found(q="BOLT") == ["bolts-100"]
    # What a pattern would take for a wildcard is a character like others.
    assert await found(q="%") == []
    assert await found(q="1_0") == []
    assert await found(q=acme["id"]) == ["acme"]
    assert await found(plan="enterprise") == []
    assert await found(plan="hobby", sso_enabled="true") == ["cogs"]
    assert await found(sso_enabled="false") == ["acme", "bolts-100"]
    first = (await as_operator.get("http://ostiary.test/v1/operator/organizations", params={"limit": 2})).json()
    assert await found(cursor=first["next_cursor"]) == ["cogs"]
    assert await found(q="c", limit="1") == ["acme"]
    bad = await as_operator.get("http://ostiary.test/v1/operator/organizations", params={"plan": "gold"})
    assert bad.status_code == 422
    as_stranger = await as_operator.get("http://ostiary.test/v1/operator/organizations", headers=bearer(ada.token))
    assert code_of(as_stranger, 403) == "forbidden"
