"""Add the links support has mailed to administrators."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "recovery_links",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "member_id"],
            ["members.organization_id", "members.id"],
            name=op.f("fk_recovery_links_organization_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_recovery_links_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "member_id", name=op.f("pk_recovery_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_recovery_links_secret_hash")),
    )
    op.create_index(op.f("ix_recovery_links_expires_at"), "recovery_links", ["expires_at"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(op.f("ix_recovery_links_expires_at"), table_name="recovery_links")
    op.drop_table("recovery_links")
