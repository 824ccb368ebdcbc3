"""Who stands behind a credential."""

from dataclasses import dataclass
from enum import StrEnum

from ostiary.domain.account import SessionKind
from ostiary.domain.setup_link import SetupIntent


class CredentialKind(StrEnum):
    """What a request authenticated itself with."""

    SESSION = "session"
    SERVICE_ACCOUNT_TOKEN = "service_account_token"
    DIRECTORY_TOKEN = "directory_token"
    SETUP_LINK = "setup_link"
    OPERATOR_TOKEN = "operator_token"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller behind a valid credential.

    `organization_id` is set where the credential opens that one alone: SSO and recovery sessions, service accounts'
    and directory tokens, setup links. `email` of a setup link is its creator's, `name` a service account's.
    """

    kind: CredentialKind
    id: str
    account_id: str | None = None
    email: str | None = None
    session_kind: SessionKind | None = None
    organization_id: str | None = None
    connection_id: str | None = None
    setup_intent: SetupIntent | None = None
    service_account_id: str | None = None
    name: str | None = None

    @property
    def subject(self) -> str | None:
        """Whom what is done is put down to: the account, or the service account."""
        return self.account_id or self.service_account_id

    @property
    def label(self) -> str:
        """How people know the subject: by e-mail address, or by the service account's name."""
        return self.email or self.name or ""


OPERATOR = Principal(CredentialKind.OPERATOR_TOKEN, id="operator")
