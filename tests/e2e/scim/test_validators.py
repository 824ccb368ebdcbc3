"""Entity tags cover what is joined to a resource, so that nobody keeps stale answers; `If-Match` is of the version."""

from typing import Any

import httpx2
import pytest

from tests.support.directory import group_document, patch_of, user_document
from tests.support.house import House, Person


@pytest.fixture
async def bo(scim: httpx2.AsyncClient) -> dict[str, Any]:
    """A user."""
    return (await scim.post("/Users", json=user_document("bo@acme.test"))).json()


async def is_known(scim: httpx2.AsyncClient, answer: httpx2.Response, **parameters: str) -> bool:
    """Whether what was answered is still what there is."""
    again = await scim.get(
        str(answer.request.url).partition("?")[0], params=parameters, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code in (200, 304)
    assert (again.content == b"") is (again.status_code == 304)
    return again.status_code == 304


async def test_a_users_answer_is_outdated_by_every_change_of_its_groups(
    scim: httpx2.AsyncClient, bo: dict[str, Any]
) -> None:
    address = f"/Users/{bo['id']}"
    alone = await scim.get(address)
    assert await is_known(scim, alone)

    group = (await scim.post("/Groups", json=group_document("Engineering", bo["id"]))).json()["id"]
    assert not await is_known(scim, alone)
    joined = await scim.get(address)
    assert joined.json()["meta"]["version"] == joined.headers["etag"] != alone.headers["etag"]
    assert await is_known(scim, joined)

    await scim.patch(f"/Groups/{group}", json=patch_of({"op": "replace", "path": "displayName", "value": "Platform"}))
    assert not await is_known(scim, joined)
    renamed = await scim.get(address)
    assert renamed.json()["groups"][0]["display"] == "Platform"

    await scim.delete(f"/Groups/{group}")
    assert not await is_known(scim, renamed)
    # As before: no groups, and nobody wrote to the user.
    assert (await scim.get(address)).headers["etag"] == alone.headers["etag"]


async def test_a_user_without_its_groups_is_not_outdated_by_them(scim: httpx2.AsyncClient, bo: dict[str, Any]) -> None:
    bare = await scim.get(f"/Users/{bo['id']}", params={"excludedAttributes": "groups"})
    await scim.post("/Groups", json=group_document("Engineering", bo["id"]))

    assert await is_known(scim, bare, excludedAttributes="groups")
    assert not await is_known(scim, bare)


async def test_a_change_of_groups_does_not_stand_in_the_way_of_a_change_of_the_user(
    scim: httpx2.AsyncClient, bo: dict[str, Any]
) -> None:
    address = f"/Users/{bo['id']}"
    await scim.post("/Groups", json=group_document("Engineering", bo["id"]))
    seen = (await scim.get(address)).headers["etag"]
    await scim.post("/Groups", json=group_document("Platform", bo["id"]))

    change = patch_of({"op": "replace", "path": "title", "value": "Lead"})
    assert (await scim.patch(address, json=change, headers={"If-Match": seen})).status_code == 200
    assert (await scim.patch(address, json=change, headers={"If-Match": seen})).status_code == 412


async def test_a_groups_answer_is_outdated_when_a_member_is_deleted_or_provisioned(
    scim: httpx2.AsyncClient, bo: dict[str, Any]
) -> None:
    made = await scim.post("/Groups", json=group_document("Engineering", bo["id"], "cy@acme.test"))
    group = await scim.get(f"/Groups/{made.json()['id']}")
    assert group.headers["etag"] == made.headers["etag"]
    bare = await scim.get(f"/Groups/{made.json()['id']}", params={"excludedAttributes": "members"})

    cy = (await scim.post("/Users", json=user_document("cy@acme.test"))).json()["id"]
    assert not await is_known(scim, group)
    both = await scim.get(f"/Groups/{made.json()['id']}")
    assert {member["value"] for member in both.json()["members"]} == {bo["id"], cy}

    await scim.delete(f"/Users/{bo['id']}")
    assert not await is_known(scim, both)
    assert await is_known(scim, bare, excludedAttributes="members")
    gone = await scim.delete(f"/Groups/{made.json()['id']}", headers={"If-Match": both.headers["etag"]})
    assert gone.status_code == 204


async def test_R49_a_member_whom_no_directory_wrote_is_outdated_by_what_is_told_of_them(
    scim: httpx2.AsyncClient, house: House, ada: Person
) -> None:
    listed = (await scim.get("/Users")).json()["Resources"]
    answer = await scim.get(f"/Users/{listed[0]['id']}")
    assert listed[0]["meta"]["version"] == answer.headers["etag"]
    assert await is_known(scim, answer)

    async with house.uow() as uow:
        await uow.members.rename_manual(ada.account_id, "Ada Lovelace")
        await uow.commit()

    assert not await is_known(scim, answer)
    taken = await scim.put(
        f"/Users/{listed[0]['id']}",
        json=user_document(ada.email),
        headers={"If-Match": answer.headers["etag"]},
    )
    assert taken.status_code == 200
