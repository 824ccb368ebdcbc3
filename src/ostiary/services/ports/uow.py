"""The unit of work: one transaction and the repositories that live in it."""

from types import TracebackType
from typing import Protocol, Self

from ostiary.services.ports.accounts import AccountRepository, EmailTokenRepository, SessionRepository
from ostiary.services.ports.organizations import AuditRepository, MemberRepository, OrganizationRepository, SessionReaper
from ostiary.services.ports.world import Outbox


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without `commit` rolls back; repositories never commit.

    Inside, raise and never return an error, so that nothing is half-done.
    """

    accounts: AccountRepository
    sessions: SessionRepository
    email_tokens: EmailTokenRepository
    organizations: OrganizationRepository
    members: MemberRepository
    access: SessionReaper
    audit: AuditRepository
    outbox: Outbox

    async def __aenter__(self) -> Self:
        """Begin."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back what was not committed and give the connection back."""
        ...

    async def commit(self) -> None:
        """Make everything since `__aenter__` true at once."""
        ...


class UnitOfWorkFactory(Protocol):
    """Makes units of work."""

    def __call__(self) -> UnitOfWork:
        """A new unit of work, not yet begun."""
        ...
