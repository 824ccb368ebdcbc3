"""Let directory tokens end."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Those there are live until they are revoked."""
    op.add_column("directory_tokens", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("directory_tokens", sa.Column("warn_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_directory_tokens_expires_at"), "directory_tokens", ["expires_at"], unique=False)
    op.create_index(op.f("ix_directory_tokens_warn_at"), "directory_tokens", ["warn_at"], unique=False)


def downgrade() -> None:
    """Tokens without an end are left: one that had an end must not outlive it."""
    op.execute("DELETE FROM directory_tokens WHERE expires_at IS NOT NULL")
    op.drop_index(op.f("ix_directory_tokens_warn_at"), table_name="directory_tokens")
    op.drop_index(op.f("ix_directory_tokens_expires_at"), table_name="directory_tokens")
    op.drop_column("directory_tokens", "warn_at")
    op.drop_column("directory_tokens", "expires_at")
