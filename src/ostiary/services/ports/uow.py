"""The unit of work: one transaction and the repositories that live in it."""

from types import TracebackType
from typing import Protocol, Self

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
from ostiary.services.ports.world import Outbox


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without `commit` rolls back; repositories never commit.

    Inside, raise and never return an error, so that nothing is half-done.
    """

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
    outbox: Outbox
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

    async def __aenter__(self) -> Self:
        """Begin."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back what was not committed and give the connection back."""
        ...

    async def snapshot(self) -> None:
        """See everything as of one moment from here on, without a lock; call it before any other."""
        ...

    async def commit(self) -> None:
        """Make everything since `__aenter__` true at once."""
        ...


class UnitOfWorkFactory(Protocol):
    """Makes units of work."""

    def __call__(self) -> UnitOfWork:
        """A new unit of work, not yet begun."""
        ...
