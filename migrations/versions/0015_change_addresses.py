"""Keep changes of addresses until both mailboxes agree."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """None is under way yet."""
    op.create_table(
        "email_changes",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("present_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wanted_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("present_agreed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("wanted_agreed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_email_changes_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_email_changes")),
        sa.UniqueConstraint("present_hash", name=op.f("uq_email_changes_present_hash")),
        sa.UniqueConstraint("wanted_hash", name=op.f("uq_email_changes_wanted_hash")),
    )
    op.create_index(op.f("ix_email_changes_expires_at"), "email_changes", ["expires_at"])


def downgrade() -> None:
    """Changes under way are asked for again."""
    op.drop_table("email_changes")
