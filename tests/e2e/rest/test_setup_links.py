"""An IT administrator who is no member sets acme up with nothing but a link, over HTTP."""

from datetime import timedelta
from urllib.parse import urlsplit

import httpx2
from fastapi import FastAPI

from tests.support.house import House, bearer
from tests.support.problem import code_of
from tests.support.sso import entitle, identity_provider


def with_secret(app: FastAPI, secret: str) -> httpx2.AsyncClient:
    """The client of who holds the link."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://ostiary.test/v1", headers=bearer(secret)
    )


async def test_R7_an_it_administrator_sets_a_connection_up_and_an_administrator_activates_it(
    house: House, app: FastAPI, as_ada: httpx2.AsyncClient
) -> None:
    await entitle(house)
    made = await as_ada.post("/setup-links", json={"intent": "sso", "expires_in": 3600})
    assert made.status_code == 201
    link = made.json()
    parts = urlsplit(str(link["url"]))
    assert (parts.path, parts.query, parts.fragment) == ("/setup", "", link["token"])
    assert link["token"].startswith("ost_setup_")
    async with with_secret(app, link["token"]) as it:
        setup = (await it.get("/setup")).json()
        assert (setup["organization"]["slug"], setup["intent"], setup["connection_id"]) == ("acme", "sso", None)
        assert (setup["expires_at"], setup["created_by"]) == (link["expires_at"], "ada@acme.test")
        assert "create_connection" in setup["operations"]
        assert "activate_connection" not in setup["operations"]
        org = f"/organizations/{setup['organization']['slug']}"
        connection = (await it.post(f"{org}/connections", json={"name": "Okta", "provider": "okta"})).json()
        assert connection["sp"]["acs_url"].endswith("/acs")
        own = f"{org}/connections/{connection['id']}"
        idp = {
            "entity_id": "https://idp.acme.test/",
            "sso_url": "https://idp.acme.test/sso",
            "certificates": [identity_provider().certificate_pem],
        }
        edited = await it.patch(own, json={"idp": idp})
        assert (edited.status_code, edited.json()["status"]) == (200, "testing")
        assert code_of(await it.post(f"{own}/activate"), 403) == "forbidden"
        assert code_of(await it.get(f"{org}/members"), 403) == "forbidden"
        assert code_of(await it.get("/organizations/bolts/connections/conn_x"), 404) == "organization_not_found"
        assert code_of(await it.get("/me"), 403) == "forbidden"
        setup = (await it.get("/setup")).json()
        assert (setup["connection_id"], setup["finished"]) == (connection["id"], False)
    events = (await as_ada.get("/audit-events", params={"action": "connection.created"})).json()["data"]
    assert events[0]["actor"] == {"kind": "setup_link", "id": link["id"], "label": "ada@acme.test"}


async def test_R7_a_link_for_the_directory_shows_where_to_push_and_enables_nothing(
    app: FastAPI, as_ada: httpx2.AsyncClient
) -> None:
    link = (await as_ada.post("/setup-links", json={"intent": "directory"})).json()
    async with with_secret(app, link["token"]) as it:
        setup = (await it.get("/setup")).json()
        assert setup["scim_base_url"] == "http://ostiary.test/scim/v2"
        org = f"/organizations/{setup['organization']['id']}"
        assert (await it.patch(f"{org}/directory", json={"on_deactivate": "suspend"})).status_code == 200
        assert (await it.get(f"{org}/directory")).json()["on_deactivate"] == "suspend"
        for path in ("enable", "tokens", "preview"):
            assert code_of(await it.post(f"{org}/directory/{path}"), 403) == "forbidden"


async def test_R7_a_link_for_a_domain_shows_its_record(app: FastAPI, as_ada: httpx2.AsyncClient) -> None:
    domain = (await as_ada.post("/domains", json={"name": "acme.test"})).json()
    link = (await as_ada.post("/setup-links", json={"intent": "domain", "domain_id": domain["id"]})).json()
    async with with_secret(app, link["token"]) as it:
        setup = (await it.get("/setup")).json()
        shown = await it.get(f"/organizations/acme/domains/{setup['domain_id']}")
        assert shown.json() == domain
        assert code_of(await it.delete(f"/organizations/acme/domains/{domain['id']}"), 403) == "forbidden"


async def test_R7_links_are_listed_revoked_and_expire(
    house: House, app: FastAPI, as_ada: httpx2.AsyncClient, as_bo: httpx2.AsyncClient
) -> None:
    first, second = [(await as_ada.post("/setup-links", json={"intent": "domain"})).json() for _ in range(2)]
    listed = (await as_ada.get("/setup-links")).json()["data"]
    assert [link["id"] for link in listed] == [first["id"], second["id"]]
    assert all("token" not in link and "url" not in link and link["active"] for link in listed)
    assert (await as_ada.get(f"/setup-links/{first['id']}")).json() == listed[0]
    assert code_of(await as_bo.get("/setup-links"), 403) == "forbidden"
    assert (await as_ada.delete(f"/setup-links/{first['id']}")).status_code == 204
    assert code_of(await as_ada.delete(f"/setup-links/{first['id']}"), 404) == "setup_link_not_found"
    async with with_secret(app, first["token"]) as it:
        assert code_of(await it.get("/setup"), 401) == "invalid_token"
    for body in ({"intent": "domain", "expires_in": 7 * 86400 + 1}, {"intent": "everything"}, {}):
        assert (await as_ada.post("/setup-links", json=body)).status_code == 422
    house.clock.turn(timedelta(days=7))
    async with with_secret(app, second["token"]) as it:
        assert code_of(await it.get("/setup"), 401) == "invalid_token"
