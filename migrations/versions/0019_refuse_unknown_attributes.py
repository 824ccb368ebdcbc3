"""Refuse unknown attributes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Every directory goes on storing what it does not know."""
    op.add_column(
        "directories",
        sa.Column("unknown_attributes", sa.String(length=16), server_default=sa.text("'lenient'"), nullable=False),
    )
    op.add_column(
        "directory_requests",
        sa.Column("unknown_attributes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    """Every directory stores what it does not know again."""
    op.drop_column("directory_requests", "unknown_attributes")
    op.drop_column("directories", "unknown_attributes")
