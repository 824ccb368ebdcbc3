"""Changes of accounts' addresses that wait for both mailboxes to agree."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, false

from ostiary.adapters.db.tables.base import TypeId, metadata, moment
from ostiary.domain import ids

email_changes = Table(
    "email_changes",
    metadata,
    Column("account_id", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("email", Text, nullable=False),
    Column("present_hash", LargeBinary(32), nullable=False),
    Column("wanted_hash", LargeBinary(32), nullable=False),
    Column("present_agreed", Boolean, nullable=False, server_default=false()),
    Column("wanted_agreed", Boolean, nullable=False, server_default=false()),
    moment("expires_at"),
    UniqueConstraint("present_hash"),
    UniqueConstraint("wanted_hash"),
    Index(None, "expires_at"),
)
