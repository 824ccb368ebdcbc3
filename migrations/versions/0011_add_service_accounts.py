"""Add service accounts and their tokens."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Also note which credentials a service account made."""
    op.create_table(
        "service_accounts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_by_email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_service_accounts_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_service_accounts")),
    )
    op.create_index(
        "uq_service_accounts_name",
        "service_accounts",
        ["organization_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_table(
        "service_account_tokens",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_by_email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "service_account_id"],
            ["service_accounts.organization_id", "service_accounts.id"],
            name=op.f("fk_service_account_tokens_organization_id_service_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_service_account_tokens_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_service_account_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_service_account_tokens_secret_hash")),
    )
    op.create_index(
        op.f("ix_service_account_tokens_expires_at"), "service_account_tokens", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_service_account_tokens_organization_id_service_account_id"),
        "service_account_tokens",
        ["organization_id", "service_account_id"],
        unique=False,
    )
    op.add_column("credentials", sa.Column("created_by_service_account", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """What service accounts made stays, without its maker."""
    op.drop_column("credentials", "created_by_service_account")
    op.drop_index(
        op.f("ix_service_account_tokens_organization_id_service_account_id"), table_name="service_account_tokens"
    )
    op.drop_index(op.f("ix_service_account_tokens_expires_at"), table_name="service_account_tokens")
    op.drop_table("service_account_tokens")
    op.drop_index("uq_service_accounts_name", table_name="service_accounts")
    op.drop_table("service_accounts")
