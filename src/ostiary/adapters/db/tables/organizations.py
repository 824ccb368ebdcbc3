"""Organizations, their people, teams, databases and audit events."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ostiary.adapters.db.tables.base import TypeId, hash_of_secret, metadata, moment, organization_id
from ostiary.domain import ids

organizations = Table(
    "organizations",
    metadata,
    Column("id", TypeId(ids.ORGANIZATION), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("plan", String(16), nullable=False),
    Column("add_ons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("directory_held_back", Boolean, nullable=False, server_default=false()),
    Column("sso_enabled", Boolean, nullable=False, server_default=false()),
    moment("sso_enabled_at", nullable=True),
    Column("sso_enabled_by", Text),
    Column("session_duration_seconds", Integer, nullable=False),
    Column("manage_roles_via_sso", Boolean, nullable=False, server_default=false()),
    Column("role_attribute", Text, nullable=False),
    moment("created_at"),
    moment("deleted_at", nullable=True),
    UniqueConstraint("slug"),
    Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

members = Table(
    "members",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.MEMBER), primary_key=True),
    Column("account_id", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("managed_by", String(16), nullable=False),
    Column("awaiting_first_sso_sign_in", Boolean, nullable=False, server_default=false()),
    moment("joined_at"),
    moment("last_signed_in_at", nullable=True),
    Column("membership_source", String(16), nullable=False),
    Column("membership_by", Text),
    moment("membership_at"),
    Column("role_source", String(16), nullable=False),
    Column("role_by", Text),
    moment("role_at"),
    UniqueConstraint("organization_id", "account_id"),
    Index(None, "account_id"),
    Index(None, "organization_id", "email"),
    # Counting administrators must not read every member (R61).
    Index(
        "ix_members_administrators",
        "organization_id",
        "id",
        postgresql_where=text("role = 'administrator'"),
    ),
    # The directory lists them beside its own users (R49), of whom there may be very many.
    Index(
        "ix_members_unmanaged",
        "organization_id",
        "id",
        postgresql_where=text("managed_by <> 'directory'"),
    ),
    # The orders in which they are listed, besides by e-mail and by age.
    Index("ix_members_by_name", "organization_id", text("lower(name)"), "id"),
    Index(
        "ix_members_by_sign_in",
        "organization_id",
        text("coalesce(last_signed_in_at, '1970-01-01 00:00:00+00'::timestamptz)"),
        "id",
    ),
    # Part of a name or address, in one organization (pg_trgm, btree_gin).
    Index(
        "ix_members_search",
        "organization_id",
        "name",
        "email",
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "email": "gin_trgm_ops"},
    ),
)


def member_reference(
    *, primary_key: bool = False, ondelete: str = "CASCADE"
) -> tuple[Column[str], ForeignKeyConstraint]:
    """A member of the same organization; goes with the member."""
    return (
        Column("member_id", TypeId(ids.MEMBER), primary_key=primary_key, nullable=False),
        ForeignKeyConstraint(
            ["organization_id", "member_id"], ["members.organization_id", "members.id"], ondelete=ondelete
        ),
    )


teams = Table(
    "teams",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.TEAM), primary_key=True),
    Column("name", Text, nullable=False),
    Column("managed_by", String(16), nullable=False),
    moment("created_at"),
    # Two directory groups may carry one display name; people's own teams may not.
    Index(
        "uq_teams_manual_name",
        "organization_id",
        text("lower(name)"),
        unique=True,
        postgresql_where=text("managed_by = 'manual'"),
    ),
)

team_members = Table(
    "team_members",
    metadata,
    organization_id(),
    Column("team_id", TypeId(ids.TEAM), primary_key=True),
    *member_reference(primary_key=True),
    moment("added_at"),
    ForeignKeyConstraint(["organization_id", "team_id"], ["teams.organization_id", "teams.id"], ondelete="CASCADE"),
    Index(None, "organization_id", "member_id"),
)

databases = Table(
    "databases",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.DATABASE), primary_key=True),
    Column("name", Text, nullable=False),
    moment("created_at"),
    UniqueConstraint("organization_id", "name"),
)

database_administrators = Table(
    "database_administrators",
    metadata,
    organization_id(),
    Column("database_id", TypeId(ids.DATABASE), primary_key=True),
    *member_reference(primary_key=True),
    moment("granted_at"),
    ForeignKeyConstraint(
        ["organization_id", "database_id"], ["databases.organization_id", "databases.id"], ondelete="CASCADE"
    ),
    Index(None, "organization_id", "member_id"),
)

# Of every database there is and will be.
all_database_administrators = Table(
    "all_database_administrators",
    metadata,
    organization_id(),
    *member_reference(primary_key=True),
    moment("granted_at"),
)

credentials = Table(
    "credentials",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.CREDENTIAL), primary_key=True),
    Column("database_id", TypeId(ids.DATABASE), nullable=False),
    Column("name", Text, nullable=False),
    Column("username", Text, nullable=False),
    hash_of_secret(),
    # The creator's account outlives the membership, so the credential stays attributed (R15).
    Column("created_by", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_by_service_account", TypeId(ids.SERVICE_ACCOUNT)),
    # Or the service account's name.
    Column("created_by_email", Text, nullable=False),
    moment("created_at"),
    moment("revoked_at", nullable=True),
    ForeignKeyConstraint(
        ["organization_id", "database_id"], ["databases.organization_id", "databases.id"], ondelete="CASCADE"
    ),
    UniqueConstraint("username"),
    Index(None, "organization_id", "database_id"),
)

invitations = Table(
    "invitations",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.INVITATION), primary_key=True),
    Column("email", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("team_ids", ARRAY(TypeId(ids.TEAM)), nullable=False, server_default=text("'{}'")),
    Column("status", String(16), nullable=False),
    hash_of_secret(),
    Column("invited_by", Text, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    UniqueConstraint("secret_hash"),
    Index(
        "uq_invitations_pending_email",
        "organization_id",
        "email",
        unique=True,
        postgresql_where=text("status = 'pending'"),
    ),
)

audit_events = Table(
    "audit_events",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.EVENT), primary_key=True),
    moment("at"),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", Text),
    Column("actor_label", Text),
    Column("action", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Column("request_id", Text),
)
