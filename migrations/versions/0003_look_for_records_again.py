"""Look for the records of proven domains again."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add when a record is looked for again, and have those proven so far looked for soon."""
    op.add_column("domains", sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("domains", sa.Column("lapsed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_domains_next_check_at"), "domains", ["next_check_at"], unique=False)
    op.execute("UPDATE domains SET next_check_at = now() WHERE status <> 'pending'")


def downgrade() -> None:
    """Drop both."""
    op.drop_index(op.f("ix_domains_next_check_at"), table_name="domains")
    op.drop_column("domains", "lapsed_at")
    op.drop_column("domains", "next_check_at")
