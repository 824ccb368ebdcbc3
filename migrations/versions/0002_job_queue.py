"""The tables of the job queue, as pgqueuer asks for them."""

from collections.abc import Sequence

from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# pgqueuer's own names, whatever the environment says. A test tells when another version of it wants another schema:
# then a further migration brings databases there that have this one.
_SCHEMA = QueryBuilderEnvironment(DBSettings.model_construct())


def upgrade() -> None:
    """Create the queue, its log and its schedules."""
    _run(_SCHEMA.build_install_query())


def downgrade() -> None:
    """Drop them, and with them the jobs that wait."""
    _run(_SCHEMA.build_uninstall_query())


def _run(statements: str) -> None:
    # The driver takes one statement at a time; a block is one.
    op.execute(f"DO $block$ BEGIN {statements} END $block$")
