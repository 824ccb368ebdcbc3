"""Domains, connections, identities, and the short-lived records of signing in."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from ostiary.adapters.db.tables.base import TypeId, hash_of_secret, metadata, moment, organization_id, subject
from ostiary.adapters.db.tables.organizations import member_reference
from ostiary.domain import ids

domains = Table(
    "domains",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.DOMAIN), primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("txt_value", Text, nullable=False),
    moment("created_at"),
    moment("verified_at", nullable=True),
    moment("failing_since", nullable=True),
    moment("override_until", nullable=True),
    # When the record is looked for again, and when its lapse was told (R3).
    moment("next_check_at", nullable=True),
    moment("lapsed_at", nullable=True),
    UniqueConstraint("organization_id", "name"),
    # Home-realm discovery looks a domain up over all organizations (R26).
    Index(None, "name"),
    Index(None, "next_check_at"),
)

connections = Table(
    "connections",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.CONNECTION), primary_key=True),
    Column("name", Text, nullable=False),
    Column("provider", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("idp_entity_id", Text),
    # Which tenant of which identity provider this is: two connections of one tenant know the same people (R30).
    Column("idp_tenant", Text),
    Column("idp_sso_url", Text),
    Column("idp_sso_binding", String(16)),
    Column("idp_slo_url", Text),
    Column("idp_slo_binding", String(16)),
    Column("idp_slo_response_url", Text),
    # A list of {fingerprint_sha256, not_before, not_after, der_base64}.
    Column("idp_certificates", JSONB, nullable=False, server_default=text("'[]'")),
    Column("metadata_url", Text),
    moment("metadata_refreshed_at", nullable=True),
    Column("domain_ids", ARRAY(TypeId(ids.DOMAIN)), nullable=False, server_default=text("'{}'")),
    Column("attribute_mapping", JSONB, nullable=False, server_default=text("'{}'")),
    Column("name_id_format", Text),
    Column("allow_idp_initiated", Boolean, nullable=False, server_default=false()),
    Column("sign_requests", Boolean, nullable=False, server_default=true()),
    Column("want_assertions_encrypted", Boolean, nullable=False, server_default=false()),
    Column("allow_sha1", Boolean, nullable=False, server_default=false()),
    Column("allow_aes_cbc", Boolean, nullable=False, server_default=false()),
    Column("clock_skew_seconds", Integer, nullable=False),
    # When the metadata is read again; since when, and why, it could not be.
    moment("metadata_due_at", nullable=True),
    moment("metadata_failing_since", nullable=True),
    Column("metadata_error", Text),
    # When administrators are next told that the certificates end.
    moment("expiry_warning_due_at", nullable=True),
    moment("idp_changed_at", nullable=True),
    moment("tested_at", nullable=True),
    moment("created_at"),
    # Our key that signs, and the one that is to follow it.
    Column("sp_key_id", TypeId(ids.SP_KEY)),
    Column("next_sp_key_id", TypeId(ids.SP_KEY)),
    ForeignKeyConstraint(["organization_id", "sp_key_id"], ["sp_keys.organization_id", "sp_keys.id"]),
    ForeignKeyConstraint(["organization_id", "next_sp_key_id"], ["sp_keys.organization_id", "sp_keys.id"]),
    # The browser's and the identity provider's URLs name the connection alone.
    UniqueConstraint("id"),
    Index(None, "idp_tenant"),
    Index(None, "metadata_due_at"),
    Index(None, "expiry_warning_due_at"),
)

# Metadata that was read, but waits for an administrator: at most one document a connection.
staged_metadata = Table(
    "staged_metadata",
    metadata,
    organization_id(),
    Column("connection_id", TypeId(ids.CONNECTION), primary_key=True),
    Column("idp", JSONB, nullable=False),
    moment("found_at"),
    moment("discarded_at", nullable=True),
    ForeignKeyConstraint(
        ["organization_id", "connection_id"], ["connections.organization_id", "connections.id"], ondelete="CASCADE"
    ),
)

sp_keys = Table(
    "sp_keys",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.SP_KEY), primary_key=True),
    Column("certificate_pem", Text, nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    moment("created_at"),
    # Since when no connection signs with it; it decrypts on until it is deleted.
    moment("retired_at", nullable=True),
    Index(None, "retired_at"),
)

identities = Table(
    "identities",
    metadata,
    organization_id(),
    Column("connection_id", TypeId(ids.CONNECTION), primary_key=True),
    Column("internal_id", Text, primary_key=True),
    Column("account_id", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    moment("linked_at"),
    # A removed link is kept as a mark: relinking after a removal clears the password (R35).
    moment("removed_at", nullable=True),
    ForeignKeyConstraint(
        ["organization_id", "connection_id"], ["connections.organization_id", "connections.id"], ondelete="CASCADE"
    ),
    Index(None, "organization_id", "account_id"),
    Index(None, "internal_id"),
)

sign_in_flows = Table(
    "sign_in_flows",
    metadata,
    organization_id(),
    # SHA-256 of the relay state, which is the secret of the browser's flow.
    Column("relay_state_hash", LargeBinary(32), primary_key=True),
    Column("connection_id", TypeId(ids.CONNECTION), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("trace_id", TypeId(ids.TRACE), nullable=False),
    Column("redirect_uri", Text),
    Column("state", Text),
    Column("code_challenge", Text),
    Column("browser_hash", LargeBinary(32)),
    moment("created_at"),
    moment("expires_at"),
    moment("consumed_at", nullable=True),
    UniqueConstraint("organization_id", "request_id"),
    Index(None, "expires_at"),
)

replayed_assertions = Table(
    "replayed_assertions",
    metadata,
    organization_id(),
    Column("connection_id", TypeId(ids.CONNECTION), primary_key=True),
    Column("assertion_hash", LargeBinary(32), primary_key=True),
    moment("keep_until"),
    Index(None, "keep_until"),
)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    organization_id(),
    Column("secret_hash", LargeBinary(32), primary_key=True),
    Column("account_id", TypeId(ids.ACCOUNT), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("connection_id", TypeId(ids.CONNECTION), nullable=False),
    # PKCE challenge of the client, or hash of the browser's flow cookie; neither where the identity provider began.
    Column("code_challenge", Text),
    Column("browser_hash", LargeBinary(32)),
    Column("session_index", Text),
    subject(),
    moment("session_expires_at"),
    moment("expires_at"),
    # Set when the code was exchanged: a second use revokes that session.
    Column("session_id", TypeId(ids.SESSION)),
    UniqueConstraint("secret_hash"),
    Index(None, "organization_id", "account_id"),
    Index(None, "expires_at"),
)

logout_flows = Table(
    "logout_flows",
    metadata,
    organization_id(),
    # SHA-256 of the relay state, which is the secret of the browser's flow.
    Column("relay_state_hash", LargeBinary(32), primary_key=True),
    Column("connection_id", TypeId(ids.CONNECTION), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("session_index", Text),
    subject(),
    moment("created_at"),
    moment("expires_at"),
    Index(None, "expires_at"),
)

sign_in_traces = Table(
    "sign_in_traces",
    metadata,
    organization_id(),
    Column("id", TypeId(ids.TRACE), primary_key=True),
    Column("connection_id", TypeId(ids.CONNECTION), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", Text),
    Column("hint", Text),
    Column("email", Text),
    Column("account_id", TypeId(ids.ACCOUNT)),
    # Steps in order, each {name, passed, detail, at}; secrets are redacted before they get here.
    Column("steps", JSONB, nullable=False, server_default=text("'[]'")),
    moment("started_at"),
    moment("finished_at", nullable=True),
    Index(None, "started_at"),
)

recovery_links = Table(
    "recovery_links",
    metadata,
    organization_id(),
    *member_reference(primary_key=True),
    hash_of_secret(),
    moment("created_at"),
    moment("expires_at"),
    UniqueConstraint("secret_hash"),
    Index(None, "expires_at"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    organization_id(),
    Column("secret_hash", LargeBinary(32), primary_key=True),
    moment("created_at"),
    moment("used_at", nullable=True),
)
