"""Telling administrators, by the clock, that a token of their directory is about to end."""

from ostiary.domain.audit import ActorKind, AuditActor
from ostiary.domain.directory_token import DirectoryToken, next_warning
from ostiary.services import mails
from ostiary.services.context import Journal, Kit
from ostiary.services.ports.organizations import Lock

BATCH = 50
# So many batches a run: what is left waits for the next.
MAX_BATCHES = 20


class DirectoryTokenWarningService:
    """Warns two weeks before a token ends, a day before, and when it has: provisioning stops with it."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def run(self) -> int:
        """Warn of every token that is due; answers how many."""
        warned = 0
        for _ in range(MAX_BATCHES):
            async with self._kit.uow() as uow:
                due = await uow.directories.tokens_to_warn_of(self._kit.clock.now(), limit=BATCH)
            for token in due:
                warned += await self._warn(token)
            if len(due) < BATCH:
                break
        return warned

    async def _warn(self, due: DirectoryToken) -> bool:
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            organization = await uow.organizations.get(due.organization_id, Lock.SHARED)
            assert due.expires_at is not None
            following = next_warning(due.expires_at, now)
            # Another worker may have warned since, or an administrator revoked the token.
            if organization is None or not await uow.directories.settle_warning(due, following):
                return False
            has_ended = due.expires_at <= now
            await Journal(self._kit, uow, organization.id, AuditActor(ActorKind.SYSTEM), None).write(
                "directory.token_expired" if has_ended else "directory.token_expiring",
                "token",
                due.id,
                after={"expires_at": due.expires_at.isoformat()},
            )
            for address in await uow.members.administrator_emails(organization.id):
                await uow.outbox.mail(
                    mails.directory_token_ends(address, organization, due, self._kit.urls.base_url, has_ended=has_ended)
                )
            await uow.commit()
        return True
