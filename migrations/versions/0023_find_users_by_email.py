"""Find pushed users by any of their e-mail addresses."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Identity providers ask for `emails.value eq` before they create anybody."""
    op.create_index(
        "ix_directory_users_email_values",
        "directory_users",
        [
            "organization_id",
            sa.text('(lower(jsonb_path_query_array(document, \'$."emails"[*]."value"\')::text)::jsonb)'),
        ],
        postgresql_using="gin",
    )


def downgrade() -> None:
    """The filter reads all users of the organization again."""
    op.drop_index("ix_directory_users_email_values", table_name="directory_users")
