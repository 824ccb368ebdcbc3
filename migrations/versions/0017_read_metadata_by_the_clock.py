"""Read metadata by the clock."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Read the metadata of all that is there within a day, and warn of certificates that end soon."""
    op.create_table(
        "staged_metadata",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("idp", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "connection_id"],
            ["connections.organization_id", "connections.id"],
            name=op.f("fk_staged_metadata_organization_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_staged_metadata_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "connection_id", name=op.f("pk_staged_metadata")),
    )
    op.add_column("connections", sa.Column("metadata_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("metadata_failing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("metadata_error", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("expiry_warning_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_connections_expiry_warning_due_at"), "connections", ["expiry_warning_due_at"], unique=False
    )
    op.create_index(op.f("ix_connections_metadata_due_at"), "connections", ["metadata_due_at"], unique=False)
    op.execute(
        "UPDATE connections SET metadata_due_at = now() + random() * interval '1 day' WHERE metadata_url IS NOT NULL"
    )
    op.execute(
        "UPDATE connections SET expiry_warning_due_at = (SELECT max((item->>'not_after')::timestamptz) "
        "FROM jsonb_array_elements(idp_certificates) AS item) - interval '30 days'"
    )


def downgrade() -> None:
    """What waits for an administrator is forgotten."""
    op.drop_index(op.f("ix_connections_metadata_due_at"), table_name="connections")
    op.drop_index(op.f("ix_connections_expiry_warning_due_at"), table_name="connections")
    op.drop_column("connections", "expiry_warning_due_at")
    op.drop_column("connections", "metadata_error")
    op.drop_column("connections", "metadata_failing_since")
    op.drop_column("connections", "metadata_due_at")
    op.drop_table("staged_metadata")
