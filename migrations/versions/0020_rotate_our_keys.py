"""Rotate our keys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Every connection goes on with its organization's newest key."""
    op.add_column("connections", sa.Column("sp_key_id", sa.Uuid(), nullable=True))
    op.add_column("connections", sa.Column("next_sp_key_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_connections_organization_id_sp_key_id"),
        "connections",
        "sp_keys",
        ["organization_id", "sp_key_id"],
        ["organization_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_connections_organization_id_next_sp_key_id"),
        "connections",
        "sp_keys",
        ["organization_id", "next_sp_key_id"],
        ["organization_id", "id"],
    )
    op.add_column("sp_keys", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_sp_keys_retired_at"), "sp_keys", ["retired_at"], unique=False)
    op.execute(
        "UPDATE connections SET sp_key_id = (SELECT id FROM sp_keys "
        "WHERE sp_keys.organization_id = connections.organization_id ORDER BY id DESC LIMIT 1)"
    )


def downgrade() -> None:
    """Connections sign with the newest key again."""
    op.drop_index(op.f("ix_sp_keys_retired_at"), table_name="sp_keys")
    op.drop_column("sp_keys", "retired_at")
    op.drop_constraint(op.f("fk_connections_organization_id_next_sp_key_id"), "connections", type_="foreignkey")
    op.drop_constraint(op.f("fk_connections_organization_id_sp_key_id"), "connections", type_="foreignkey")
    op.drop_column("connections", "next_sp_key_id")
    op.drop_column("connections", "sp_key_id")
