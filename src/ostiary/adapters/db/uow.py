"""The unit of work: one connection, one transaction, and the repositories on it."""

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


class SqlUnitOfWork:
    """Leaving the block without `commit` rolls back."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    async def __aenter__(self) -> Self:
        """Take a connection and begin."""
        connection = self._connection = await self._engine.connect()
        self.accounts: AccountRepository = Accounts(connection)
        self.sessions: SessionRepository = Sessions(connection)
        self.email_tokens: EmailTokenRepository = EmailTokens(connection)
        self.email_changes: EmailChangeRepository = EmailChanges(connection)
        self.attempts: AttemptRepository = Attempts(connection)
        self.idempotency: IdempotencyRepository = Idempotency(connection)
        self.organizations: OrganizationRepository = Organizations(connection)
        self.members: MemberRepository = Members(connection)
        self.access: SessionReaper = Access(connection)
        self.invitations: InvitationRepository = Invitations(connection)
        self.teams: TeamRepository = Teams(connection)
        self.databases: DatabaseRepository = Databases(connection)
        self.credentials: CredentialRepository = Credentials(connection)
        self.service_accounts: ServiceAccountRepository = ServiceAccounts(connection)
        self.audit: AuditRepository = Audit(connection)
        self._outbox = PgOutbox(connection, self._sealer)
        self.outbox: Outbox = self._outbox
        self.cleanup: CleanupRepository = Cleanup(connection)
        self.domains: DomainRepository = Domains(connection)
        self.connections: ConnectionRepository = Connections(connection)
        self.staged_metadata: StagedMetadataRepository = StagedDocuments(connection)
        self.sp_keys: SpKeyRepository = SpKeys(connection)
        self.sso: SsoRepository = Sso(connection)
        self.recovery_codes: RecoveryCodeRepository = RecoveryCodes(connection)
        self.recovery_links: RecoveryLinkRepository = RecoveryLinks(connection)
        self.setup_links: SetupLinkRepository = SetupLinks(connection)
        self.identities: IdentityRepository = Identities(connection)
        self.flows: FlowRepository = Flows(connection)
        self.codes: CodeRepository = Codes(connection)
        self.traces: TraceRepository = Traces(connection)
        self.logouts: LogoutRepository = Logouts(connection)
        self.directories: DirectoryRepository = Directories(connection)
        self.directory_users: DirectoryUserRepository = DirectoryUsers(connection)
        self.directory_groups: DirectoryGroupRepository = DirectoryGroups(connection)
        self.directory_resources: DirectoryResourceRepository = DirectoryResources(connection)
        self.directory_requests: DirectoryRequestRepository = DirectoryRequests(connection)
        self.breaker: BreakerRepository = DirectoryBreaker(connection)
        self.reapply: ReapplyRepository = DirectoryReapply(connection)
        self.drift: DriftRepository = DirectoryDrift(connection)
        self.unmatched: UnmatchedRepository = Unmatched(connection)
        self.webhooks: WebhookRepository = Webhooks(connection)
        self.deliveries: DeliveryRepository = Deliveries(connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back what was not committed and give the connection back."""
        await self._connection.close()

    async def commit(self) -> None:
        """Commit; the block may read on in a new transaction, and usually does not."""
        await self._connection.commit()
        self._outbox.committed()
