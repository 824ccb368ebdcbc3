"""Secrets are stored as hashes only; their prefixes tell a reader what kind leaked."""

import hashlib

SESSION = "ost_ses_"
EMAIL_TOKEN = "ost_mail_"
INVITATION = "ost_inv_"
CODE = "ost_code_"
RELAY_STATE = "ost_rs_"
BROWSER = "ost_flow_"
SCIM = "ost_scim_"
CREDENTIAL = "ost_db_"
RECOVERY = "ost_rec_"
RECOVERY_LINK = "ost_recl_"
SETUP = "ost_setup_"
WEBHOOK = "ost_hook_"
SERVICE_ACCOUNT = "ost_tok_"


def digest(secret: str) -> bytes:
    """The SHA-256 of a secret; enough, because each has 256 bits of randomness of its own."""
    return hashlib.sha256(secret.encode()).digest()
