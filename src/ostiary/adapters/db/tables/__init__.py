"""The tables. Every table of a tenant leads its primary key with `organization_id`."""

from ostiary.adapters.db.tables.accounts import accounts, attempt_counts, email_tokens, sessions
from ostiary.adapters.db.tables.base import metadata
from ostiary.adapters.db.tables.directory import (
    directories,
    directory_counts,
    directory_departures,
    directory_group_members,
    directory_group_reservations,
    directory_groups,
    directory_held_members,
    directory_requests,
    directory_tokens,
    directory_users,
)
from ostiary.adapters.db.tables.email_changes import email_changes
from ostiary.adapters.db.tables.idempotency import idempotency_keys
from ostiary.adapters.db.tables.organizations import (
    all_database_administrators,
    audit_events,
    credentials,
    database_administrators,
    databases,
    invitations,
    members,
    organizations,
    team_members,
    teams,
)
from ostiary.adapters.db.tables.service_accounts import service_account_tokens, service_accounts
from ostiary.adapters.db.tables.setup_links import setup_links
from ostiary.adapters.db.tables.sso import (
    connections,
    domains,
    identities,
    logout_flows,
    one_time_codes,
    recovery_codes,
    recovery_links,
    replayed_assertions,
    sign_in_flows,
    sign_in_traces,
    sp_keys,
    staged_metadata,
)
from ostiary.adapters.db.tables.webhooks import webhook_deliveries, webhooks

__all__ = [
    "accounts",
    "all_database_administrators",
    "attempt_counts",
    "audit_events",
    "connections",
    "credentials",
    "database_administrators",
    "databases",
    "directories",
    "directory_counts",
    "directory_departures",
    "directory_group_members",
    "directory_group_reservations",
    "directory_groups",
    "directory_held_members",
    "directory_requests",
    "directory_tokens",
    "directory_users",
    "domains",
    "email_changes",
    "email_tokens",
    "idempotency_keys",
    "identities",
    "invitations",
    "logout_flows",
    "members",
    "metadata",
    "one_time_codes",
    "organizations",
    "recovery_codes",
    "recovery_links",
    "replayed_assertions",
    "service_account_tokens",
    "service_accounts",
    "sessions",
    "setup_links",
    "sign_in_flows",
    "sign_in_traces",
    "sp_keys",
    "staged_metadata",
    "team_members",
    "teams",
    "webhook_deliveries",
    "webhooks",
]
