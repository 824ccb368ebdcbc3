"""Rows of pushed users and groups ↔ what they are."""

from typing import Any

from sqlalchemy import Row

from ostiary.domain.directory import DirectoryGroup, DirectoryUser


def read_directory_user(row: Row[Any]) -> DirectoryUser:
    """The pushed user in a row."""
    return DirectoryUser(
        id=row.id,
        organization_id=row.organization_id,
        user_name=row.user_name,
        external_id=row.external_id,
        email=row.email,
        display_name=row.display_name,
        active=row.active,
        role_value=row.role_value,
        document=row.document,
        version=row.version,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )


def directory_user_values(user: DirectoryUser) -> dict[str, Any]:
    """The changeable columns of a pushed user."""
    return {
        "user_name": user.user_name,
        "external_id": user.external_id,
        "email": user.email,
        "display_name": user.display_name,
        "active": user.active,
        "role_value": user.role_value,
        "document": dict(user.document),
        "version": user.version,
        "modified_at": user.modified_at,
    }


def read_directory_group(row: Row[Any]) -> DirectoryGroup:
    """The pushed group in a row."""
    return DirectoryGroup(
        id=row.id,
        organization_id=row.organization_id,
        display_name=row.display_name,
        external_id=row.external_id,
        document=row.document,
        version=row.version,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )


def directory_group_values(group: DirectoryGroup) -> dict[str, Any]:
    """The changeable columns of a pushed group."""
    return {
        "display_name": group.display_name,
        "external_id": group.external_id,
        "document": dict(group.document),
        "version": group.version,
        "modified_at": group.modified_at,
    }
