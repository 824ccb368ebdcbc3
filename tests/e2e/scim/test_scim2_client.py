"""A client that checks every answer against RFC 7643 and 7644 drives the directory."""

from typing import Any

import pytest
from fastapi import FastAPI
from scim2_client.engines.asgi import ASGISCIMClient
from scim2_models import (
    EnterpriseUser,
    Group,
    ListResponse,
    PatchOp,
    ResourceType,
    ScimProvider,
    UniquenessException,
    User,
)

from tests.support.directory import DirectorySync, patch_of, user_document
from tests.support.house import bearer

Employee = User[EnterpriseUser]


@pytest.fixture
async def provider(app: FastAPI, sync: DirectorySync) -> ASGISCIMClient:
    """A client that knows users with the enterprise extension, and groups."""
    return ASGISCIMClient(
        app,
        base_url="http://ostiary.test/scim/v2",
        headers=dict(bearer(sync.token)),
        provider=ScimProvider(
            models=[User, EnterpriseUser, Group],
            resource_types=[ResourceType.from_resource(Employee), ResourceType.from_resource(Group)],
        ),
    )


async def created(provider: ASGISCIMClient, email: str) -> Any:
    """A user made through the client."""
    return await provider.create(Employee.model_validate(user_document(email)))


async def test_a_user_is_created_changed_replaced_and_deleted(provider: ASGISCIMClient) -> None:
    user = await created(provider, "bo@acme.com")

    rename = patch_of({"op": "replace", "path": "name.familyName", "value": "Li"})
    patched: Any = await provider.modify(Employee, user.id, PatchOp[Employee].model_validate(rename))
    assert patched.name.family_name == "Li"
    assert patched.meta.version == 'W/"2"'

    patched[EnterpriseUser] = EnterpriseUser.model_validate({"department": "R&D"})
    replaced: Any = await provider.replace(patched)
    assert replaced[EnterpriseUser].department == "R&D"

    await provider.delete(Employee, user.id)
    found = await provider.query(Employee, query_parameters={"filter": 'userName eq "bo@acme.com"'})
    assert isinstance(found, ListResponse)
    assert found.total_results == 0


async def test_a_taken_user_name_is_a_uniqueness_error(provider: ASGISCIMClient) -> None:
    await created(provider, "bo@acme.com")

    with pytest.raises(UniquenessException):
        await created(provider, "bo@acme.com")


async def test_a_group_is_pushed_with_its_members(provider: ASGISCIMClient, sync: DirectorySync) -> None:
    bo, cy = [await created(provider, email) for email in ("bo@acme.com", "cy@acme.com")]

    group: Any = await provider.create(
        Group.model_validate({"displayName": "Engineering", "members": [{"value": bo.id}]})
    )
    assert [(member.value, member.type) for member in group.members] == [(bo.id, "User")]

    change = patch_of(
        {"op": "add", "path": "members", "value": [{"value": cy.id}]},
        {"op": "remove", "path": f'members[value eq "{bo.id}"]'},
    )
    await provider.modify(Group, group.id, PatchOp[Group].model_validate(change))

    assert await sync.team_members(group.id) == {cy.id}
    bare: Any = await provider.query(Group, group.id, {"excludedAttributes": "members"})
    assert bare.members is None


async def test_the_service_describes_itself(provider: ASGISCIMClient) -> None:
    described = ASGISCIMClient(provider.app, base_url=provider.base_url, headers=provider.headers)

    await described.discover()

    assert [resource_type.name for resource_type in described.provider.resource_types] == ["User", "Group"]
    model = described.provider.model_for("User")
    assert model is not None
    assert "role" in model.model_fields
