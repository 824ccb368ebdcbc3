"""Who a secret belongs to."""

from datetime import timedelta

from ostiary.domain.directory_token import ensure_opens
from ostiary.domain.membership import Role
from ostiary.domain.principal import CredentialKind, Principal
from ostiary.services import secrets
from ostiary.services.context import Kit

# Not a write for every request.
_USE_NOTED_EVERY = timedelta(minutes=5)
_TOKEN_USE_NOTED_EVERY = timedelta(minutes=1)


class AuthenticationService:
    """Looks principals up by the hash of their secret; nothing is cached past a revocation."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def session(self, secret: str) -> Principal | None:
        """The caller behind a living session; what ends it unused moves on, in steps of minutes."""
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            found = await uow.sessions.principal(secrets.digest(secret), now)
            if found is None:
                return None
            principal, last_used_at = found
            if now - last_used_at >= _USE_NOTED_EVERY:
                await uow.sessions.note_use(principal.id, now)
                await uow.commit()
        return principal

    async def directory_token(self, secret: str) -> Principal | None:
        """The directory behind a SCIM token that lives, of a directory that is on (R48, R55).

        Raises `token_revoked`, `token_expired` (401).
        """
        digest, now = secrets.digest(secret), self._kit.clock.now()
        async with self._kit.uow() as uow:
            found = await uow.directories.principal(digest)
            if found is None:
                return None
            principal, token = found
            ensure_opens(token, now)
            if token.last_used_at is None or now - token.last_used_at >= _TOKEN_USE_NOTED_EVERY:
                await uow.directories.note_use(digest, now)
                await uow.commit()
        return principal

    async def service_account(self, secret: str) -> Principal | None:
        """The service account behind a token that lives."""
        digest, now = secrets.digest(secret), self._kit.clock.now()
        async with self._kit.uow() as uow:
            found = await uow.service_accounts.by_secret(digest, now)
            if found is None:
                return None
            account, token_id = found
            if await uow.service_accounts.note_use(digest, now):
                await uow.commit()
        return Principal(
            CredentialKind.SERVICE_ACCOUNT_TOKEN,
            id=token_id,
            organization_id=account.organization_id,
            service_account_id=account.id,
            name=account.name,
        )

    async def directory_by_service_account(self, secret: str) -> Principal | None:
        """The directory that an administrating service account may push to, if the directory is on (R48)."""
        digest, now = secrets.digest(secret), self._kit.clock.now()
        async with self._kit.uow() as uow:
            found = await uow.service_accounts.by_secret(digest, now)
            if found is None or found[0].role is not Role.ADMINISTRATOR:
                return None
            account, _ = found
            directory = await uow.directories.get(account.organization_id)
            if directory is None or not directory.enabled:
                return None
            if await uow.service_accounts.note_use(digest, now):
                await uow.commit()
        return Principal(
            CredentialKind.DIRECTORY_TOKEN,
            id=directory.id,
            organization_id=account.organization_id,
            service_account_id=account.id,
            name=account.name,
        )

    async def setup_link(self, secret: str) -> Principal | None:
        """The bearer of a setup link that lives (R7)."""
        now = self._kit.clock.now()
        async with self._kit.uow() as uow:
            known = await uow.setup_links.by_secret(secrets.digest(secret))
            if known is None or not known.link.is_alive(known.creator, now):
                return None
            link = known.link
            if await uow.setup_links.note_use(link.organization_id, link.id, now):
                await uow.commit()
        return Principal(
            CredentialKind.SETUP_LINK,
            id=link.id,
            email=link.created_by_email,
            organization_id=link.organization_id,
            setup_intent=link.intent,
        )
