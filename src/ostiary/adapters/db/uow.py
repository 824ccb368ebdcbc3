"""The unit of work: one transaction, and the repositories on it."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db.outbox import PgOutbox
from ostiary.adapters.db.repositories.accounts import Accounts, EmailTokens, Sessions
from ostiary.adapters.db.repositories.attempts import Attempts
from ostiary.adapters.db.repositories.audit import Audit
from ostiary.adapters.db.repositories.cleanup import Cleanup
from ostiary.adapters.db.repositories.connections import Connections, SpKeys
from ostiary.adapters.db.repositories.databases import Credentials, Databases
from ostiary.adapters.db.repositories.directories import Directories
from ostiary.adapters.db.repositories.directory_breaker import DirectoryBreaker
from ostiary.adapters.db.repositories.directory_drift import DirectoryDrift
from ostiary.adapters.db.repositories.directory_groups import DirectoryGroups
from ostiary.adapters.db.repositories.directory_reapply import DirectoryReapply
from ostiary.adapters.db.repositories.directory_requests import DirectoryRequests
from ostiary.adapters.db.repositories.directory_resources import DirectoryResources
from ostiary.adapters.db.repositories.directory_users import DirectoryUsers
from ostiary.adapters.db.repositories.domains import Domains
from ostiary.adapters.db.repositories.email_changes import EmailChanges
from ostiary.adapters.db.repositories.idempotency import Idempotency
from ostiary.adapters.db.repositories.identities import Identities
from ostiary.adapters.db.repositories.invitations import Invitations
from ostiary.adapters.db.repositories.logout import Logouts
from ostiary.adapters.db.repositories.members import Access, Members
from ostiary.adapters.db.repositories.organizations import Organizations
from ostiary.adapters.db.repositories.service_accounts import ServiceAccounts
from ostiary.adapters.db.repositories.setup_links import SetupLinks
from ostiary.adapters.db.repositories.sign_ins import Codes, Flows, Traces
from ostiary.adapters.db.repositories.sso import RecoveryCodes, RecoveryLinks, Sso
from ostiary.adapters.db.repositories.staged_metadata import StagedDocuments
from ostiary.adapters.db.repositories.teams import Teams
from ostiary.adapters.db.repositories.unmatched import Unmatched
from ostiary.adapters.db.repositories.webhook_deliveries import Deliveries
from ostiary.adapters.db.repositories.webhooks import Webhooks
from ostiary.adapters.db.transaction import Transaction
from ostiary.services.ports.accounts import AccountRepository, EmailTokenRepository, SessionRepository
from ostiary.services.ports.attempts import AttemptRepository
from ostiary.services.ports.cleanup import CleanupRepository
from ostiary.services.ports.databases import CredentialRepository, DatabaseRepository
from ostiary.services.ports.directory import DirectoryRepository
from ostiary.services.ports.directory_breaker import BreakerRepository
from ostiary.services.ports.directory_drift import DriftRepository
from ostiary.services.ports.directory_requests import DirectoryRequestRepository
from ostiary.services.ports.email_changes import EmailChangeRepository
from ostiary.services.ports.idempotency import IdempotencyRepository
from ostiary.services.ports.invitations import InvitationRepository
from ostiary.services.ports.logout import LogoutRepository
from ostiary.services.ports.organizations import (
    AuditRepository,
    MemberRepository,
    OrganizationRepository,
    SessionReaper,
)
from ostiary.services.ports.provisioning import (
    DirectoryGroupRepository,
    DirectoryResourceRepository,
    DirectoryUserRepository,
)
from ostiary.services.ports.reapply import ReapplyRepository
from ostiary.services.ports.service_accounts import ServiceAccountRepository
from ostiary.services.ports.setup_links import SetupLinkRepository
from ostiary.services.ports.sign_in import CodeRepository, FlowRepository, IdentityRepository, TraceRepository
from ostiary.services.ports.sso import (
    ConnectionRepository,
    DomainRepository,
    RecoveryCodeRepository,
    RecoveryLinkRepository,
    SpKeyRepository,
    SsoRepository,
    StagedMetadataRepository,
)
from ostiary.services.ports.teams import TeamRepository
from ostiary.services.ports.unmatched import UnmatchedRepository
from ostiary.services.ports.webhooks import DeliveryRepository, WebhookRepository
from ostiary.services.ports.world import Outbox, Sealer

# What each repository is made by, once it is asked for: a request uses two or three of them.
_REPOSITORIES: Mapping[str, Callable[[Transaction], object]] = {
    "accounts": Accounts,
    "sessions": Sessions,
    "email_tokens": EmailTokens,
    "email_changes": EmailChanges,
    "attempts": Attempts,
    "idempotency": Idempotency,
    "organizations": Organizations,
    "members": Members,
    "access": Access,
    "invitations": Invitations,
    "teams": Teams,
    "databases": Databases,
    "credentials": Credentials,
    "service_accounts": ServiceAccounts,
    "audit": Audit,
    "cleanup": Cleanup,
    "domains": Domains,
    "connections": Connections,
    "staged_metadata": StagedDocuments,
    "sp_keys": SpKeys,
    "sso": Sso,
    "recovery_codes": RecoveryCodes,
    "recovery_links": RecoveryLinks,
    "setup_links": SetupLinks,
    "identities": Identities,
    "flows": Flows,
    "codes": Codes,
    "traces": Traces,
    "logouts": Logouts,
    "directories": Directories,
    "directory_users": DirectoryUsers,
    "directory_groups": DirectoryGroups,
    "directory_resources": DirectoryResources,
    "directory_requests": DirectoryRequests,
    "breaker": DirectoryBreaker,
    "reapply": DirectoryReapply,
    "drift": DirectoryDrift,
    "unmatched": Unmatched,
    "webhooks": Webhooks,
    "deliveries": Deliveries,
}


class SqlUnitOfWork:
    """Leaving the block without `commit` rolls back."""

    accounts: AccountRepository
    sessions: SessionRepository
    email_tokens: EmailTokenRepository
    email_changes: EmailChangeRepository
    attempts: AttemptRepository
    idempotency: IdempotencyRepository
    organizations: OrganizationRepository
    members: MemberRepository
    access: SessionReaper
    invitations: InvitationRepository
    teams: TeamRepository
    databases: DatabaseRepository
    credentials: CredentialRepository
    service_accounts: ServiceAccountRepository
    audit: AuditRepository
    cleanup: CleanupRepository
    domains: DomainRepository
    connections: ConnectionRepository
    staged_metadata: StagedMetadataRepository
    sp_keys: SpKeyRepository
    sso: SsoRepository
    recovery_codes: RecoveryCodeRepository
    recovery_links: RecoveryLinkRepository
    setup_links: SetupLinkRepository
    identities: IdentityRepository
    flows: FlowRepository
    codes: CodeRepository
    traces: TraceRepository
    logouts: LogoutRepository
    directories: DirectoryRepository
    directory_users: DirectoryUserRepository
    directory_groups: DirectoryGroupRepository
    directory_resources: DirectoryResourceRepository
    directory_requests: DirectoryRequestRepository
    breaker: BreakerRepository
    reapply: ReapplyRepository
    drift: DriftRepository
    unmatched: UnmatchedRepository
    webhooks: WebhookRepository
    deliveries: DeliveryRepository
    outbox: Outbox

    def __init__(self, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    async def __aenter__(self) -> Self:
        """Take a connection; the transaction begins with the first statement that locks or writes."""
        self._transaction = await Transaction.on(self._engine)
        self._outbox = PgOutbox(self._transaction, self._sealer)
        self.outbox = self._outbox
        return self

    def __getattr__(self, name: str) -> object:
        """Make the repository of that name."""
        make = _REPOSITORIES.get(name)
        if make is None:
            raise AttributeError(name)
        repository = make(self._transaction)
        setattr(self, name, repository)
        return repository

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back what was not committed and give the connection back."""
        await self._transaction.close()

    async def snapshot(self) -> None:
        """See everything as of one moment from here on, without a lock; call it before any other."""
        await self._transaction.snapshot()

    async def commit(self) -> None:
        """Commit; the block may read on in a new transaction, and usually does not."""
        await self._transaction.commit()
        self._outbox.committed()
