"""Counts of attempts, for throttling that holds over replicas."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "attempt_counts",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("tried", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempt_counts")),
    )
    op.create_index(op.f("ix_attempt_counts_expires_at"), "attempt_counts", ["expires_at"], unique=False)


def downgrade() -> None:
    """Drop it; every limit begins anew."""
    op.drop_index(op.f("ix_attempt_counts_expires_at"), table_name="attempt_counts")
    op.drop_table("attempt_counts")
