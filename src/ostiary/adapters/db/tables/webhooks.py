"""Webhooks, and events on their way to them."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ostiary.adapters.db.tables.base import TypeId, metadata, moment, organization_id
from ostiary.domain import ids

webhooks = Table(
    "webhooks",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.WEBHOOK), primary_key=True),
    Column("url", Text, nullable=False),
    Column("event_types", ARRAY(Text), nullable=False),
    # Sealed, for they sign every delivery.
    Column("secret", LargeBinary, nullable=False),
    Column("previous_secret", LargeBinary),
    moment("previous_secret_until", nullable=True),
    moment("created_at"),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    moment("disabled_at", nullable=True),
    Column("disabled_reason", String(16)),
    moment("failing_since", nullable=True),
    Column("rests", Integer, nullable=False, server_default=text("0")),
    moment("rest_until", nullable=True),
    # One worker at a time sends to a receiver; a worker that died gives way when its time is over.
    moment("taken_until", nullable=True),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    organization_id(),
    Column("webhook_id", TypeId(ids.WEBHOOK), primary_key=True),
    # The event it carries is its name.
    Column("event_id", TypeId(ids.EVENT), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    moment("next_attempt_at", nullable=True),
    Column("attempts", JSONB, nullable=False, server_default=text("'[]'")),
    moment("created_at"),
    ForeignKeyConstraint(
        ["organization_id", "webhook_id"], ["webhooks.organization_id", "webhooks.id"], ondelete="CASCADE"
    ),
    Index(
        "ix_webhook_deliveries_due",
        "organization_id",
        "webhook_id",
        "next_attempt_at",
        postgresql_where=text("status = 'pending'"),
    ),
    Index(None, "created_at"),
)
