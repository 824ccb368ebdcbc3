"""Keep the order of what identity providers sent."""

from collections.abc import Sequence

from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bodies are stored as they came from now on."""
    op.execute("ALTER TABLE directory_requests ALTER COLUMN body TYPE json USING body::json")


def downgrade() -> None:
    """The order is lost again."""
    op.execute("ALTER TABLE directory_requests ALTER COLUMN body TYPE jsonb USING body::jsonb")
