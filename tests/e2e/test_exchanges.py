"""What a sign-in costs in round trips to the database, as `docs/performance.md` tells: a new one shows here."""

import httpx2

from tests.e2e.conftest import Count
from tests.support.house import House
from tests.support.sso import connect, enable


async def test_a_sign_in(house: House, client: httpx2.AsyncClient, count: Count) -> None:
    ada = await house.person("ada@acme.test")
    await house.organization(ada)
    idp = await connect(house, ada)
    await enable(house, ada)
    costs: list[tuple[int, int]] = []
    for _ in ("their first", "the next"):
        request_id, relay_state = await idp.depart()
        form = {"SAMLResponse": idp.signed(idp.says(request_id, "bo@acme.test")), "RelayState": relay_state}
        costs.append(await count(client.post(f"/saml/{idp.connection.id}/acs", data=form)))
    assert costs == [(303, 12), (303, 10)]
