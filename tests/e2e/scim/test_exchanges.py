"""What SCIM requests cost in round trips to the database, as `docs/performance.md` tells: a new one shows here."""

import httpx2
import pytest

from tests.e2e.conftest import Count
from tests.support.directory import bulk_of, group_document, patch_of, post_of, user_document


async def test_users(scim: httpx2.AsyncClient, count: Count) -> None:
    known = (await scim.post("/Users", json=user_document("bo@acme.test"))).json()["id"]
    assert await count(scim.get(f"/Users/{known}")) == (200, 2)
    assert await count(scim.get('/Users?filter=userName eq "bo@acme.test"')) == (200, 2)
    assert await count(scim.get("/Users?count=100")) == (200, 2)
    assert await count(scim.post("/Users", json=user_document("cy@acme.test"))) == (201, 6)
    retitled = patch_of({"op": "replace", "path": "title", "value": "Engineer"})
    assert await count(scim.patch(f"/Users/{known}", json=retitled)) == (200, 6)


@pytest.mark.parametrize("size", [1, 100])
async def test_one_member_of_a_group_whatever_its_size(scim: httpx2.AsyncClient, count: Count, size: int) -> None:
    made = [(await scim.post("/Users", json=user_document(f"u{n}@acme.test"))).json()["id"] for n in range(size + 1)]
    group = (await scim.post("/Groups", json=group_document("Everyone", *made[1:]))).json()["id"]
    entered = patch_of({"op": "add", "path": "members", "value": [{"value": made[0]}]})
    left = patch_of({"op": "remove", "path": f'members[value eq "{made[0]}"]'})
    assert await count(scim.patch(f"/Groups/{group}", json=entered)) == (204, 8)
    assert await count(scim.patch(f"/Groups/{group}", json=left)) == (204, 8)


async def test_users_created_in_a_row(scim: httpx2.AsyncClient, count: Count) -> None:
    costs: list[int] = []
    for many in (100, 200):
        posts = [post_of(user_document(f"u{n}@{many}.test"), f"u{n}") for n in range(many)]
        costs.append((await count(scim.post("/Bulk", json=bulk_of(*posts))))[1])
    assert costs == [11, 19]
