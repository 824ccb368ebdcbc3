"""Directory Sync: the directory, its tokens, and what the identity provider pushed."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from ostiary.adapters.db.tables.base import TypeId, hash_of_secret, metadata, moment, organization_id
from ostiary.adapters.db.tables.organizations import member_reference
from ostiary.domain import ids

directories = Table(
    "directories",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.DIRECTORY), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=false()),
    Column("on_deactivate", String(16), nullable=False),
    Column("manage_roles", Boolean, nullable=False, server_default=false()),
    Column("role_attribute", Text, nullable=False),
    Column("attribute_map", JSONB, nullable=False, server_default=text("'{}'")),
    Column("lenient_members", Boolean, nullable=False, server_default=true()),
    Column("unknown_attributes", String(16), nullable=False, server_default=text("'lenient'")),
    moment("created_at"),
    moment("enabled_at", nullable=True),
    moment("last_synced_at", nullable=True),
    Column("breaker_enabled", Boolean, nullable=False, server_default=true()),
    Column("breaker_share_percent", Integer, nullable=False, server_default=text("30")),
    Column("breaker_minimum", Integer, nullable=False, server_default=text("10")),
    Column("breaker_window_seconds", Integer, nullable=False, server_default=text("3600")),
    moment("breaker_tripped_at", nullable=True),
)

directory_tokens = Table(
    "directory_tokens",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.TOKEN), primary_key=True),
    hash_of_secret(),
    moment("created_at"),
    moment("last_used_at", nullable=True),
    moment("revoked_at", nullable=True),
    moment("expires_at", nullable=True),
    # When administrators are told next that it ends.
    moment("warn_at", nullable=True),
    # The bearer token alone says whose directory it is.
    UniqueConstraint("secret_hash"),
    Index(None, "warn_at"),
    Index(None, "expires_at"),
)

directory_users = Table(
    "directory_users",
    metadata,
    organization_id(),
    # The id of the member this person is, or would be: REST and SCIM name a person alike.
    Column("id", TypeId(ids.MEMBER), primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("external_id", Text),
    Column("email", Text),
    Column("display_name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("role_value", Text),
    Column("document", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    moment("created_at"),
    moment("modified_at"),
    Index("uq_directory_users_user_name", "organization_id", text("lower(user_name)"), unique=True),
    Index(None, "organization_id", "external_id"),
    Index("ix_directory_users_email", "organization_id", text("lower(email)")),
    # To be counted: of those who are pushed it is the smaller part.
    Index("ix_directory_users_inactive", "organization_id", postgresql_where=text("NOT active")),
    # Any of several addresses, without their case (btree_gin).
    Index(
        "ix_directory_users_email_values",
        "organization_id",
        text('(lower(jsonb_path_query_array(document, \'$."emails"[*]."value"\')::text)::jsonb)'),
        postgresql_using="gin",
    ),
)

directory_groups = Table(
    "directory_groups",
    metadata,
    organization_id(),
    # The id of the team this group is (R44).
    Column("id", TypeId(ids.TEAM), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("external_id", Text),
    Column("document", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    moment("created_at"),
    moment("modified_at"),
    ForeignKeyConstraint(["organization_id", "id"], ["teams.organization_id", "teams.id"], ondelete="CASCADE"),
    Index("ix_directory_groups_display_name", "organization_id", text("lower(display_name)")),
    Index(None, "organization_id", "external_id"),
)


def _group_reference() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["organization_id", "group_id"],
        ["directory_groups.organization_id", "directory_groups.id"],
        ondelete="CASCADE",
    )


# How many users and groups a directory has pushed, and how many members it does not manage: the sum of all rows of a
# kind. Triggers keep it (migration 0024), each transaction in a row that no other is writing to.
directory_counts = Table(
    "directory_counts",
    metadata,
    organization_id(),
    Column("kind", String(16), primary_key=True),
    Column("slot", BigInteger, Identity(always=True), primary_key=True),
    Column("n", Integer, nullable=False),
    # Room for new versions beside the old ones, so that no index entry is written.
    postgresql_with={"fillfactor": 50},
)

directory_group_members = Table(
    "directory_group_members",
    metadata,
    organization_id(),
    Column("group_id", TypeId(ids.TEAM), primary_key=True),
    # A pushed user, with access or without: who comes back is in their teams again (R43).
    Column("member_id", TypeId(ids.MEMBER), primary_key=True),
    _group_reference(),
    ForeignKeyConstraint(
        ["organization_id", "member_id"],
        ["directory_users.organization_id", "directory_users.id"],
        ondelete="CASCADE",
    ),
    Index(None, "organization_id", "member_id"),
)

directory_group_reservations = Table(
    "directory_group_reservations",
    metadata,
    organization_id(),
    Column("group_id", TypeId(ids.TEAM), primary_key=True),
    # As the identity provider sent it: nobody provisioned yet (R45).
    Column("value", Text, primary_key=True),
    _group_reference(),
    Index("ix_directory_group_reservations_value", "organization_id", text("lower(value)")),
)

# Whom the directory took away lately. The number rises by one with each, so that counting reads two rows.
directory_departures = Table(
    "directory_departures",
    metadata,
    organization_id(),
    # Not only of those still here: most of them were removed.
    Column("member_id", TypeId(ids.MEMBER), primary_key=True),
    Column("number", BigInteger, nullable=False),
    moment("at"),
    # The latest count of members, carried on from row to row.
    Column("members", Integer),
    moment("measured_at", nullable=True),
    Index(None, "organization_id", "number"),
    Index(None, "organization_id", "at"),
    Index(None, "at"),
)

# What the identity provider sent lately, in the order of its coming, which the ids have.
directory_requests = Table(
    "directory_requests",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.DIRECTORY_REQUEST), primary_key=True),
    moment("at"),
    Column("method", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text),
    Column("status", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("request_id", Text),
    Column("user_agent", Text),
    Column("scim_type", Text),
    Column("detail", Text),
    Column("resource_type", String(16)),
    Column("resource_id", Text),
    Column("found", Integer),
    # As it came: JSONB would put the attributes into another order.
    Column("body", JSON(none_as_null=True)),
    Column("quirks", ARRAY(Text), nullable=False),
    Column("unknown_attributes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("missed_before", Integer, nullable=False),
    Index(None, "at"),
)

directory_held_members = Table(
    "directory_held_members",
    metadata,
    organization_id(),
    *member_reference(primary_key=True),
    moment("held_at"),
    Column("is_removal", Boolean, nullable=False),
    # What the directory deleted of the person, to give back: the pushed user and its groups.
    Column("pushed_user", JSONB),
    Column("group_ids", ARRAY(TypeId(ids.TEAM)), nullable=False, server_default=text("'{}'")),
)
