"""Let sessions end that nobody uses, and show where they were made."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Sessions there are keep the end they were made with."""
    op.add_column("sessions", sa.Column("ends_at", sa.DateTime(timezone=True)))
    op.add_column("sessions", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE sessions SET ends_at = expires_at, last_used_at = now()")
    op.alter_column("sessions", "ends_at", nullable=False)
    op.alter_column("sessions", "last_used_at", nullable=False)
    op.add_column("sessions", sa.Column("idle_seconds", sa.Integer()))
    op.add_column("sessions", sa.Column("client_address", sa.Text()))
    op.add_column("sessions", sa.Column("user_agent", sa.Text()))


def downgrade() -> None:
    """Sessions end when they would without another use."""
    for name in ("user_agent", "client_address", "idle_seconds", "last_used_at", "ends_at"):
        op.drop_column("sessions", name)
