"""Sessions know the subject that single logout names; sign-outs go on to the identity provider."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the subject, where logout messages go, and the flows of sign-outs."""
    op.create_table(
        "logout_flows",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("relay_state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("session_index", sa.Text(), nullable=True),
        sa.Column("subject", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_logout_flows_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "relay_state_hash", name=op.f("pk_logout_flows")),
    )
    op.create_index(op.f("ix_logout_flows_expires_at"), "logout_flows", ["expires_at"], unique=False)
    op.add_column("connections", sa.Column("idp_slo_binding", sa.String(length=16), nullable=True))
    op.add_column("connections", sa.Column("idp_slo_response_url", sa.Text(), nullable=True))
    op.add_column(
        "connections", sa.Column("allow_aes_cbc", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("one_time_codes", sa.Column("subject", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("sessions", sa.Column("subject", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_index(
        "ix_sessions_subject", "sessions", ["connection_id", sa.literal_column("(subject ->> 'key')")], unique=False
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_index("ix_sessions_subject", table_name="sessions")
    op.drop_column("sessions", "subject")
    op.drop_column("one_time_codes", "subject")
    op.drop_column("connections", "allow_aes_cbc")
    op.drop_column("connections", "idp_slo_response_url")
    op.drop_column("connections", "idp_slo_binding")
    op.drop_index(op.f("ix_logout_flows_expires_at"), table_name="logout_flows")
    op.drop_table("logout_flows")
