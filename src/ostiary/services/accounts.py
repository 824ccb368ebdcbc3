"""Accounts: signing up, in and out, proving an address."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta

from ostiary.domain import ids
from ostiary.domain.account import (
    Account,
    Session,
    SessionKind,
    SessionLimits,
    checked_email,
    checked_name,
    checked_password,
)
from ostiary.domain.errors import DomainError, forbidden, invalid, not_found, unauthenticated
from ostiary.domain.operation import Operation
from ostiary.domain.throttle import Attempt
from ostiary.services import mails, secrets
from ostiary.services.context import UNKNOWN_CLIENT, Caller, Client, Kit
from ostiary.services.ports.accounts import EmailTokenPurpose
from ostiary.services.ports.organizations import Entrance
from ostiary.services.ports.uow import UnitOfWork
from ostiary.services.ports.world import PasswordHasher
from ostiary.services.throttle import Throttle

VERIFY_EMAIL_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session and its secret, shown once."""

    token: str
    session: Session
    account: Account


class AccountService:
    """A person's own account and sessions."""

    def __init__(
        self,
        kit: Kit,
        passwords: PasswordHasher,
        common: Container[str],
        throttle: Throttle,
        limits: SessionLimits,
    ) -> None:
        self._kit = kit
        self._limits = limits
        self._passwords = passwords
        self._common = common
        self._throttle = throttle

    async def sign_up(self, *, email: str, password: str, name: str, client: Client = UNKNOWN_CLIENT) -> SignedIn:
        """Make an account and sign it in; mails a token that proves the address. Raises `email_taken`."""
        address, called = checked_email(email), checked_name(name)
        checked = checked_password(password, address, self._common)
        await self._throttle.count(Attempt.SIGN_UP, client, address)
        account = Account(
            id=self._kit.ids.new(ids.ACCOUNT),
            email=address,
            name=called,
            created_at=self._kit.clock.now(),
            password_hash=await self._passwords.hash(checked),
        )
        async with self._kit.uow() as uow:
            await uow.accounts.add(account)
            token = await self._mailed_token(uow, account, EmailTokenPurpose.VERIFY_EMAIL, VERIFY_EMAIL_LIFETIME)
            await uow.outbox.mail(mails.verify_email(account.email, self._kit.urls.base_url, token))
            signed_in = await self._open_session(uow, account, client)
            await uow.commit()
        return signed_in

    async def sign_in(self, *, email: str, password: str, client: Client = UNKNOWN_CLIENT) -> SignedIn:
        """A password session; raises `invalid_credentials`, or `sso_required` once the password is right (R12)."""
        wrong = unauthenticated("invalid_credentials", "The e-mail address or the password is wrong.")
        try:
            address = checked_email(email)
        except DomainError:
            address = ""
        taken = await self._throttle.count(Attempt.SIGN_IN, client, address or None)
        async with self._kit.uow() as uow:
            found = await uow.accounts.by_email(address)
        # No connection is held while the password is hashed.
        right = await self._passwords.verify(password, found.password_hash if found else None)
        if found is None or not right:
            raise wrong
        await self._throttle.give_back(taken)
        await self._throttle.welcome(address, client)
        async with self._kit.uow() as uow:
            account = await uow.accounts.get(found.id, lock=True)
            if account is None or account.password_hash != found.password_hash:
                raise wrong
            if await uow.accounts.has_memberships_all_requiring_sso(account.id):
                raise forbidden(
                    "sso_required",
                    "Your organization signs in through its identity provider. Give your e-mail address to "
                    "POST /v1/auth/discover and follow the sign_in_url.",
                )
            signed_in = await self._open_session(uow, account, client)
            await uow.commit()
        return signed_in

    async def verify_email(self, token: str, client: Client = UNKNOWN_CLIENT) -> None:
        """Prove the address a token was mailed to; raises `invalid_token`."""
        async with self._throttle.refusals(Attempt.VERIFY_EMAIL, client), self._kit.uow() as uow:
            account, _ = await self._use_token(uow, token, EmailTokenPurpose.VERIFY_EMAIL)
            await uow.accounts.mark_email_verified(account.id, self._kit.clock.now())
            await uow.commit()

    async def me(self, caller: Caller) -> Account:
        """The caller's account."""
        principal = caller.account(Operation.GET_ME)
        async with self._kit.uow() as uow:
            return await self._existing(uow, principal.account_id or "")

    async def rename_me(self, caller: Caller, name: str) -> Account:
        """Change the caller's name, also in the memberships kept by hand: others have theirs from a company."""
        principal = caller.account(Operation.UPDATE_ME)
        checked = checked_name(name)
        async with self._kit.uow() as uow:
            caller.ensure_seen(await self._existing(uow, principal.account_id or "", lock=True))
            await uow.accounts.set_name(principal.account_id or "", checked)
            await uow.members.rename_manual(principal.account_id or "", checked)
            account = await self._existing(uow, principal.account_id or "")
            await uow.commit()
        return account

    async def my_organizations(self, caller: Caller) -> tuple[Entrance, ...]:
        """The organizations the caller is a member of; an SSO session sees its own alone (R27).

        A deleted one is shown to its administrators alone, who can have it back.
        """
        principal = caller.account(Operation.LIST_MY_ORGANIZATIONS)
        async with self._kit.uow() as uow:
            entrances = await uow.organizations.of_account(principal.account_id or "")
        bound = principal.organization_id
        return tuple(
            entrance
            for entrance in entrances
            if bound in {None, entrance.organization.id}
            and (entrance.organization.deleted_at is None or entrance.may_restore)
        )

    async def my_sessions(self, caller: Caller) -> tuple[Session, ...]:
        """The caller's living sessions."""
        principal = caller.account(Operation.LIST_MY_SESSIONS)
        async with self._kit.uow() as uow:
            return await uow.sessions.of_account(principal.account_id or "", self._kit.clock.now())

    async def revoke_my_session(self, caller: Caller, session_id: str) -> None:
        """End one of the caller's sessions; raises `session_not_found`."""
        principal = caller.account(Operation.REVOKE_MY_SESSION)
        async with self._kit.uow() as uow:
            if not await uow.sessions.delete(principal.account_id or "", session_id):
                raise not_found("session")
            await uow.commit()

    async def revoke_my_other_sessions(self, caller: Caller) -> int:
        """End all of the caller's sessions but the one that asks; answers how many."""
        principal = caller.account(Operation.REVOKE_MY_OTHER_SESSIONS)
        async with self._kit.uow() as uow:
            ended = await uow.sessions.delete_of_account(principal.account_id or "", keep=principal.id)
            await uow.commit()
        return ended

    async def _existing(self, uow: UnitOfWork, account_id: str, *, lock: bool = False) -> Account:
        account = await uow.accounts.get(account_id, lock=lock)
        if account is None:
            raise not_found("account")
        return account

    async def _open_session(self, uow: UnitOfWork, account: Account, client: Client) -> SignedIn:
        now, limits = self._kit.clock.now(), self._limits
        session = Session(
            id=self._kit.ids.new(ids.SESSION),
            account_id=account.id,
            kind=SessionKind.PASSWORD,
            created_at=now,
            expires_at=now + min(limits.idle, limits.absolute),
            ends_at=now + limits.absolute,
            last_used_at=now,
            idle=limits.idle,
            client_address=client.address,
            user_agent=client.user_agent,
        )
        token = self._kit.ids.secret(secrets.SESSION)
        await uow.sessions.add(session, secrets.digest(token))
        return SignedIn(token, session, account)

    async def _mailed_token(
        self, uow: UnitOfWork, account: Account, purpose: EmailTokenPurpose, lifetime: timedelta
    ) -> str:
        token = self._kit.ids.secret(secrets.EMAIL_TOKEN)
        await uow.email_tokens.add(
            secrets.digest(token), account.id, purpose, account.email, self._kit.clock.now() + lifetime
        )
        return token

    async def _use_token(self, uow: UnitOfWork, token: str, purpose: EmailTokenPurpose) -> tuple[Account, str]:
        used = await uow.email_tokens.consume(secrets.digest(token), purpose, self._kit.clock.now())
        account = await uow.accounts.get(used[0], lock=True) if used else None
        # A token proves the address it was mailed to, not one the account changed to since.
        if used is None or account is None or account.email != used[1]:
            raise invalid(
                "invalid_token",
                "This token was used, has expired, or is not ours. Ask for a new one.",
                pointer="/token",
            )
        return account, used[1]
