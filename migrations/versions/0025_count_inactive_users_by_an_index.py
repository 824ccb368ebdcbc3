"""Count inactive users by an index."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Of the users of a directory those who are not active are the smaller part; they are counted."""
    op.create_index(
        "ix_directory_users_inactive", "directory_users", ["organization_id"], postgresql_where=sa.text("NOT active")
    )


def downgrade() -> None:
    """As before."""
    op.drop_index("ix_directory_users_inactive", table_name="directory_users")
