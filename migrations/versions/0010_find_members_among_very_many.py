"""List members in several orders and find them by part of a name, among very many."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_EXTENSIONS = ("pg_trgm", "btree_gin")


def upgrade() -> None:
    """Both extensions come with PostgreSQL and are trusted: whoever may create in the database may create them."""
    for extension in _EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.create_index("ix_members_by_name", "members", ["organization_id", sa.literal_column("lower(name)"), "id"])
    op.create_index(
        "ix_members_by_sign_in",
        "members",
        [
            "organization_id",
            sa.literal_column("coalesce(last_signed_in_at, '1970-01-01 00:00:00+00'::timestamptz)"),
            "id",
        ],
    )
    op.create_index(
        "ix_members_search",
        "members",
        ["organization_id", "name", "email"],
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "email": "gin_trgm_ops"},
    )


def downgrade() -> None:
    """The extensions go too; the database refuses that where somebody else's indexes use them."""
    op.drop_index("ix_members_search", table_name="members")
    op.drop_index("ix_members_by_sign_in", table_name="members")
    op.drop_index("ix_members_by_name", table_name="members")
    for extension in _EXTENSIONS:
        op.execute(f"DROP EXTENSION IF EXISTS {extension}")
