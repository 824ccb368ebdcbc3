"""Add the breaker: its settings, whom directories took away lately, and who is held back."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create the tables and the settings, which are on by default."""
    op.create_table(
        "directory_departures",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("members", sa.Integer(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_directory_departures_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "member_id", name=op.f("pk_directory_departures")),
    )
    op.create_index(op.f("ix_directory_departures_at"), "directory_departures", ["at"], unique=False)
    op.create_index(
        op.f("ix_directory_departures_organization_id_at"),
        "directory_departures",
        ["organization_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_directory_departures_organization_id_number"),
        "directory_departures",
        ["organization_id", "number"],
        unique=False,
    )
    op.create_table(
        "directory_held_members",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_removal", sa.Boolean(), nullable=False),
        sa.Column("pushed_user", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "group_ids",
            sa.ARRAY(sa.Uuid()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "member_id"],
            ["members.organization_id", "members.id"],
            name=op.f("fk_directory_held_members_organization_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_directory_held_members_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "member_id", name=op.f("pk_directory_held_members")),
    )
    op.add_column(
        "directories", sa.Column("breaker_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.add_column(
        "directories", sa.Column("breaker_share_percent", sa.Integer(), server_default=sa.text("30"), nullable=False)
    )
    op.add_column(
        "directories", sa.Column("breaker_minimum", sa.Integer(), server_default=sa.text("10"), nullable=False)
    )
    op.add_column(
        "directories", sa.Column("breaker_window_seconds", sa.Integer(), server_default=sa.text("3600"), nullable=False)
    )
    op.add_column("directories", sa.Column("breaker_tripped_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them; who is held back stays suspended."""
    op.drop_column("directories", "breaker_tripped_at")
    op.drop_column("directories", "breaker_window_seconds")
    op.drop_column("directories", "breaker_minimum")
    op.drop_column("directories", "breaker_share_percent")
    op.drop_column("directories", "breaker_enabled")
    op.drop_table("directory_held_members")
    op.drop_index(op.f("ix_directory_departures_organization_id_number"), table_name="directory_departures")
    op.drop_index(op.f("ix_directory_departures_organization_id_at"), table_name="directory_departures")
    op.drop_index(op.f("ix_directory_departures_at"), table_name="directory_departures")
    op.drop_table("directory_departures")
