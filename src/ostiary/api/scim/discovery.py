"""What this service is and has, as RFC 7644 §4 lets clients discover it; and what it does not have."""

from typing import Any

from fastapi import Response
from scim2_models import (
    Attribute,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    ETag,
    Filter,
    Meta,
    Pagination,
    Patch,
    Required,
    Resource,
    ResourceType,
    Schema,
    ServiceProviderConfig,
    Sort,
)
from starlette.exceptions import HTTPException

from ostiary.api.body_limit import DEFAULT_LIMIT_BYTES
from ostiary.api.scim import rendering
from ostiary.api.scim.asked import Asked, ScimRoutes
from ostiary.api.scim.bulk_job import MAX_OPERATIONS
from ostiary.api.scim.models import USER_URN, EnterpriseUser, Group, User, UserResource
from ostiary.api.scim.queries import DEFAULT_COUNT, MAX_COUNT
from ostiary.domain.directory import Directory
from ostiary.domain.errors import forbidden, not_found
from ostiary.services.directory_cursors import CURSOR_LIFETIME

router = ScimRoutes()


def _ensure_unfiltered(asked: Asked) -> None:
    """RFC 7644 §4: these are read whole."""
    if "filter" in asked.request.query_params:
        raise forbidden("filter_not_supported", "Discovery is read without a filter.")


def _sent(resource: Resource[Any]) -> dict[str, Any]:
    return resource.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)


def _listed(resources: list[dict[str, Any]]) -> Response:
    return rendering.page(resources, len(resources), 1)


@router.on("GET", "/ServiceProviderConfig")
async def service_provider_config(asked: Asked) -> Response:
    """What is supported."""
    _ensure_unfiltered(asked)
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=MAX_OPERATIONS, max_payload_size=DEFAULT_LIMIT_BYTES),
        filter=Filter(supported=True, max_results=MAX_COUNT),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        pagination=Pagination(
            cursor=True,
            index=True,
            default_pagination_method=Pagination.DefaultPaginationMethod.index,
            default_page_size=DEFAULT_COUNT,
            max_page_size=MAX_COUNT,
            cursor_timeout=int(CURSOR_LIFETIME.total_seconds()),
        ),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="OAuth Bearer Token",
                description="The directory's token, sent as 'Authorization: Bearer ost_scim_…'.",
                primary=True,
            )
        ],
        meta=Meta(
            resource_type="ServiceProviderConfig", location=f"{asked.services.urls.scim()}/ServiceProviderConfig"
        ),
    )
    return rendering.answer(_sent(config))


def _resource_types(asked: Asked) -> dict[str, dict[str, Any]]:
    _ensure_unfiltered(asked)
    base_url = asked.services.urls.scim()
    types = [ResourceType.from_resource(UserResource), ResourceType.from_resource(Group)]
    for resource_type in types:
        location = f"{base_url}/ResourceTypes/{resource_type.name}"
        resource_type.meta = Meta(resource_type="ResourceType", location=location)
    return {str(resource_type.name): _sent(resource_type) for resource_type in types}


@router.on("GET", "/ResourceTypes")
async def list_resource_types(asked: Asked) -> Response:
    """User and Group."""
    return _listed(list(_resource_types(asked).values()))


@router.on("GET", "/ResourceTypes/{name}")
async def get_resource_type(asked: Asked) -> Response:
    """One resource type."""
    found = _resource_types(asked).get(asked.part("name"))
    if found is None:
        raise not_found("resource_type")
    return rendering.answer(found)


async def _schemas(asked: Asked) -> dict[str, dict[str, Any]]:
    _ensure_unfiltered(asked)
    directory, base_url = await asked.services.users.directory(asked.caller), asked.services.urls.scim()
    user = User.to_schema()
    user.attributes = [*(user.attributes or []), *_custom_attributes(directory, user)]
    schemas = [user, Group.to_schema(), EnterpriseUser.to_schema()]
    for schema in schemas:
        schema.meta = Meta(resource_type="Schema", location=f"{base_url}/Schemas/{schema.id}")
    return {str(schema.id): _sent(schema) for schema in schemas}


def _custom_attributes(directory: Directory, schema: Schema) -> list[Attribute]:
    """The role attribute and the attributes the map names, where they are plain ones of the user (R46, R47)."""
    declared = {str(attribute.name).lower() for attribute in schema.attributes or []}
    names = [name.removeprefix(f"{USER_URN}:") for name in (directory.role_attribute, *directory.attribute_map)]
    return [
        Attribute(
            name=name,
            type=Attribute.Type.string,
            multi_valued=False,
            description="A custom attribute of this directory.",
            required=Required.false,
        )
        for name in dict.fromkeys(names)
        if name.lower() not in declared and ":" not in name and "." not in name
    ]


@router.on("GET", "/Schemas")
async def list_schemas(asked: Asked) -> Response:
    """The schemas, with this directory's custom attributes."""
    return _listed(list((await _schemas(asked)).values()))


@router.on("GET", "/Schemas/{schema_id}")
async def get_schema(asked: Asked) -> Response:
    """One schema."""
    found = (await _schemas(asked)).get(asked.part("schema_id"))
    if found is None:
        raise not_found("schema")
    return rendering.answer(found)


@router.on(("GET", "POST", "PUT", "PATCH", "DELETE"), "/Me")
async def not_supported(_asked: Asked) -> Response:
    """RFC 7644 §3.11 and §3.12: 501 for what is not there. A directory's token stands for no user."""
    raise HTTPException(501, "This is not supported; /ServiceProviderConfig says what is.")
