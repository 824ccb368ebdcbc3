"""Keys of requests that may be sent twice, and what they were answered."""

from sqlalchemy import Column, Index, LargeBinary, Table

from ostiary.adapters.db.tables.base import metadata, moment

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("request_key", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    moment("claimed_at"),
    moment("expires_at"),
    # Sealed; null until there is one.
    Column("answer", LargeBinary),
    Index(None, "expires_at"),
)
