"""The unit of work: one connection, one transaction, and the repositories on it."""

from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db.outbox import PgOutbox
from ostiary.adapters.db.repositories.accounts import Accounts, EmailTokens, Sessions
from ostiary.adapters.db.repositories.audit import Audit
from ostiary.adapters.db.repositories.connections import Connections, SpKeys
from ostiary.adapters.db.repositories.databases import Credentials, Databases
from ostiary.adapters.db.repositories.directories import Directories
from ostiary.adapters.db.repositories.domains import Domains
from ostiary.adapters.db.repositories.identities import Identities
from ostiary.adapters.db.repositories.invitations import Invitations
from ostiary.adapters.db.repositories.members import Access, Members
from ostiary.adapters.db.repositories.organizations import Organizations
from ostiary.adapters.db.repositories.sign_ins import Codes, Flows, Traces
from ostiary.adapters.db.repositories.sso import RecoveryCodes, Sso
from ostiary.adapters.db.repositories.teams import Teams
from ostiary.services.ports.world import Sealer


class SqlUnitOfWork:
    """Leaving the block without `commit` rolls back."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    async def __aenter__(self) -> Self:
        """Take a connection and begin."""
        connection = self._connection = await self._engine.connect()
        self.accounts = Accounts(connection)
        self.sessions = Sessions(connection)
        self.email_tokens = EmailTokens(connection)
        self.organizations = Organizations(connection)
        self.members = Members(connection)
        self.access = Access(connection)
        self.invitations = Invitations(connection)
        self.teams = Teams(connection)
        self.databases = Databases(connection)
        self.credentials = Credentials(connection)
        self.audit = Audit(connection)
        self.outbox = PgOutbox(connection, self._sealer)
        self.domains = Domains(connection)
        self.connections = Connections(connection)
        self.sp_keys = SpKeys(connection)
        self.sso = Sso(connection)
        self.recovery_codes = RecoveryCodes(connection)
        self.identities = Identities(connection)
        self.flows = Flows(connection)
        self.codes = Codes(connection)
        self.traces = Traces(connection)
        self.directories = Directories(connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back what was not committed and give the connection back."""
        await self._connection.close()

    async def commit(self) -> None:
        """Commit; the block may read on in a new transaction, and usually does not."""
        await self._connection.commit()
