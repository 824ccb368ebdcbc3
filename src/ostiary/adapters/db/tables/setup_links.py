"""Links by which somebody who is no member configures one thing (R7)."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, String, Table, Text, UniqueConstraint

from ostiary.adapters.db.tables.base import TypeId, hash_of_secret, metadata, moment, organization_id
from ostiary.domain import ids

setup_links = Table(
    "setup_links",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.SETUP_LINK), primary_key=True),
    Column("intent", String(16), nullable=False),
    # What it names, once there is something to name; the link goes with it.
    Column("connection_id", TypeId(ids.CONNECTION)),
    Column("domain_id", TypeId(ids.DOMAIN)),
    hash_of_secret(),
    Column("created_by", TypeId(ids.MEMBER), nullable=False),
    Column("created_by_email", Text, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    moment("last_used_at", nullable=True),
    ForeignKeyConstraint(
        ["organization_id", "created_by"], ["members.organization_id", "members.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["organization_id", "connection_id"], ["connections.organization_id", "connections.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["organization_id", "domain_id"], ["domains.organization_id", "domains.id"], ondelete="CASCADE"
    ),
    UniqueConstraint("secret_hash"),
    Index(None, "organization_id", "created_by"),
    Index(None, "expires_at"),
)
