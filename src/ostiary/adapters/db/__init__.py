"""PostgreSQL: tables, mapping, unit of work and repositories."""
