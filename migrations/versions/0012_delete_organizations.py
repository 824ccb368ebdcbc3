"""Delete organizations, and keep them for a while."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """None is deleted yet."""
    op.add_column("organizations", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_organizations_deleted_at"),
        "organizations",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Organizations that were deleted and not purged come back to life: purge them first."""
    op.drop_index(
        op.f("ix_organizations_deleted_at"),
        table_name="organizations",
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.drop_column("organizations", "deleted_at")
