"""Accounts and what signs them in: global, because a person belongs to several organizations."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint, text

from ostiary.adapters.db.tables.base import TypeId, hash_of_secret, metadata, moment, subject
from ostiary.domain import ids

accounts = Table(
    "accounts",
    metadata,
    Column("id", TypeId(ids.ACCOUNT), primary_key=True),
    # Lower case, domain as A-labels: the domain layer gives every address one spelling.
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    moment("email_verified_at", nullable=True),
    moment("created_at"),
    UniqueConstraint("email"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", TypeId(ids.SESSION), primary_key=True),
    hash_of_secret(),
    Column("account_id", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    # Set for sessions that open one organization alone (SSO, recovery).
    Column("organization_id", TypeId(ids.ORGANIZATION), ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("connection_id", TypeId(ids.CONNECTION)),
    Column("session_index", Text),
    subject(),
    moment("created_at"),
    # Moves on with the use, by `idle_seconds` where there are any, and never past `ends_at`.
    moment("expires_at"),
    moment("ends_at"),
    moment("last_used_at"),
    Column("idle_seconds", Integer),
    Column("client_address", Text),
    Column("user_agent", Text),
    UniqueConstraint("secret_hash"),
    Index(None, "account_id"),
    Index(None, "organization_id", "account_id"),
    # Single logout names a subject (SAML core §3.7.1).
    Index("ix_sessions_subject", "connection_id", text("(subject ->> 'key')")),
    Index(None, "expires_at"),
)

email_tokens = Table(
    "email_tokens",
    metadata,
    Column("secret_hash", LargeBinary(32), primary_key=True),
    Column("account_id", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("email", Text, nullable=False),
    moment("expires_at"),
    Index(None, "account_id"),
    Index(None, "expires_at"),
)

attempt_counts = Table(
    "attempt_counts",
    metadata,
    # A digest of what was tried, for which account, from which place.
    Column("key", LargeBinary(32), primary_key=True),
    Column("tried", Integer, nullable=False),
    moment("expires_at"),
    Index(None, "expires_at"),
)
