"""Count what directories hold."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Never waits for another writer: of a count's rows it takes one that nobody else holds, and adds a row where there is
# none. In a new row nothing is counted of an organization that is just being deleted with all that it has.
ADD = """
CREATE FUNCTION add_to_directory_count(its_organization uuid, its_kind text, more integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    free bigint;
BEGIN
    SELECT slot INTO free FROM directory_counts
    WHERE organization_id = its_organization AND kind = its_kind
    ORDER BY slot LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE directory_counts SET n = n + more
        WHERE organization_id = its_organization AND kind = its_kind AND slot = free;
    ELSE
        INSERT INTO directory_counts (organization_id, kind, n)
        SELECT id, its_kind, more FROM organizations WHERE id = its_organization;
    END IF;
END
$$
"""
# What comes and goes; a row stays what it is, and where.
COUNT_ROWS = """
CREATE FUNCTION count_directory_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END;
BEGIN
    PERFORM add_to_directory_count(organization_id, TG_ARGV[0], sign * count(*)::integer)
    FROM changed GROUP BY organization_id;
    RETURN NULL;
END
$$
"""
COUNT_UNMANAGED = """
CREATE FUNCTION count_unmanaged_members() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END;
BEGIN
    PERFORM add_to_directory_count(organization_id, 'unmanaged', sign * count(*)::integer)
    FROM changed WHERE managed_by <> 'directory' GROUP BY organization_id;
    RETURN NULL;
END
$$
"""
COUNT_TAKEN_OVER = """
CREATE FUNCTION count_members_taken_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_directory_count(organization_id, 'unmanaged', sum(more)::integer)
    FROM (
        SELECT organization_id, 1 AS more FROM changed WHERE managed_by <> 'directory'
        UNION ALL
        SELECT organization_id, -1 FROM unchanged WHERE managed_by <> 'directory'
    ) AS each
    GROUP BY organization_id HAVING sum(more) <> 0;
    RETURN NULL;
END
$$
"""
FUNCTIONS = (
    "add_to_directory_count(uuid, text, integer)",
    "count_directory_rows()",
    "count_unmanaged_members()",
    "count_members_taken_over()",
)
BACKFILL = """
INSERT INTO directory_counts (organization_id, kind, n)
SELECT organization_id, 'user', count(*) FROM directory_users GROUP BY organization_id
UNION ALL SELECT organization_id, 'group', count(*) FROM directory_groups GROUP BY organization_id
UNION ALL SELECT organization_id, 'unmanaged', count(*) FROM members WHERE managed_by <> 'directory'
    GROUP BY organization_id
"""


def upgrade() -> None:
    """Keep how many users and groups a directory lists, instead of counting them for every page.

    Writes to the three tables wait until all of them are counted.
    """
    op.create_table(
        "directory_counts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("slot", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_directory_counts_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "kind", "slot", name=op.f("pk_directory_counts")),
        postgresql_with={"fillfactor": 50},
    )
    for function in (ADD, COUNT_ROWS, COUNT_UNMANAGED, COUNT_TAKEN_OVER):
        op.execute(function)
    for table, call in (
        ("directory_users", "count_directory_rows('user')"),
        ("directory_groups", "count_directory_rows('group')"),
        ("members", "count_unmanaged_members()"),
    ):
        for event, rows in (("INSERT", "NEW"), ("DELETE", "OLD")):
            op.execute(
                f"CREATE TRIGGER count_after_{event.lower()} AFTER {event} ON {table}"
                f" REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {call}"
            )
    op.execute(
        "CREATE TRIGGER count_after_update AFTER UPDATE ON members REFERENCING OLD TABLE AS unchanged"
        " NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_members_taken_over()"
    )
    op.execute(BACKFILL)


def downgrade() -> None:
    """Lists count what they are of again."""
    for table, events in (
        ("directory_users", ("insert", "delete")),
        ("directory_groups", ("insert", "delete")),
        ("members", ("insert", "delete", "update")),
    ):
        for event in events:
            op.execute(f"DROP TRIGGER count_after_{event} ON {table}")
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("directory_counts")
