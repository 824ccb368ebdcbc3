"""Service accounts and their tokens."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, String, Table, Text, UniqueConstraint, text

from ostiary.adapters.db.tables.base import TypeId, hash_of_secret, metadata, moment, organization_id
from ostiary.domain import ids

service_accounts = Table(
    "service_accounts",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.SERVICE_ACCOUNT), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    # Its maker's account, which may be gone: it stays attributed (R15).
    Column("created_by", TypeId(ids.ACCOUNT), nullable=False),
    Column("created_by_email", Text, nullable=False),
    moment("created_at"),
    Index("uq_service_accounts_name", "organization_id", text("lower(name)"), unique=True),
)

service_account_tokens = Table(
    "service_account_tokens",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.TOKEN), primary_key=True),
    Column("service_account_id", TypeId(ids.SERVICE_ACCOUNT), nullable=False),
    Column("name", Text, nullable=False),
    hash_of_secret(),
    Column("created_by", TypeId(ids.ACCOUNT), nullable=False),
    Column("created_by_email", Text, nullable=False),
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("last_used_at", nullable=True),
    ForeignKeyConstraint(
        ["organization_id", "service_account_id"],
        ["service_accounts.organization_id", "service_accounts.id"],
        ondelete="CASCADE",
    ),
    UniqueConstraint("secret_hash"),
    Index(None, "organization_id", "service_account_id"),
    Index(None, "expires_at"),
)
